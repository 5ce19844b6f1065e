//! Finds and opens what the earlier tool wrote.

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::checksums;
use super::manifest::{Data, Found, config_file, convert, includes};
use crate::model::{
    Bytes, Checks, Kind, ObjectKind, PoolName, ProjectName, ResourceId, ResourceName, Sha256,
    SourceName, Version,
};
use crate::target::checksums::is_file_name;
use crate::target::directory::{open_file, read_file};
use crate::target::error::At as _;
use crate::target::manifest::LIMIT;
use crate::target::{
    Checksums, ConfigFile, Filter, InvalidManifest, Manifest, Opened, State, Stored, StoredId,
    TargetError,
};

/// What the source of all of it is called.
pub(in crate::target) const SOURCE: &str = "legacy";
const CHECKSUMS: &str = "checksums.txt";
/// The kinds that are read. It stored no images.
const KINDS: [Kind; 3] = [Kind::Config, Kind::Volume, Kind::Instance];

/// The backups of the earlier tool in a folder.
#[derive(Debug)]
pub(in crate::target) struct Legacy {
    root: PathBuf,
    source: SourceName,
}

/// A version that is being read.
struct OpenedLegacy {
    folder: PathBuf,
    manifest: Manifest,
    checksums: Checksums,
}

impl Legacy {
    /// Looks whether a folder holds any, and changes nothing.
    pub(in crate::target) fn find(root: &Path) -> Result<Option<Self>, TargetError> {
        let Ok(source) = SOURCE.parse() else {
            return Ok(None);
        };
        let legacy = Self {
            root: root.to_owned(),
            source,
        };
        let found = legacy.versions_of(&Filter::default())?;
        Ok((!found.is_empty()).then_some(legacy))
    }

    /// The source of all of it.
    pub(super) fn source(&self) -> &SourceName {
        &self.source
    }

    /// The versions that fit, by resource and version.
    pub(super) fn versions(&self, filter: &Filter) -> Result<Vec<Stored>, TargetError> {
        let found = self.versions_of(filter)?;
        Ok(found.into_iter().map(|id| self.look(id)).collect())
    }

    /// Opens a version for reading.
    pub(super) fn open(&self, id: &StoredId) -> Result<Box<dyn Opened>, TargetError> {
        let folder = self.folder_of(id)?;
        let (manifest, checksums) = read(id, &folder)?;
        Ok(Box::new(OpenedLegacy {
            folder,
            manifest,
            checksums,
        }))
    }

    fn versions_of(&self, filter: &Filter) -> Result<Vec<StoredId>, TargetError> {
        let mut found = Vec::new();
        for kind in KINDS {
            if filter.kind.is_none_or(|wanted| wanted == kind) {
                for (resource, folder) in self.resources(kind)? {
                    if filter.resource.as_ref().is_none_or(|it| *it == resource) {
                        let versions = named::<Version>(&folder)?.into_iter();
                        found.extend(versions.map(|(version, _)| self.id(&resource, version)));
                    }
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn id(&self, resource: &ResourceId, version: Version) -> StoredId {
        StoredId {
            source: self.source.clone(),
            resource: resource.clone(),
            version,
        }
    }

    fn resources(&self, kind: Kind) -> Result<Vec<(ResourceId, PathBuf)>, TargetError> {
        let root = self.root.join(kind.folder());
        // A source of this program may have that name.
        if !is_folder(&root) || root.join("source.json").is_file() {
            return Ok(Vec::new());
        }
        if kind == Kind::Config {
            return Ok(vec![(ResourceId::config(), root)]);
        }
        let mut found = Vec::new();
        for (project, folder) in named::<ProjectName>(&root)? {
            if kind == Kind::Instance {
                for (name, folder) in named::<ResourceName>(&folder)? {
                    let id = ResourceId::stored_instance(project.clone(), name);
                    found.push((id, folder));
                }
                continue;
            }
            for (pool, folder) in named::<PoolName>(&folder)? {
                for (name, folder) in named::<ResourceName>(&folder)? {
                    let id = ResourceId::in_pool(kind, project.clone(), pool.clone(), name);
                    found.push((id, folder));
                }
            }
        }
        Ok(found)
    }

    /// The folder of a version, which is reached through folders only.
    fn folder_of(&self, id: &StoredId) -> Result<PathBuf, TargetError> {
        let gone = || TargetError::NoVersion(Box::new(id.clone()));
        let resource = &id.resource;
        if id.source != self.source || !KINDS.contains(&resource.kind()) {
            return Err(gone());
        }
        let version = id.version.to_string();
        // Names are what can be one component of a path, or they would not be names.
        let names = [
            resource.project().map(ProjectName::as_str),
            resource.pool().map(PoolName::as_str),
            resource.name().map(ResourceName::as_str),
            Some(version.as_str()),
        ];
        let mut folder = self.root.join(resource.kind().folder());
        for name in names.into_iter().flatten() {
            if name.starts_with('.') || !is_folder(&folder) {
                return Err(gone());
            }
            folder.push(name);
        }
        if is_folder(&folder) {
            Ok(folder)
        } else {
            Err(gone())
        }
    }

    /// What is known of a version without reading its data.
    fn look(&self, id: StoredId) -> Stored {
        let read = self.folder_of(&id).and_then(|folder| read(&id, &folder));
        let (state, manifest) = match read {
            Ok((manifest, _)) => (State::Complete, Some(manifest)),
            Err(TargetError::NoVersion(_)) => (State::Incomplete, None),
            Err(error) => {
                tracing::debug!(%error, version = %id.version, "a damaged version");
                (State::Damaged, None)
            }
        };
        let archive = manifest.as_ref().and_then(|it| it.archive.as_ref());
        let config = manifest.as_ref().and_then(|it| it.config.as_ref());
        let files = config.into_iter().flat_map(|config| &config.files);
        let size = files.map(|file| file.size.0).sum();
        Stored {
            size: archive.map_or(Bytes(size), |archive| archive.size),
            stored_size: archive.map_or(Bytes(size), |archive| archive.stored_size),
            state,
            legacy: true,
            // Nothing of it is ever deleted here.
            protected: true,
            checks: Checks::default(),
            manifest: manifest.map(Box::new),
            id,
        }
    }
}

/// Reads what describes a version. One without `checksums.txt`, which was written last, is
/// `NoVersion`: it was never completed.
fn read(id: &StoredId, folder: &Path) -> Result<(Manifest, Checksums), TargetError> {
    let path = folder.join(CHECKSUMS);
    let text = match read_file(&path, LIMIT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TargetError::NoVersion(Box::new(id.clone())));
        }
        read => read.at("read", &path)?,
    };
    let own = folder.join("manifest.json");
    let wrong = |cause| TargetError::Manifest {
        path: own.clone(),
        cause,
    };
    let beside = |text: String| wrong(InvalidManifest::Beside(text));
    let text = String::from_utf8(text).map_err(|_| beside(format!("`{CHECKSUMS}` is not text")))?;
    let checksums =
        checksums::parse(&text).map_err(|error| beside(format!("`{CHECKSUMS}`: {error}")))?;
    let found = Files {
        folder,
        checksums: &checksums,
        manifest: &own,
    };
    let read = || read_file(&own, LIMIT).at("read", &own);
    let (data, bytes) = match id.resource.kind() {
        Kind::Config => {
            found.expect(&["manifest.json"])?;
            let bytes = read()?;
            let files = includes(&bytes).map_err(wrong)?;
            (found.config(&files)?, bytes)
        }
        kind => {
            let file = match kind {
                Kind::Volume => "volume.tar.xz",
                _ => "export.tar.xz",
            };
            found.expect(&[file, "manifest.json"])?;
            (found.archive(file)?, read()?)
        }
    };
    let manifest = convert(&bytes, Found { id, data }).map_err(wrong)?;
    manifest
        .belongs_to(&id.resource, id.version)
        .map_err(wrong)?;
    Ok((manifest, checksums))
}

/// The files of a version.
struct Files<'a> {
    folder: &'a Path,
    checksums: &'a Checksums,
    /// Where the manifest is.
    manifest: &'a Path,
}

impl Files<'_> {
    fn beside(&self, text: String) -> TargetError {
        TargetError::Manifest {
            path: self.manifest.to_owned(),
            cause: InvalidManifest::Beside(text),
        }
    }

    /// Fails unless these are there, and named by the checksums.
    fn expect(&self, names: &[&str]) -> Result<(), TargetError> {
        for name in names {
            if !self.checksums.0.contains_key(*name) {
                return Err(self.beside(format!("`{CHECKSUMS}` does not name `{name}`")));
            }
            if !is_there(&self.folder.join(name)) {
                return Err(self.beside(format!("`{name}` is missing")));
            }
        }
        Ok(())
    }

    fn sha256(&self, name: &str) -> Result<Sha256, TargetError> {
        let sha256 = self.checksums.0.get(name).copied();
        sha256.ok_or_else(|| self.beside(format!("`{CHECKSUMS}` does not name `{name}`")))
    }

    /// An archive, of which the beginning is read.
    fn archive(&self, file: &str) -> Result<Data, TargetError> {
        let path = self.folder.join(file);
        let opened = open_file(&path).at("open", &path)?;
        let stored_size = Bytes(opened.metadata().at("look at", &path)?.len());
        let mut beginning = Vec::new();
        let read = opened.take(6).read_to_end(&mut beginning);
        read.at("read", &path)?;
        Ok(Data::Archive {
            file: file.to_owned(),
            beginning,
            stored_size,
            sha256: self.sha256(file)?,
        })
    }

    /// The files of a configuration.
    fn config(&self, files: &[(ObjectKind, &str)]) -> Result<Data, TargetError> {
        let one = |(kind, file): &(ObjectKind, &str)| {
            self.expect(&[file])?;
            let path = self.folder.join(file);
            let bytes = read_file(&path, LIMIT).at("read", &path)?;
            Ok(config_file(*kind, file, &bytes, self.sha256(file)?))
        };
        let files: Result<Vec<ConfigFile>, TargetError> = files.iter().map(one).collect();
        Ok(Data::Config(files?))
    }
}

/// The folders in a folder whose names are of a sort; hidden ones and links are none.
fn named<N: std::str::FromStr>(path: &Path) -> Result<Vec<(N, PathBuf)>, TargetError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        // The earlier tool has no locks: it may have deleted it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error).at("list", path),
    };
    for entry in entries {
        let entry = entry.at("list", path)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if let (true, Ok(name)) = (is_folder(&entry.path()), name.parse()) {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// Whether there is anything under a path; what cannot be asked is.
fn is_there(path: &Path) -> bool {
    !matches!(path.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether a path is a folder, and not a link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

impl OpenedLegacy {
    fn path(&self, name: &str) -> Result<PathBuf, TargetError> {
        if is_file_name(name) {
            Ok(self.folder.join(name))
        } else {
            Err(TargetError::FileName(name.to_owned()))
        }
    }
}

impl Opened for OpenedLegacy {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Result<Box<dyn Read + Send>, TargetError> {
        if name == CHECKSUMS {
            // In the form that this program writes.
            return Ok(Box::new(Cursor::new(self.checksums.to_string())));
        }
        let path = self.path(name)?;
        Ok(Box::new(open_file(&path).at("open", &path)?))
    }

    fn size(&self, name: &str) -> Result<Bytes, TargetError> {
        let path = self.path(name)?;
        let file = open_file(&path).at("open", &path)?;
        Ok(Bytes(file.metadata().at("look at", &path)?.len()))
    }
}
