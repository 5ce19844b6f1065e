//! One version, from target to target. Blocks.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::TransferError;
use super::packing::{Change, Sealing};
use super::plan::Copy;
use crate::archive::{Compression, FrameWriter, LISTING, Listed, Raw};
use crate::model::{Bytes, Kind, Sha256};
use crate::progress::{Cancel, Silent, Task};
use crate::retrieve::{self, Damage};
use crate::target::{
    ArchiveFacts, Checksums, Draft, DraftFile, ENDING, Manifest, Opened, Stored, Target, Written,
};

/// What one version is carried with.
pub(super) struct Carrier<'a> {
    pub(super) from: &'a dyn Target,
    pub(super) to: &'a dyn Target,
    /// On how many threads archives are compressed.
    pub(super) threads: NonZeroUsize,
    pub(super) cancel: &'a Cancel,
}

impl Carrier<'_> {
    /// Copies a version: its data, what describes it, and in the end its manifest.
    pub(super) fn copy(&self, copy: &Copy, task: &Arc<dyn Task>) -> Result<Stored, TransferError> {
        let opened = self.from.open(&copy.id)?;
        let mut manifest = opened.manifest().clone();
        let checksums = damaged("checksums.txt", retrieve::checksums(&*opened))?;
        if let Some(lack) = retrieve::listed(&manifest, &checksums) {
            return Err(TransferError::Lacks(lack));
        }
        let opens = copy.sealing == Sealing::Undone;
        if opens {
            opened.unlock()?;
        }
        let mut draft = self.to.begin_copy(&copy.id)?;
        task.phase("copying", Some(copy.stored_size.0));
        let data: Vec<String> = manifest.data_files().map(|it| it.file.clone()).collect();
        let kind = manifest.kind;
        let listing = manifest.stored_name(LISTING).into_owned();
        let is_listed = checksums.0.contains_key(&listing);
        for archive in data_files_mut(&mut manifest) {
            let how = if is_listed || !is_tar(kind, archive) {
                Listing::AsItIs
            } else {
                Listing::Made
            };
            *archive = self.data(copy, (kind, archive, how), (&*opened, &mut *draft), task)?;
        }
        for name in checksums.0.keys().filter(|name| !data.contains(name)) {
            self.go_on()?;
            if *name == listing {
                self.listing(copy.sealing, (&*opened, name), &checksums, &mut *draft)?;
                continue;
            }
            let written = describe(copy.sealing, (&*opened, name), &mut *draft)?;
            let parts = manifest.config.iter_mut().flat_map(|it| &mut it.files);
            for part in parts.filter(|part| part.file == *name) {
                (part.size, part.sha256) = (written.size, written.sha256);
            }
        }
        if opens {
            manifest.decrypt();
        }
        self.go_on()?;
        Ok(draft.commit(manifest)?)
    }

    fn go_on(&self) -> Result<(), TransferError> {
        if self.cancel.is_cancelled() {
            return Err(TransferError::Interrupted);
        }
        Ok(())
    }

    /// Copies a file of data; gives what it is there.
    fn data(
        &self,
        copy: &Copy,
        (kind, archive, listing): (Kind, &ArchiveFacts, Listing),
        (opened, draft): (&dyn Opened, &mut dyn Draft),
        task: &Arc<dyn Task>,
    ) -> Result<ArchiveFacts, TransferError> {
        for other in copy.alike.iter().filter(|_| copy.sealing == Sealing::Kept) {
            if draft.share(other, &archive.file, archive.sha256)?.is_some() {
                task.advance(archive.stored_size.0);
                return Ok(archive.clone());
            }
        }
        let mut plain = archive.clone();
        if copy.sealing == Sealing::Undone {
            (plain.file, plain.encryption) = (unsealed(&archive.file), None);
        }
        let change = copy.packing.change(kind, &plain);
        let file = change.file(&plain);
        let mut files = Files::of_data(draft.create(&file)?);
        // Only a tar that is unpacked on the way can be looked into, which is what one from a repository is.
        if listing == Listing::Made && change != Change::None && draft.is_seekable() {
            files.listing = Some(draft.create(LISTING)?);
        }
        let written = self.pour(opened, (archive, copy.sealing, change), files, task)?;
        Ok(ArchiveFacts {
            compression: change.compression(&plain),
            file,
            stored_size: written.size,
            sha256: written.sha256,
            ..plain
        })
    }

    /// Copies the list of what is in an archive, which is the same however that is packed, to where it
    /// is of use. It can be large.
    fn listing(
        &self,
        sealing: Sealing,
        (opened, name): (&dyn Opened, &str),
        checksums: &Checksums,
        draft: &mut dyn Draft,
    ) -> Result<(), TransferError> {
        let Some(sha256) = checksums.0.get(name).filter(|_| draft.is_seekable()) else {
            return Ok(());
        };
        let size = opened.size(name)?;
        let file = ArchiveFacts {
            file: name.to_owned(),
            compression: "none".to_owned(),
            encryption: None,
            size,
            stored_size: size,
            sha256: *sha256,
            members: 0,
        };
        let silent: Arc<dyn Task> = Arc::new(Silent);
        self.pour(
            opened,
            (&file, sealing, Change::None),
            Files::of_data(draft.create(&named(sealing, name))?),
            &silent,
        )?;
        Ok(())
    }

    /// Reads a file to its end, compares it with its checksum, and writes it.
    fn pour(
        &self,
        opened: &dyn Opened,
        (archive, sealing, change): (&ArchiveFacts, Sealing, Change),
        files: Files,
        task: &Arc<dyn Task>,
    ) -> Result<Written, TransferError> {
        let compression = match change {
            Change::None => Compression::None,
            Change::Packed(choice) => choice.into(),
        };
        let frames = FrameWriter::new(files.data, compression, self.threads)
            .map_err(TransferError::of_write)?;
        let listed = Listed::new(frames, files.listing).map_err(TransferError::of_write)?;
        let stopped = Stopped::default();
        let outlet = Outlet {
            out: listed,
            cancel: self.cancel.clone(),
            stopped: stopped.clone(),
        };
        let (passage, task) = (Raw::new(outlet), task.clone());
        let (poured, expected) = match (change, sealing) {
            (Change::None, Sealing::Kept) => {
                let poured = retrieve::as_it_is(opened, archive, passage, task);
                (poured, Some(archive.stored_size))
            }
            // Its end is found right, and nothing says how long it is.
            (Change::None, Sealing::Undone) => {
                (retrieve::packed(opened, archive, passage, task), None)
            }
            (Change::Packed(_), _) => {
                let poured = retrieve::archive(opened, archive, passage, task);
                (poured, Some(archive.size))
            }
        };
        // That it could not be written is no fault of what was read.
        if let Some(why) = stopped.take() {
            return Err(why);
        }
        let (outlet, size) = damaged(&archive.file, poured)?;
        if let Some(expected) = expected.filter(|expected| size != *expected) {
            let text = format!("`{}` holds {size} of {expected}", archive.file);
            return Err(TransferError::Lacks(text));
        }
        let (frames, listing) = outlet.out.finish().map_err(TransferError::of_write)?;
        let (file, _) = frames.finish().map_err(TransferError::of_write)?;
        if let Some(listing) = listing {
            listing.finish()?;
        }
        Ok(file.finish()?)
    }
}

/// Where the list of what is in an archive comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// It is copied, or there is none.
    AsItIs,
    /// It is made: a repository keeps none.
    Made,
}

/// What is written to.
struct Files {
    data: Box<dyn DraftFile>,
    listing: Option<Box<dyn DraftFile>>,
}

impl Files {
    fn of_data(data: Box<dyn DraftFile>) -> Self {
        Self {
            data,
            listing: None,
        }
    }
}

/// Whether an archive is an export tar of files that one looks into.
fn is_tar(kind: Kind, archive: &ArchiveFacts) -> bool {
    matches!(kind, Kind::Instance | Kind::Volume) && !archive.file.contains(".iso")
}

/// What a file is called in the other target.
fn named(sealing: Sealing, name: &str) -> String {
    match sealing {
        Sealing::Kept => name.to_owned(),
        Sealing::Undone => unsealed(name),
    }
}

fn unsealed(name: &str) -> String {
    name.strip_suffix(ENDING).unwrap_or(name).to_owned()
}

/// Copies a small file; gives what it is there.
fn describe(
    sealing: Sealing,
    (opened, name): (&dyn Opened, &str),
    draft: &mut dyn Draft,
) -> Result<Written, TransferError> {
    let read = match sealing {
        Sealing::Kept => retrieve::small_as_it_is(opened, name),
        Sealing::Undone => retrieve::small(opened, name),
    };
    let bytes = damaged(name, read)?;
    let there = named(sealing, name);
    let written = draft.describe(&there, &bytes)?;
    let same = written.sha256 == Sha256::of(&bytes) && written.size == Bytes(bytes.len() as u64);
    if same || draft.encrypts() && !there.ends_with(ENDING) {
        return Ok(written);
    }
    let text = format!("`{name}` was not written as it is");
    Err(TransferError::Write(io::Error::other(text)))
}

fn damaged<T>(file: &str, read: Result<T, Damage>) -> Result<T, TransferError> {
    read.map_err(|damage| match damage {
        Damage::Key(error) => TransferError::Target(error),
        damage => TransferError::Damaged {
            file: file.to_owned(),
            damage,
        },
    })
}

/// The files of data, to put what they become into their place.
fn data_files_mut(manifest: &mut Manifest) -> impl Iterator<Item = &mut ArchiveFacts> {
    let metadata = manifest
        .image
        .as_mut()
        .and_then(|image| image.metadata.as_mut());
    metadata.into_iter().chain(&mut manifest.archive)
}

/// Why nothing more was written.
#[derive(Clone, Default)]
struct Stopped(Arc<Mutex<Option<TransferError>>>);

impl Stopped {
    fn set(&self, why: TransferError) -> io::Error {
        let mut stopped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert(why);
        io::Error::other("nothing more is written")
    }

    fn take(&self) -> Option<TransferError> {
        let mut stopped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.take()
    }
}

/// Writes until the user stops it, and keeps what goes wrong apart from what reading finds.
struct Outlet {
    out: Listed<FrameWriter<Box<dyn DraftFile>>, Box<dyn DraftFile>>,
    cancel: Cancel,
    stopped: Stopped,
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(self.stopped.set(TransferError::Interrupted));
        }
        let written = self.out.write(bytes);
        written.map_err(|cause| self.stopped.set(TransferError::of_write(cause)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
