//! A stored archive read back, with every check that its manifest allows.
//!
//! Restoring, verifying and whatever else reads an archive come here, so that an archive is either
//! right for all of them or for none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::Arc;

use sha2::Digest as _;

use crate::archive::{ArchiveError, Index, Pass, Passage, Unpack, unpacked};
use crate::model::{Bytes, Kind, Sha256};
use crate::progress::Task;
use crate::target::{ArchiveFacts, Checksums, Manifest, Opened};

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;
/// How large a small file may be.
const SMALL: u64 = 64 * 1024 * 1024;

/// What is wrong with a stored archive.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It cannot be read.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// It is not a complete archive.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// It unfolds to more than was written.
    #[error("it holds more than the {0} that its manifest gives")]
    Size(Bytes),
    /// The record of what is described is not one.
    #[error("its record cannot be understood")]
    Record(#[source] serde_json::Error),
    /// It is not what was written.
    #[error("its SHA-256 is not the one that its manifest gives")]
    Digest,
}

/// Reads an archive through a passage, which checks its structure, and compares its checksum.
///
/// What comes out of the passage has then been written already: whoever must not use it before it is
/// known to be right holds its end back. Blocks. The task is told how many stored bytes were read.
pub fn archive<W: Write, P: Passage<W>>(
    opened: &dyn Opened,
    archive: &ArchiveFacts,
    mut passage: P,
    task: Arc<dyn Task>,
) -> Result<(W, P::Contents), Damage> {
    let file = opened
        .file(&archive.file)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let mut hashed = Hashed {
        inner: file,
        hasher: sha2::Sha256::new(),
        task,
    };
    if !archive.is_measured() {
        // What the earlier tool left: its beginning tells the compression, and nothing the size.
        let mut unpack = Unpack::new(passage);
        copy(&mut hashed, &mut unpack, Bytes(u64::MAX))?;
        let ended = unpack.finish()?;
        return compare(hashed, archive, ended);
    }
    let mut plain = unpacked(&mut hashed, &archive.compression);
    copy(&mut plain, &mut passage, archive.size)?;
    drop(plain);
    let ended = passage.finish()?;
    compare(hashed, archive, ended)
}

/// Reads the file of an archive as it is stored through a passage, and compares its checksum.
///
/// What is said of [`archive`] holds here too.
pub fn as_it_is<W: Write, P: Passage<W>>(
    opened: &dyn Opened,
    archive: &ArchiveFacts,
    mut passage: P,
    task: Arc<dyn Task>,
) -> Result<(W, P::Contents), Damage> {
    let file = opened
        .file(&archive.file)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let mut hashed = Hashed {
        inner: file,
        hasher: sha2::Sha256::new(),
        task,
    };
    copy(&mut hashed, &mut passage, archive.stored_size)?;
    let ended = passage.finish()?;
    compare(hashed, archive, ended)
}

/// Gives what was read, if its file is what was written. Whatever follows the last frame belongs to
/// the file, and so to its checksum.
fn compare<R: Read, T>(hashed: Hashed<R>, archive: &ArchiveFacts, ended: T) -> Result<T, Damage> {
    if hashed.rest().map_err(Damage::Read)? == archive.sha256 {
        Ok(ended)
    } else {
        Err(Damage::Digest)
    }
}

/// What an archive says of itself at its beginning; no more of it is read. Blocks.
pub fn index(opened: &dyn Opened, archive: &ArchiveFacts) -> Result<Index, Damage> {
    let mut file = opened
        .file(&archive.file)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let found = RefCell::new(None);
    let mut unpack = Unpack::new(UpToIndex {
        pass: Pass::new(io::sink(), None),
        found: &found,
    });
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = file.read(&mut buffer).map_err(Damage::Read)?;
        let written = unpack.write_all(&buffer[..count]);
        if let Some(index) = found.take() {
            return Ok(index);
        }
        written.map_err(unwrap)?;
        if count == 0 {
            // A decoder may hold the last of it back.
            unpack.finish()?;
            return Ok(found.take().ok_or(ArchiveError::Truncated(0))?);
        }
    }
}

/// Takes an archive up to where its index is known.
struct UpToIndex<'a> {
    pass: Pass<io::Sink>,
    found: &'a RefCell<Option<Index>>,
}

impl Write for UpToIndex<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pass.write(bytes);
        if let Some(index) = self.pass.index() {
            self.found.replace(Some(index.clone()));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Passage<()> for UpToIndex<'_> {
    type Contents = ();

    fn finish(self) -> Result<((), ()), ArchiveError> {
        Ok(((), ()))
    }
}

/// What is wrong with an archive, in an error of writing it on.
fn unwrap(error: io::Error) -> Damage {
    match ArchiveError::from_io(error) {
        Ok(archive) => Damage::Archive(archive),
        Err(io) => Damage::Read(io),
    }
}

/// The checksum of a stored file. Blocks.
pub fn digest(opened: &dyn Opened, name: &str, task: Arc<dyn Task>) -> Result<Sha256, Damage> {
    let file = opened
        .file(name)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let hashed = Hashed {
        inner: file,
        hasher: sha2::Sha256::new(),
        task,
    };
    hashed.rest().map_err(Damage::Read)
}

/// A small file of a version, which must be what was written: its checksum stands beside it. Blocks.
pub fn small(opened: &dyn Opened, name: &str) -> Result<Vec<u8>, Damage> {
    let checksums = checksums(opened)?;
    let bytes = whole(opened, name)?;
    let expected = checksums.0.get(name).copied();
    if expected == Some(Sha256::of(&bytes)) {
        Ok(bytes)
    } else {
        Err(Damage::Digest)
    }
}

/// The checksums of a version's files. Blocks.
pub fn checksums(opened: &dyn Opened) -> Result<Checksums, Damage> {
    let text = String::from_utf8(whole(opened, "checksums.txt")?).ok();
    let checksums = text.and_then(|text| Checksums::parse(&text).ok());
    checksums.ok_or(Damage::Digest)
}

/// What a list of checksums does not name though it must, or names otherwise than the manifest does.
pub fn listed(manifest: &Manifest, checksums: &Checksums) -> Option<String> {
    let mut required: BTreeSet<&str> = BTreeSet::new();
    if manifest.kind != Kind::Config && !manifest.is_legacy() {
        required.insert(match manifest.kind {
            Kind::Volume => "volume.json",
            Kind::Bucket => "bucket.json",
            Kind::Image => "image.json",
            Kind::Instance | Kind::Config => "instance.json",
        });
    }
    required.extend(
        manifest
            .archive
            .as_ref()
            .map(|archive| archive.file.as_str()),
    );
    if let Some(name) = required
        .into_iter()
        .find(|name| !checksums.0.contains_key(*name))
    {
        return Some(format!("`checksums.txt` does not name `{name}`"));
    }
    let parts = manifest.config.iter().flat_map(|config| &config.files);
    for part in parts {
        if checksums.0.get(&part.file) != Some(&part.sha256) {
            let file = &part.file;
            return Some(format!(
                "`checksums.txt` and the manifest give `{file}` different checksums"
            ));
        }
    }
    let archive = manifest.archive.as_ref()?;
    (checksums.0.get(&archive.file) != Some(&archive.sha256)).then(|| {
        format!(
            "`checksums.txt` and the manifest give `{}` different checksums",
            archive.file
        )
    })
}

fn whole(opened: &dyn Opened, name: &str) -> Result<Vec<u8>, Damage> {
    let file = opened
        .file(name)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let mut bytes = Vec::new();
    file.take(SMALL)
        .read_to_end(&mut bytes)
        .map_err(Damage::Read)?;
    Ok(bytes)
}

/// Copies a tar of this size. A file that unfolds to more is given up then, not at its end.
fn copy(from: &mut impl Read, to: &mut impl Write, size: Bytes) -> Result<(), Damage> {
    let mut buffer = vec![0; CHUNK];
    let mut left = size.0;
    loop {
        let count = from.read(&mut buffer).map_err(Damage::Read)?;
        if count == 0 {
            return Ok(());
        }
        left = left.checked_sub(count as u64).ok_or(Damage::Size(size))?;
        to.write_all(&buffer[..count]).map_err(unwrap)?;
    }
}

/// Hashes what is read, and tells how much it was.
struct Hashed<R> {
    inner: R,
    hasher: sha2::Sha256,
    task: Arc<dyn Task>,
}

impl<R: Read> Hashed<R> {
    /// The checksum of everything, once what is left is read.
    fn rest(mut self) -> io::Result<Sha256> {
        let mut buffer = vec![0; CHUNK];
        while self.read(&mut buffer)? > 0 {}
        Ok(Sha256(self.hasher.finalize().into()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.task.advance(count as u64);
        Ok(count)
    }
}
