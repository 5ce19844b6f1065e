//! What a directory holds: one manifest is read for each version, and no data.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::read_file;
use super::notes::{checks, is_protected};
use super::place::DirectoryTarget;
use crate::model::{
    Bytes, Checks, Kind, PoolName, ProjectName, ResourceId, ResourceName, SourceName, Version,
    decode_component,
};
use crate::target::checksums::is_file_name;
use crate::target::error::At as _;
use crate::target::manifest::LIMIT;
use crate::target::{Filter, Manifest, State, Stored, StoredId, Target as _, TargetError};

/// The versions that fit, in order. What is not named as this program names things is passed over.
pub(super) fn versions(
    target: &DirectoryTarget,
    filter: &Filter,
) -> Result<Vec<Stored>, TargetError> {
    let sources = match &filter.source {
        Some(source) => vec![source.clone()],
        None => target.sources()?,
    };
    let mut found: Vec<(StoredId, PathBuf)> = Vec::new();
    for source in sources {
        if let Some(resource) = &filter.resource {
            let path = target.resource_folder(&source, resource);
            versions_of(&source, resource, &path, &mut found)?;
            continue;
        }
        for kind in Kind::ALL {
            if filter.kind.is_none_or(|wanted| wanted == kind) {
                for (resource, path) in resources(target, &source, kind)? {
                    versions_of(&source, &resource, &path, &mut found)?;
                }
            }
        }
    }
    found.sort();
    Ok(read_all(&found))
}

/// The resources of a source that have a folder.
pub(super) fn resources_of(
    target: &DirectoryTarget,
    source: &SourceName,
) -> Result<Vec<ResourceId>, TargetError> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.extend(
            resources(target, source, kind)?
                .into_iter()
                .map(|(id, _)| id),
        );
    }
    Ok(all)
}

/// The resources of a kind that have a folder.
fn resources(
    target: &DirectoryTarget,
    source: &SourceName,
    kind: Kind,
) -> Result<Vec<(ResourceId, PathBuf)>, TargetError> {
    let root = target.source_folder(source).join(kind.folder());
    if kind == Kind::Config {
        return Ok(vec![(ResourceId::config(), root)]);
    }
    let mut found = Vec::new();
    for (project, path) in named_folders::<ProjectName>(&root)? {
        if kind.is_in_pool() {
            for (pool, path) in named_folders::<PoolName>(&path)? {
                for (name, path) in named_folders::<ResourceName>(&path)? {
                    let id = ResourceId::in_pool(kind, project.clone(), pool.clone(), name);
                    found.push((id, path));
                }
            }
            continue;
        }
        for (name, path) in named_folders::<ResourceName>(&path)? {
            let id = match kind {
                Kind::Image => ResourceId::image(project.clone(), name),
                _ => ResourceId::stored_instance(project.clone(), name),
            };
            found.push((id, path));
        }
    }
    Ok(found)
}

fn versions_of(
    source: &SourceName,
    resource: &ResourceId,
    path: &Path,
    found: &mut Vec<(StoredId, PathBuf)>,
) -> Result<(), TargetError> {
    for (version, path) in folders(path)? {
        let Ok(version) = version.parse::<Version>() else {
            continue;
        };
        let id = StoredId {
            source: source.clone(),
            resource: resource.clone(),
            version,
        };
        found.push((id, path));
    }
    Ok(())
}

/// The folders in a folder whose names decode to names of a sort.
fn named_folders<N: std::str::FromStr>(path: &Path) -> Result<Vec<(N, PathBuf)>, TargetError> {
    let named = |(component, path): (String, PathBuf)| {
        let name = decode_component(&component).ok()?.parse().ok()?;
        Some((name, path))
    };
    Ok(folders(path)?.into_iter().filter_map(named).collect())
}

/// The folders in a folder, by their names; hidden ones and links are none. A folder that is not
/// there is empty.
fn folders(path: &Path) -> Result<Vec<(String, PathBuf)>, TargetError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).at("list", path),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", path)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        if !name.starts_with('.') && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// Reads the manifests, on all cores.
fn read_all(found: &[(StoredId, PathBuf)]) -> Vec<Stored> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = found.len().div_ceil(cores).max(64);
    let read_share = |share: &[(StoredId, PathBuf)]| -> Vec<Stored> {
        share
            .iter()
            .map(|(id, path)| read(id.clone(), path))
            .collect()
    };
    if found.len() <= share {
        return read_share(found);
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = found
            .chunks(share)
            .map(|share| scope.spawn(move || read_share(share)))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    })
}

/// What is known of a version's folder without reading its data.
pub(super) fn read(id: StoredId, path: &Path) -> Stored {
    let (protected, checks) = (is_protected(path), checks(path));
    let bare = |id, state| {
        let (size, stored_size) = (Bytes(0), Bytes(0));
        Stored {
            id,
            size,
            stored_size,
            state,
            protected,
            legacy: false,
            checks: Checks::default(),
            manifest: None,
        }
    };
    let manifest = match read_manifest(&id, path) {
        Ok(manifest) => manifest,
        Err(TargetError::NoVersion(_)) => return bare(id, State::Incomplete),
        Err(error) => {
            tracing::debug!(%error, path = %path.display(), "a damaged version");
            return bare(id, State::Damaged);
        }
    };
    let (mut size, mut stored_size, mut state) = (Bytes(0), Bytes(0), State::Complete);
    for file in manifest.data_files() {
        size += file.size;
        stored_size += file.stored_size;
        if !is_whole(path, &file.file, file.stored_size) {
            state = State::Damaged;
        }
    }
    for part in manifest.config.iter().flat_map(|config| &config.files) {
        size += part.size;
        stored_size += part.size;
        if !is_whole(path, &part.file, part.size) {
            state = State::Damaged;
        }
    }
    if checks.damage().is_some() {
        state = State::Damaged;
    }
    Stored {
        id,
        size,
        stored_size,
        state,
        protected,
        legacy: false,
        checks,
        manifest: Some(manifest),
    }
}

/// Whether a file of a version is there and has its size.
fn is_whole(folder: &Path, file: &str, size: Bytes) -> bool {
    let found = is_file_name(file)
        .then(|| fs::symlink_metadata(folder.join(file)).ok())
        .flatten();
    found.is_some_and(|found| found.is_file() && found.len() == size.0)
}

/// Reads the manifest of a version, which must be that version's. One without is `NoVersion`.
pub(super) fn read_manifest(id: &StoredId, folder: &Path) -> Result<Manifest, TargetError> {
    let path = folder.join("manifest.json");
    let bytes = match read_file(&path, LIMIT) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(TargetError::NoVersion(Box::new(id.clone())));
        }
        read => read.at("read", &path)?,
    };
    let wrong = |cause| TargetError::Manifest {
        path: path.clone(),
        cause,
    };
    let manifest = Manifest::parse(&bytes).map_err(wrong)?;
    manifest
        .belongs_to(&id.resource, id.version)
        .map_err(wrong)?;
    Ok(manifest)
}
