//! A version of the earlier tool that is being read.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::bundle::Files;
use super::catalog::Catalog;
use super::legacy::{CHECKSUMS, DATA, MANIFEST, Part, Set};
use super::lock::shared;
use super::open::{dump, not_there};
use super::repository::ResticTarget;
use super::shared::Inner;
use crate::model::{Bytes, Kind, ObjectKind};
use crate::target::checksums::is_file_name;
use crate::target::error::At as _;
use crate::target::flock::Lock;
use crate::target::legacy::{Data, Found, config_file, convert, includes, parse_checksums};
use crate::target::{Checksums, InvalidManifest, Manifest, Opened, StoredId, TargetError};

const CHECKSUMS_FILE: &str = "checksums.txt";
const MANIFEST_FILE: &str = "manifest.json";
/// How much of an archive tells what it is compressed with.
const BEGINNING: u64 = 6;

struct OpenedLegacy {
    inner: Arc<Inner>,
    /// Its archive.
    data: Option<Part>,
    files: Arc<Files>,
    manifest: Manifest,
    checksums: Checksums,
    _lock: Lock,
}

/// Opens a version.
pub(super) fn open(
    target: &ResticTarget,
    catalog: &Catalog,
    id: &StoredId,
) -> Result<Box<dyn Opened>, TargetError> {
    let inner = target.inner.clone();
    let lock = shared(&inner, &id.source, &id.resource)?;
    let gone = || TargetError::NoVersion(Box::new(id.clone()));
    let set = catalog.legacy.get(id).ok_or_else(gone)?;
    // Without it, it was never completed.
    set.part(CHECKSUMS).ok_or_else(gone)?;
    let reading = Reading {
        inner: &inner,
        id,
        set,
    };
    let files = reading.files()?;
    let (manifest, checksums) = reading.describe(&files)?;
    Ok(Box::new(OpenedLegacy {
        data: set.part(DATA).cloned(),
        inner,
        files,
        manifest,
        checksums,
        _lock: lock,
    }))
}

/// A version whose parts are read.
struct Reading<'a> {
    inner: &'a Arc<Inner>,
    id: &'a StoredId,
    set: &'a Set,
}

impl Reading<'_> {
    fn wrong(cause: InvalidManifest) -> TargetError {
        TargetError::Manifest {
            path: PathBuf::from(MANIFEST_FILE),
            cause,
        }
    }

    fn beside(text: String) -> TargetError {
        Self::wrong(InvalidManifest::Beside(text))
    }

    fn missing(name: &str) -> TargetError {
        Self::beside(format!("`{name}` is missing"))
    }

    /// The small files, each of which takes a start of restic the first time.
    fn files(&self) -> Result<Arc<Files>, TargetError> {
        if let Some(files) = self.set.read.get() {
            return Ok(files.clone());
        }
        let mut files = Files::new();
        let parts = [(CHECKSUMS, CHECKSUMS_FILE), (MANIFEST, MANIFEST_FILE)];
        for (part, file) in parts {
            let part = self.set.part(part).ok_or_else(|| Self::missing(file))?;
            files.insert(file.to_owned(), self.bytes(part)?);
        }
        for (_, file) in self.included(&files)? {
            let part = self.set.config_part(file);
            let part = part.ok_or_else(|| Self::missing(file))?;
            files.insert(file.to_owned(), self.bytes(part)?);
        }
        Ok(self.set.read.get_or_init(|| Arc::new(files)).clone())
    }

    /// The files of a configuration.
    fn included(&self, files: &Files) -> Result<Vec<(ObjectKind, &'static str)>, TargetError> {
        if self.id.resource.kind() != Kind::Config {
            return Ok(Vec::new());
        }
        let manifest = files.get(MANIFEST_FILE).map_or(&[][..], Vec::as_slice);
        includes(manifest).map_err(Self::wrong)
    }

    fn bytes(&self, part: &Part) -> Result<Vec<u8>, TargetError> {
        let arguments = [part.snapshot.clone(), part.path.clone()];
        self.inner.restic.run("dump", &arguments)
    }

    /// What the small files tell.
    fn describe(&self, files: &Files) -> Result<(Manifest, Checksums), TargetError> {
        let bytes = |name: &str| files.get(name).map_or(&[][..], Vec::as_slice);
        let text = std::str::from_utf8(bytes(CHECKSUMS_FILE));
        let text = text.map_err(|_| Self::beside(format!("`{CHECKSUMS_FILE}` is not text")))?;
        let checksums = parse_checksums(text)
            .map_err(|error| Self::beside(format!("`{CHECKSUMS_FILE}`: {error}")))?;
        let sha256 = |name: &str| {
            let text = || format!("`{CHECKSUMS_FILE}` does not name `{name}`");
            let sha256 = checksums.0.get(name).copied();
            sha256.ok_or_else(|| Self::beside(text()))
        };
        let data = if self.id.resource.kind() == Kind::Config {
            let one = |(kind, file): (ObjectKind, &'static str)| {
                Ok(config_file(kind, file, bytes(file), sha256(file)?))
            };
            let all = self.included(files)?.into_iter().map(one);
            Data::Config(all.collect::<Result<_, TargetError>>()?)
        } else {
            let part = self.set.part(DATA);
            let part = part.ok_or_else(|| Self::missing("its archive"))?;
            Data::Archive {
                file: part.file().to_owned(),
                beginning: self.beginning(part)?,
                stored_size: self.size(part)?,
                sha256: sha256(part.file())?,
            }
        };
        let manifest = convert(bytes(MANIFEST_FILE), Found { id: self.id, data });
        let manifest = manifest.map_err(Self::wrong)?;
        let (resource, version) = (&self.id.resource, self.id.version);
        manifest
            .belongs_to(resource, version)
            .map_err(Self::wrong)?;
        Ok((manifest, checksums))
    }

    /// The beginning of an archive that may be compressed.
    fn beginning(&self, part: &Part) -> Result<Vec<u8>, TargetError> {
        let mut beginning = Vec::new();
        if !part.is_plain() {
            let archive = dump(self.inner, &part.snapshot, &part.path);
            let read = archive.take(BEGINNING).read_to_end(&mut beginning);
            read.at("read", part.file().as_ref())?;
        }
        Ok(beginning)
    }

    /// The size of an archive. restic before 0.17 did not keep it with the snapshot.
    fn size(&self, part: &Part) -> Result<Bytes, TargetError> {
        if let Some(size) = part.size {
            return Ok(size);
        }
        let arguments = ["--json".to_owned(), part.snapshot.clone()];
        let listed = self.inner.restic.run("ls", &arguments)?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        size_of(&part.path, &listed).ok_or_else(|| not_there(part.file()))
    }
}

/// The size of a file in what `restic ls --json` says: a line for the snapshot, and one for each file.
fn size_of(path: &str, listed: &str) -> Option<Bytes> {
    let lines = listed
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut found = lines.filter(|node: &Value| node["path"] == path);
    Some(Bytes(found.next()?["size"].as_u64()?))
}

impl Opened for OpenedLegacy {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        if !is_file_name(name) {
            return Err(TargetError::FileName(name.to_owned()));
        }
        if name == CHECKSUMS_FILE {
            // In the form that this program writes.
            return Ok(Box::new(Cursor::new(self.checksums.to_string())));
        }
        if let Some(data) = self.data.as_ref().filter(|data| data.file() == name) {
            return Ok(Box::new(dump(&self.inner, &data.snapshot, &data.path)));
        }
        let bytes = self.files.get(name).ok_or_else(|| not_there(name))?;
        Ok(Box::new(Cursor::new(bytes.clone())))
    }

    fn size(&self, name: &str) -> Result<Bytes, TargetError> {
        if let Some(archive) = &self.manifest.archive
            && archive.file == name
        {
            return Ok(archive.stored_size);
        }
        let bytes = self.files.get(name).ok_or_else(|| not_there(name))?;
        Ok(Bytes(bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_that_of_the_file_and_not_of_another() {
        let listed = "{\"time\":\"2026-01-31T23:59:59Z\",\"paths\":[\"/export.tar\"]}\n\
                      {\"name\":\"x\",\"type\":\"file\",\"path\":\"/x\",\"size\":3}\n\
                      {\"name\":\"export.tar\",\"type\":\"file\",\"path\":\"/export.tar\",\"size\":7}\n";
        assert_eq!(size_of("/export.tar", listed), Some(Bytes(7)));
        assert_eq!(size_of("/volume.tar", listed), None);
        assert_eq!(size_of("/x", "?"), None);
    }
}
