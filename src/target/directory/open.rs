//! A version that is being read.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use age::stream::StreamReader;

use super::catalog::read_manifest;
use super::files::{Folder, open_file, read_file};
use super::lock::shared;
use super::place::DirectoryTarget;
use crate::model::{Bytes, Sha256};
use crate::target::checksums::is_file_name;
use crate::target::encryption::{self, Identities, NotOpened, Placed};
use crate::target::error::At as _;
use crate::target::flock::Lock;
use crate::target::{Checksums, ENDING, Manifest, Opened, Seekable, StoredId, TargetError};

/// How large a list of checksums may be.
const LIMIT: u64 = 1024 * 1024;
/// How large a file may be that keys are tried on.
const SAMPLE: u64 = 64 * 1024 * 1024;

struct OpenedFolder {
    folder: PathBuf,
    manifest: Manifest,
    id: StoredId,
    identities: Identities,
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
        id: id.clone(),
        identities: target.encryption.identities.clone(),
        _lock: lock,
    }))
}

impl OpenedFolder {
    fn open(&self, name: &str) -> Result<File, TargetError> {
        if !is_file_name(name) {
            return Err(TargetError::FileName(name.to_owned()));
        }
        let path = self.path(name);
        open_file(&path).at("open", &path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(&*self.manifest.stored_name(name))
    }

    /// Whether a file is encrypted where it is kept.
    fn is_encrypted(&self, name: &str) -> bool {
        self.manifest.stored_name(name).ends_with(ENDING)
    }

    fn decrypt<R: Read>(&self, name: &str, stored: R) -> Result<StreamReader<R>, TargetError> {
        let id = || Box::new(self.id.clone());
        encryption::opened(&self.identities, stored).map_err(|why| match why {
            NotOpened::NoKey => TargetError::NoKey(id()),
            NotOpened::OtherKey => TargetError::OtherKey(id()),
            NotOpened::Unusable(why) => why.into(),
            NotOpened::Plugin(said) => TargetError::Plugin { id: id(), said },
            NotOpened::Damaged(cause) => TargetError::Io {
                action: "decrypt",
                path: self.path(name),
                cause,
            },
        })
    }

    /// A small file that only a key opens, if it is what was written.
    fn sample(&self) -> Option<(String, Vec<u8>)> {
        let config = self.manifest.config.as_ref();
        let part = config.and_then(|config| config.files.first());
        let name = part
            .map(|part| part.file.as_str())
            .or(self.manifest.record())?;
        let name = self.manifest.stored_name(name).into_owned();
        let sums = read_file(&self.path("checksums.txt"), LIMIT).ok()?;
        let sums = Checksums::parse(std::str::from_utf8(&sums).ok()?).ok()?;
        let mut bytes = Vec::new();
        let file = self.open(&name).ok()?;
        file.take(SAMPLE).read_to_end(&mut bytes).ok()?;
        (sums.0.get(&name) == Some(&Sha256::of(&bytes))).then_some((name, bytes))
    }
}

impl Opened for OpenedFolder {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        let file = self.open(name)?;
        if !self.is_encrypted(name) {
            return Ok(Box::new(file));
        }
        Ok(Box::new(self.decrypt(name, BufReader::new(file))?))
    }

    fn stored(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        Ok(Box::new(self.open(name)?))
    }

    fn decrypted<'a>(
        &self,
        name: &str,
        stored: Box<dyn Read + 'a>,
    ) -> Result<Box<dyn Read + 'a>, TargetError> {
        if !self.is_encrypted(name) {
            return Ok(stored);
        }
        // Its beginning is read byte by byte.
        Ok(Box::new(self.decrypt(name, BufReader::new(stored))?))
    }

    fn unlock(&self) -> Result<(), TargetError> {
        if !self.manifest.is_encrypted() {
            return Ok(());
        }
        if self.identities.is_empty() {
            return Err(TargetError::NoKey(Box::new(self.id.clone())));
        }
        let Some((name, bytes)) = self.sample() else {
            return Ok(());
        };
        match self.decrypt(&name, &*bytes) {
            Err(error) if error.is_key() => Err(error),
            _ => Ok(()),
        }
    }

    fn seekable(&self, name: &str) -> Result<Option<Box<dyn Seekable>>, TargetError> {
        let file = self.open(name)?;
        if !self.is_encrypted(name) {
            return Ok(Some(Box::new(file)));
        }
        let stream = self.decrypt(name, BufReader::new(file))?;
        let placed = Placed::new(stream).at("decrypt", &self.path(name))?;
        Ok(Some(Box::new(placed)))
    }

    fn size(&self, name: &str) -> Result<Bytes, TargetError> {
        let path = self.path(name);
        Ok(Bytes(
            self.open(name)?.metadata().at("look at", &path)?.len(),
        ))
    }
}
