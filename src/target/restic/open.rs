//! A version that is being read.

use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::bundle::{self, Files};
use super::catalog::{Catalog, Entry};
use super::lock::shared;
use super::process::Running;
use super::repository::ResticTarget;
use super::shared::Inner;
use crate::model::Bytes;
use crate::target::checksums::is_file_name;
use crate::target::flock::Lock;
use crate::target::{InvalidManifest, Manifest, Opened, StoredId, TargetError};

struct OpenedSnapshots {
    inner: Arc<Inner>,
    catalog: Arc<Catalog>,
    id: StoredId,
    manifest: Manifest,
    described: OnceLock<Files>,
    _lock: Lock,
}

/// Opens a version.
pub(super) fn open(target: &ResticTarget, id: &StoredId) -> Result<Box<dyn Opened>, TargetError> {
    let inner = target.inner.clone();
    let lock = shared(&inner, &id.source, &id.resource)?;
    let mut catalog = inner.catalog()?;
    if !catalog.versions.contains_key(id) {
        // It may have come since.
        inner.forget_listing();
        catalog = inner.catalog()?;
    }
    let Some(entry) = catalog.versions.get(id) else {
        return Err(TargetError::NoVersion(Box::new(id.clone())));
    };
    let manifest = match &entry.manifest {
        Some(Ok(manifest)) => manifest.clone(),
        broken => {
            let text = broken.as_ref().and_then(|it| it.as_ref().err());
            let text = text.map_or("it is lost", String::as_str);
            return Err(TargetError::Manifest {
                path: PathBuf::from(&entry.described_in),
                cause: InvalidManifest::Beside(text.to_owned()),
            });
        }
    };
    Ok(Box::new(OpenedSnapshots {
        inner,
        catalog: catalog.clone(),
        id: id.clone(),
        manifest,
        described: OnceLock::new(),
        _lock: lock,
    }))
}

/// Reads the small files of a version.
pub(super) fn read(inner: &Inner, entry: &Entry) -> Result<Files, TargetError> {
    let [snapshot, ..] = &entry.described_by[..] else {
        return Err(not_there(&entry.described_in));
    };
    let arguments = [snapshot.clone(), format!("/{}", entry.described_in)];
    let tar = inner.restic.run("dump", &arguments)?;
    bundle::read(&tar[..]).map_err(|cause| TargetError::Io {
        action: "read",
        path: PathBuf::from(&entry.described_in),
        cause,
    })
}

/// An error that says that a file is not there.
pub(super) fn not_there(name: &str) -> TargetError {
    TargetError::Io {
        action: "open",
        path: PathBuf::from(name),
        cause: io::ErrorKind::NotFound.into(),
    }
}

impl OpenedSnapshots {
    fn entry(&self) -> Result<&Entry, TargetError> {
        let entry = self.catalog.versions.get(&self.id);
        entry.ok_or_else(|| TargetError::NoVersion(Box::new(self.id.clone())))
    }

    fn described(&self) -> Result<&Files, TargetError> {
        if let Some(files) = self.described.get() {
            return Ok(files);
        }
        let files = match read(&self.inner, self.entry()?) {
            // Another process may have given the snapshot another id, as it does with a tag.
            Err(TargetError::Restic { .. }) => {
                self.inner.forget_listing();
                let catalog = self.inner.catalog()?;
                let entry = catalog.versions.get(&self.id);
                let gone = || TargetError::NoVersion(Box::new(self.id.clone()));
                read(&self.inner, entry.ok_or_else(gone)?)?
            }
            read => read?,
        };
        Ok(self.described.get_or_init(|| files))
    }
}

impl Opened for OpenedSnapshots {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        if !is_file_name(name) {
            return Err(TargetError::FileName(name.to_owned()));
        }
        if let Some(data) = self.entry()?.data.get(name)
            && let [snapshot, ..] = &data.snapshots[..]
        {
            return Ok(Box::new(dump(&self.inner, snapshot, &data.path)));
        }
        let bytes = self.described()?.get(name).ok_or_else(|| not_there(name))?;
        Ok(Box::new(Cursor::new(bytes.clone())))
    }

    fn size(&self, name: &str) -> Result<Bytes, TargetError> {
        if !is_file_name(name) {
            return Err(TargetError::FileName(name.to_owned()));
        }
        if let Some(data) = self.entry()?.data.get(name) {
            let files = self.manifest.data_files();
            let told = files
                .filter(|file| file.file == name)
                .map(|file| file.stored_size)
                .next();
            // restic before 0.17 does not say how large it is.
            return data.size.or(told).ok_or_else(|| not_there(name));
        }
        let bytes = self.described()?.get(name).ok_or_else(|| not_there(name))?;
        Ok(Bytes(bytes.len() as u64))
    }
}

/// What `restic dump` writes; it is started when it is first read.
pub(super) struct Dump {
    inner: Arc<Inner>,
    arguments: Vec<String>,
    running: Option<Running>,
    ended: bool,
}

/// A file of a snapshot.
pub(super) fn dump(inner: &Arc<Inner>, snapshot: &str, path: &str) -> Dump {
    Dump {
        inner: inner.clone(),
        arguments: vec![snapshot.to_owned(), path.to_owned()],
        running: None,
        ended: false,
    }
}

impl Read for Dump {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.running.is_none() {
            let started = self.inner.restic.stream("dump", &self.arguments);
            self.running = Some(started.map_err(io::Error::other)?);
        }
        let Some(running) = &mut self.running else {
            return Ok(0);
        };
        let count = running
            .stdout
            .as_mut()
            .map_or(Ok(0), |stdout| stdout.read(buffer))?;
        if count == 0 {
            self.ended = true;
            // That it wrote all of it is known when it has ended well.
            running.finish().map_err(io::Error::other)?;
        }
        Ok(count)
    }
}
