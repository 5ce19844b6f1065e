//! A stored archive read back, with every check that its manifest allows.
//!
//! Restoring, verifying and whatever else reads an archive come here, so that an archive is either
//! right for all of them or for none.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::Arc;

use sha2::Digest as _;

use crate::archive::{ArchiveError, Index, Pass, Passage, Unpack, unpacked};
use crate::model::{Bytes, Sha256};
use crate::progress::Task;
use crate::target::{ArchiveFacts, Checksums, Manifest, Opened, TargetError};

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
    /// It is what was written, and no key at hand opens it: no damage.
    #[error("{0}")]
    Key(#[source] TargetError),
}

impl Damage {
    /// What keeps a file from being had.
    fn of(error: TargetError) -> Self {
        if error.is_key() {
            Self::Key(error)
        } else {
            Self::Read(io::Error::other(error))
        }
    }
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
    let mut hashed = Hashed::of(opened, &archive.file, task)?;
    if !archive.is_measured() {
        // What the earlier tool left: its beginning tells the compression, and nothing the size.
        let mut unpack = Unpack::new(passage);
        copy(&mut hashed, &mut unpack, Bytes(u64::MAX))?;
        let ended = unpack.finish()?;
        return compare(hashed, archive, ended);
    }
    decrypt(opened, archive, &mut hashed, |packed| {
        let mut plain = unpacked(packed, &archive.compression);
        copy(&mut plain, &mut passage, archive.size)
    })?;
    let ended = passage.finish()?;
    compare(hashed, archive, ended)
}

/// Reads what the file of an archive holds. One that was altered where it says whom it is for looks as if it
/// were for somebody else.
fn decrypt<R: Read>(
    opened: &dyn Opened,
    archive: &ArchiveFacts,
    hashed: &mut Hashed<R>,
    read: impl FnOnce(Box<dyn Read + '_>) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let decrypted = opened.decrypted(&archive.file, Box::new(&mut *hashed));
    match decrypted.map_err(Damage::of).and_then(read) {
        Err(Damage::Key(_)) if hashed.end().map_err(Damage::Read)? != archive.sha256 => {
            Err(Damage::Digest)
        }
        read => read,
    }
}

/// Reads the file of an archive through a passage, decrypted but packed as it is, and compares its
/// checksum.
///
/// What is said of [`archive`] holds here too.
pub fn packed<W: Write, P: Passage<W>>(
    opened: &dyn Opened,
    archive: &ArchiveFacts,
    mut passage: P,
    task: Arc<dyn Task>,
) -> Result<(W, P::Contents), Damage> {
    let mut hashed = Hashed::of(opened, &archive.file, task)?;
    decrypt(opened, archive, &mut hashed, |mut packed| {
        copy(&mut packed, &mut passage, archive.stored_size)
    })?;
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
    let mut hashed = Hashed::of(opened, &archive.file, task)?;
    copy(&mut hashed, &mut passage, archive.stored_size)?;
    let ended = passage.finish()?;
    compare(hashed, archive, ended)
}

/// Gives what was read, if its file is what was written. Whatever follows the last frame belongs to
/// the file, and so to its checksum.
fn compare<R: Read, T>(
    mut hashed: Hashed<R>,
    archive: &ArchiveFacts,
    ended: T,
) -> Result<T, Damage> {
    if hashed.end().map_err(Damage::Read)? == archive.sha256 {
        Ok(ended)
    } else {
        Err(Damage::Digest)
    }
}

/// What an archive says of itself at its beginning; no more of it is read. Blocks.
pub fn index(opened: &dyn Opened, archive: &ArchiveFacts) -> Result<Index, Damage> {
    let mut file = opened.file(&archive.file).map_err(Damage::of)?;
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

/// The checksum of a file as it is stored. Blocks.
pub fn digest(opened: &dyn Opened, name: &str, task: Arc<dyn Task>) -> Result<Sha256, Damage> {
    let mut hashed = Hashed::of(opened, name, task)?;
    hashed.end().map_err(Damage::Read)
}

/// What a small file of a version holds, which must be what was written: its checksum stands beside it.
/// Blocks.
pub fn small(opened: &dyn Opened, name: &str) -> Result<Vec<u8>, Damage> {
    let bytes = small_as_it_is(opened, name)?;
    let held = opened
        .decrypted(name, Box::new(&*bytes))
        .map_err(Damage::of)?;
    read_small(held)
}

/// The same file as it is stored. Blocks.
pub fn small_as_it_is(opened: &dyn Opened, name: &str) -> Result<Vec<u8>, Damage> {
    let checksums = checksums(opened)?;
    let bytes = read_small(opened.stored(name).map_err(Damage::of)?)?;
    let name = opened.manifest().stored_name(name);
    if checksums.0.get(&*name) == Some(&Sha256::of(&bytes)) {
        Ok(bytes)
    } else {
        Err(Damage::Digest)
    }
}

/// The checksums of a version's files. Blocks.
pub fn checksums(opened: &dyn Opened) -> Result<Checksums, Damage> {
    let text = read_small(opened.file("checksums.txt").map_err(Damage::of)?)?;
    let text = String::from_utf8(text).ok();
    let checksums = text.and_then(|text| Checksums::parse(&text).ok());
    checksums.ok_or(Damage::Digest)
}

/// What a list of checksums does not name though it must, or names otherwise than the manifest does.
pub fn listed(manifest: &Manifest, checksums: &Checksums) -> Option<String> {
    let record = manifest.record().filter(|_| !manifest.is_legacy());
    let archive = manifest.archive.as_ref();
    let required: BTreeSet<Cow<'_, str>> = record
        .into_iter()
        .chain(archive.map(|archive| archive.file.as_str()))
        .map(|name| manifest.stored_name(name))
        .collect();
    if let Some(name) = required
        .into_iter()
        .find(|name| !checksums.0.contains_key(&**name))
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

fn read_small(file: impl Read) -> Result<Vec<u8>, Damage> {
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

impl Hashed<Box<dyn Read + Send>> {
    /// A file of a version as it is stored.
    fn of(opened: &dyn Opened, name: &str, task: Arc<dyn Task>) -> Result<Self, Damage> {
        Ok(Self {
            inner: opened.stored(name).map_err(Damage::of)?,
            hasher: sha2::Sha256::new(),
            task,
        })
    }
}

impl<R: Read> Hashed<R> {
    /// The checksum of everything, once what is left is read.
    fn end(&mut self) -> io::Result<Sha256> {
        let mut buffer = vec![0; CHUNK];
        while self.read(&mut buffer)? > 0 {}
        Ok(Sha256(self.hasher.finalize_reset().into()))
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
