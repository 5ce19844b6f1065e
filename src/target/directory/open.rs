//! A version that is being read.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::catalog::read_manifest;
use super::files::{Folder, open_file};
use super::lock::shared;
use super::place::DirectoryTarget;
use crate::model::Bytes;
use crate::target::checksums::is_file_name;
use crate::target::error::At as _;
use crate::target::flock::Lock;
use crate::target::{Manifest, Opened, Seekable, StoredId, TargetError};

struct OpenedFolder {
    folder: PathBuf,
    manifest: Manifest,
    _lock: Option<Lock>,
}

/// Opens a version.
pub(super) fn open(
    target: &DirectoryTarget,
    id: &StoredId,
) -> Result<Box<dyn Opened>, TargetError> {
    let lock = match shared(target, &id.source, &id.resource) {
        Ok(lock) => Some(lock),
        // Where nothing can be written nothing is deleted either; what another machine does to the disk
        // meanwhile is found by the checksums.
        Err(TargetError::Io { cause, .. })
            if cause.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
        {
            None
        }
        Err(error) => return Err(error),
    };
    let folder = target
        .resource_folder(&id.source, &id.resource)
        .join(id.version.to_string());
    if !folder.is_dir() {
        return Err(TargetError::NoVersion(Box::new(id.clone())));
    }
    let manifest = read_manifest(id, Folder::at(&folder))?;
    Ok(Box::new(OpenedFolder {
        folder,
        manifest,
        _lock: lock,
    }))
}

impl OpenedFolder {
    fn open(&self, name: &str) -> Result<File, TargetError> {
        if !is_file_name(name) {
            return Err(TargetError::FileName(name.to_owned()));
        }
        let path = self.folder.join(name);
        open_file(&path).at("open", &path)
    }
}

impl Opened for OpenedFolder {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        Ok(Box::new(self.open(name)?))
    }

    fn seekable(&self, name: &str) -> Result<Option<Box<dyn Seekable>>, TargetError> {
        Ok(Some(Box::new(self.open(name)?)))
    }

    fn size(&self, name: &str) -> Result<Bytes, TargetError> {
        let path = self.folder.join(name);
        Ok(Bytes(
            self.open(name)?.metadata().at("look at", &path)?.len(),
        ))
    }
}
