//! A folder as a target: what makes one, and which servers it holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::draft::Second;
use super::files::{beside, clear_beside, make_folder, make_folders, place_file, read_file};
use super::lock::Exclusive;
use super::{catalog, draft, lock, notes, open, runs};
use crate::model::{
    Bytes, Check, ResourceId, RunId, Sha256, SourceName, Version, decode_component,
    encode_component,
};
use crate::target::error::At as _;
use crate::target::legacy::Legacy;
use crate::target::{
    Draft, Encryption, ExclusiveLock, Filter, Location, Opened, Protection, RunRecord, SourceFacts,
    Stored, StoredId, Target, TargetError,
};

/// The file that makes a folder a target.
const MARK: &str = "incus-backup.json";
/// The format of the layout.
const FORMAT: u64 = 2;
/// How large the small files may be.
const LIMIT: u64 = 64 * 1024;
/// The folder of the locks: no source has its name, because sources are folders beside it.
pub(super) const LOCKS: &str = "locks";

/// A folder that holds backups.
#[derive(Debug, Clone)]
pub struct DirectoryTarget {
    pub(super) root: PathBuf,
    pub(super) patience: Duration,
    pub(super) encryption: Encryption,
}

/// What a folder is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A target.
    Target,
    /// Empty, or not there: it can become one.
    Creatable,
}

#[derive(Serialize, Deserialize)]
struct TargetFile {
    format: u64,
    id: String,
    created_at: String,
}

#[derive(Serialize, Deserialize)]
struct SourceFile {
    label: String,
    fingerprint: Sha256,
    cluster: bool,
}

impl DirectoryTarget {
    /// Opens a folder that is a target. Locks are waited for as long as `patience`.
    pub fn open(root: &Path, patience: Duration) -> Result<Self, TargetError> {
        match Self::probe(root)? {
            Probe::Target => Ok(Self {
                root: root.to_owned(),
                patience,
                encryption: Encryption::default(),
            }),
            Probe::Creatable => Err(TargetError::NoTarget(root.to_owned())),
        }
    }

    /// The same target, whose new versions are encrypted like this, and whose versions are decrypted so.
    #[must_use]
    pub fn with_encryption(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// Looks what a folder is, and changes nothing.
    pub fn probe(root: &Path) -> Result<Probe, TargetError> {
        let unfit = |reason: &str| {
            Err(TargetError::Unfit {
                path: root.to_owned(),
                reason: reason.to_owned(),
            })
        };
        let found = match fs::metadata(root) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match root.parent().map(fs::metadata) {
                    Some(Ok(parent)) if parent.is_dir() => Ok(Probe::Creatable),
                    Some(Ok(_)) => unfit("the folder above it is a file"),
                    _ => unfit("the folder above it does not exist"),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return unfit("the folder above it is a file");
            }
            Err(error) => return Err(error).at("look at", root),
        };
        if !found.is_dir() {
            return unfit("it is not a folder");
        }
        let mark = root.join(MARK);
        match read_file(&mark, LIMIT) {
            Ok(bytes) => {
                let Ok(file) = serde_json::from_slice::<TargetFile>(&bytes) else {
                    return unfit("its incus-backup.json is not one");
                };
                if file.format > FORMAT {
                    let (path, format) = (root.to_owned(), file.format);
                    return Err(TargetError::Format {
                        path,
                        format,
                        understood: FORMAT,
                    });
                }
                Ok(Probe::Target)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(root).at("list", root)?;
                let used = entries.any(|entry| {
                    // A file system's own folder does not make it used, nor does a mark that was
                    // never put into its place.
                    entry.is_ok_and(|entry| {
                        let name = entry.file_name().to_string_lossy().into_owned();
                        name != "lost+found" && !name.starts_with(&beside(&mark))
                    })
                });
                if used && Legacy::find(root)?.is_some() {
                    Err(TargetError::LegacyOnly(root.to_owned()))
                } else if used {
                    unfit("it holds other things, and is not a target")
                } else {
                    Ok(Probe::Creatable)
                }
            }
            Err(error) => Err(error).at("read", &mark),
        }
    }

    /// How much can be written to the file system of a folder that is there, or may be made.
    pub fn free_space_at(path: &Path) -> Result<Option<Bytes>, TargetError> {
        let there = path.ancestors().find(|path| path.exists());
        let Some(there) = there else {
            return Ok(None);
        };
        let found = rustix::fs::statvfs(there).at("look at", there)?;
        Ok(Some(Bytes(found.f_bavail.saturating_mul(found.f_frsize))))
    }

    /// Makes an empty or missing folder a target. One that is a target stays what it is.
    pub fn create(root: &Path) -> Result<(), TargetError> {
        if Self::probe(root)? == Probe::Target {
            return Ok(());
        }
        make_folder(root)?;
        let file = TargetFile {
            format: FORMAT,
            id: RunId::begin().to_string(),
            created_at: Version::now().timestamp().to_string(),
        };
        place_file(&root.join(MARK), &json(&file))?;
        make_folder(&root.join(LOCKS))
    }

    pub(super) fn source_folder(&self, source: &SourceName) -> PathBuf {
        self.root.join(encode_component(source.as_str()))
    }

    pub(super) fn resource_folder(&self, source: &SourceName, resource: &ResourceId) -> PathBuf {
        let mut path = self.source_folder(source);
        path.extend(resource.components());
        path
    }
}

/// These structures have nothing in them that JSON cannot say.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

impl Target for DirectoryTarget {
    fn location(&self) -> Location {
        Location::Directory(self.root.clone())
    }

    fn free_space(&self) -> Result<Option<Bytes>, TargetError> {
        Self::free_space_at(&self.root)
    }

    fn sources(&self) -> Result<Vec<SourceName>, TargetError> {
        let mut sources = Vec::new();
        for entry in fs::read_dir(&self.root).at("list", &self.root)? {
            let entry = entry.at("list", &self.root)?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_folder || name == LOCKS || !entry.path().join("source.json").is_file() {
                continue;
            }
            let parsed = decode_component(&name)
                .ok()
                .and_then(|name| name.parse().ok());
            sources.extend(parsed);
        }
        sources.sort();
        Ok(sources)
    }

    fn source(&self, name: &SourceName) -> Result<Option<SourceFacts>, TargetError> {
        let path = self.source_folder(name).join("source.json");
        let bytes = match read_file(&path, LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.at("read", &path)?,
        };
        let file: SourceFile = serde_json::from_slice(&bytes)
            .map_err(io::Error::other)
            .at("read", &path)?;
        Ok(Some(SourceFacts {
            name: name.clone(),
            label: file.label,
            fingerprint: file.fingerprint,
            clustered: file.cluster,
        }))
    }

    fn enter_source(&self, source: &SourceFacts) -> Result<(), TargetError> {
        let folder = self.source_folder(&source.name);
        if source.name.as_str() == LOCKS || source.name.as_str() == "runs" {
            let reason = format!("a source cannot be called `{}`", source.name);
            return Err(TargetError::Unfit {
                path: folder,
                reason,
            });
        }
        clear_beside(&self.root.join(MARK))?;
        make_folders(&self.root, &folder)?;
        let path = folder.join("source.json");
        let file = SourceFile {
            label: source.label.clone(),
            fingerprint: source.fingerprint,
            cluster: source.clustered,
        };
        place_file(&path, &json(&file))?;
        let stored = read_file(&path, LIMIT).at("read", &path)?;
        let stored: SourceFile = serde_json::from_slice(&stored)
            .map_err(io::Error::other)
            .at("read", &path)?;
        if stored.fingerprint != source.fingerprint {
            return Err(TargetError::OtherServer {
                source_name: source.name.clone(),
                stored: stored.fingerprint.to_string(),
                now: source.fingerprint.to_string(),
            });
        }
        Ok(())
    }

    fn versions(&self, filter: &Filter) -> Result<Vec<Stored>, TargetError> {
        catalog::versions(self, filter)
    }

    fn begin(
        &self,
        source: &SourceName,
        resource: &ResourceId,
        version: Version,
    ) -> Result<Box<dyn Draft>, TargetError> {
        draft::begin(self, (source, resource, version), Second::First)
    }

    fn begin_copy(&self, id: &StoredId) -> Result<Box<dyn Draft>, TargetError> {
        draft::begin(self, (&id.source, &id.resource, id.version), Second::Own)
    }

    fn open(&self, id: &StoredId) -> Result<Box<dyn Opened>, TargetError> {
        open::open(self, id)
    }

    fn protect(&self, id: &StoredId, protection: Protection) -> Result<(), TargetError> {
        notes::protect(self, id, protection)
    }

    fn record_run(&self, source: &SourceName, run: &RunRecord) -> Result<(), TargetError> {
        runs::record(self, source, run)
    }

    fn runs(&self, source: &SourceName, most: usize) -> Result<Vec<RunRecord>, TargetError> {
        runs::newest(self, source, most)
    }

    fn record(&self, checks: &[(StoredId, Check)]) -> Vec<(StoredId, TargetError)> {
        let record = |(id, check): &(StoredId, Check)| {
            let error = notes::record(self, id, check.clone()).err()?;
            Some((id.clone(), error))
        };
        checks.iter().filter_map(record).collect()
    }

    fn clear(&self, source: &SourceName) -> Result<u64, TargetError> {
        let mut left = 0;
        for resource in catalog::resources_of(self, source)? {
            left += lock::clear_if_free(self, source, &resource)?;
        }
        Ok(left)
    }

    fn left_over(&self, source: &SourceName) -> Result<u64, TargetError> {
        let mut left = 0;
        for resource in catalog::resources_of(self, source)? {
            left += lock::left_over_if_free(self, source, &resource)?;
        }
        Ok(left)
    }

    fn lock(
        &self,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Box<dyn ExclusiveLock>, TargetError> {
        Ok(Box::new(Exclusive::take(self, source, resource)?))
    }
}
