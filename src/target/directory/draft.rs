//! A version that is being written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::Digest as _;

use super::catalog;
use super::files::{
    Folder, create_file, make_folder, make_folders, remove_empty, remove_file, remove_tree,
    rename_folder, sync_file, sync_folder, write, write_file,
};
use super::lock::shared_and_clear;
use super::place::DirectoryTarget;
use super::{sealed, share};
use crate::model::{Bytes, ResourceId, RunId, Sha256, SourceName, Version};
use crate::target::checksums::is_file_name;
use crate::target::error::At as _;
use crate::target::flock::Lock;
use crate::target::{
    Checksums, Draft, DraftFile, ENDING, Manifest, Stored, StoredId, TargetError, Written,
};

/// The checksums of the files that are finished.
type Finished = Arc<Mutex<BTreeMap<String, Sha256>>>;

/// Which second a version takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// Its own or the first later one that nobody has.
    First,
    /// Its own, or it is none.
    Own,
}

struct DirectoryDraft {
    target: DirectoryTarget,
    id: StoredId,
    second: Second,
    folder: PathBuf,
    partial: PathBuf,
    finished: Finished,
    committed: bool,
    _lock: Lock,
}

/// Begins a version.
pub(super) fn begin(
    target: &DirectoryTarget,
    (source, resource, version): (&SourceName, &ResourceId, Version),
    second: Second,
) -> Result<Box<dyn Draft>, TargetError> {
    let lock = shared_and_clear(target, source, resource)?;
    let folder = target.resource_folder(source, resource);
    make_folders(&target.root, &folder)?;
    let partial = folder.join(format!(".partial-{version}-{}", RunId::begin().short()));
    let draft = DirectoryDraft {
        target: target.clone(),
        id: StoredId {
            source: source.clone(),
            resource: resource.clone(),
            version,
        },
        second,
        folder,
        partial,
        finished: Finished::default(),
        committed: false,
        _lock: lock,
    };
    // Only now: where this fails half way, the draft takes away what there is.
    make_folder(&draft.partial)?;
    Ok(Box::new(draft))
}

impl DirectoryDraft {
    fn open(&self, name: &str) -> Result<DirectoryFile, TargetError> {
        let path = self.partial.join(name);
        Ok(DirectoryFile {
            file: create_file(&path)?,
            path,
            name: name.to_owned(),
            hasher: sha2::Sha256::new(),
            size: 0,
            finished: self.finished.clone(),
        })
    }
}

impl Draft for DirectoryDraft {
    fn create(&mut self, file: &str) -> Result<Box<dyn DraftFile>, TargetError> {
        if !is_file_name(file) {
            return Err(TargetError::FileName(file.to_owned()));
        }
        let recipients = self.target.encryption.recipients.as_ref();
        match recipients.filter(|_| !file.ends_with(ENDING)) {
            Some(recipients) => sealed::create(recipients, self.open(&format!("{file}{ENDING}"))?),
            None => Ok(Box::new(self.open(file)?)),
        }
    }

    fn encrypts(&self) -> bool {
        self.target.encryption.recipients.is_some()
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn share(
        &mut self,
        of: &StoredId,
        file: &str,
        sha256: Sha256,
    ) -> Result<Option<Written>, TargetError> {
        if !is_file_name(file) {
            return Err(TargetError::FileName(file.to_owned()));
        }
        // What is not encrypted does not come into a version that is, nor the other way round. Whom something
        // is encrypted to does not show, so that only a copy of a version takes another's as it is.
        let is_encrypted = file.ends_with(ENDING);
        if is_encrypted && self.second == Second::First || !is_encrypted && self.encrypts() {
            return Ok(None);
        }
        let shared = share::share(&self.target, of, file, (&self.partial, sha256))?;
        if let Some(written) = shared {
            let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished.insert(file.to_owned(), written.sha256);
        }
        Ok(shared)
    }

    fn commit(mut self: Box<Self>, manifest: Manifest) -> Result<Stored, TargetError> {
        let finished = self
            .finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut manifest = manifest;
        if finished.keys().any(|name| name.ends_with(ENDING)) {
            manifest.encrypt(&finished);
        }
        let checksums = Checksums(finished).to_string();
        write_file(&self.partial.join("checksums.txt"), checksums.as_bytes())?;
        let path = self.partial.join("manifest.json");
        loop {
            manifest.version = self.id.version;
            let bytes = manifest.render();
            let bytes = bytes.map_err(|cause| TargetError::Manifest {
                path: path.clone(),
                cause,
            })?;
            write_file(&path, &bytes)?;
            sync_folder(&self.partial)?;
            let place = self.folder.join(self.id.version.to_string());
            match rename_folder(&self.partial, &place) {
                Ok(()) => {
                    self.committed = true;
                    sync_folder(&self.folder)?;
                    return Ok(catalog::read(self.id.clone(), Folder::at(&place)));
                }
                Err(error) if is_taken(&error) && self.second == Second::Own => {
                    return Err(TargetError::Taken(Box::new(self.id.clone())));
                }
                // Another run took this second: this one takes the next. A folder with something in it
                // is never replaced by a rename; asking the kernel for more (`RENAME_NOREPLACE`) would
                // shut out NFS and SMB, which do not have it.
                Err(error) if is_taken(&error) => {
                    remove_file(&path).at("remove", &path)?;
                    self.id.version = self.id.version.next();
                }
                Err(error) => return Err(error).at("create", &place),
            }
        }
    }
}

impl Drop for DirectoryDraft {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed now is removed by the next run.
            let _ = remove_tree(&self.partial);
            let _ = remove_empty(&self.folder);
        }
    }
}

/// Whether a rename failed because something stands there.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
    )
}

pub(super) struct DirectoryFile {
    file: File,
    pub(super) path: PathBuf,
    name: String,
    hasher: sha2::Sha256,
    size: u64,
    finished: Finished,
}

impl Write for DirectoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = write(&mut self.file, bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DraftFile for DirectoryFile {
    fn finish(self: Box<Self>) -> Result<Written, TargetError> {
        sync_file(&self.file).at("write", &self.path)?;
        let sha256 = Sha256(self.hasher.finalize().into());
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.insert(self.name, sha256);
        Ok(Written {
            size: Bytes(self.size),
            sha256,
        })
    }
}
