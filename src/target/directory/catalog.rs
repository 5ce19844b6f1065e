//! What a directory holds: one manifest is read for each version, and no data.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::files::Folder;
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
    let mut found = Vec::new();
    for source in sources {
        if let Some(resource) = &filter.resource {
            let path = target.resource_folder(&source, resource);
            found.push(Held::of(&source, resource.clone(), path)?);
            continue;
        }
        for kind in Kind::ALL {
            if filter.kind.is_none_or(|wanted| wanted == kind) {
                for (resource, path) in resources(target, &source, kind)? {
                    found.push(Held::of(&source, resource, path)?);
                }
            }
        }
    }
    found.sort_by(|a, b| (&a.source, &a.resource).cmp(&(&b.source, &b.resource)));
    Ok(read_all(&found))
}

/// The versions of a resource, in order.
struct Held {
    source: SourceName,
    resource: ResourceId,
    folder: PathBuf,
    versions: Vec<Version>,
}

impl Held {
    fn of(source: &SourceName, resource: ResourceId, folder: PathBuf) -> Result<Self, TargetError> {
        let names = folders(&folder)?.into_iter();
        let mut versions: Vec<Version> = names.filter_map(|(name, _)| name.parse().ok()).collect();
        versions.sort_unstable();
        Ok(Self {
            source: source.clone(),
            resource,
            folder,
            versions,
        })
    }

    fn read(&self, version: Version, open: Option<&File>) -> Stored {
        let id = StoredId {
            source: self.source.clone(),
            resource: self.resource.clone(),
            version,
        };
        let name = version.to_string();
        match open {
            Some(open) => read(id, Folder::below(open, Path::new(&name))),
            None => read(id, Folder::at(&self.folder.join(name))),
        }
    }
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
fn read_all(found: &[Held]) -> Vec<Stored> {
    let all: Vec<(&Held, Version)> = found
        .iter()
        .flat_map(|held| held.versions.iter().map(move |version| (held, *version)))
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(cores).max(64);
    let mut read = Vec::with_capacity(all.len());
    std::thread::scope(|scope| {
        let mut shares = all.chunks(share);
        // One share is read here: most lists are not longer.
        let own = shares.next().unwrap_or_default();
        let workers: Vec<_> = shares
            .map(|share| scope.spawn(move || read_share(share)))
            .collect();
        read.extend(read_share(own));
        for worker in workers {
            read.append(&mut worker.join().unwrap_or_default());
        }
    });
    read
}

/// Reads some, each folder of a resource being opened once.
fn read_share(share: &[(&Held, Version)]) -> Vec<Stored> {
    let mut read = Vec::with_capacity(share.len());
    for of_one in share.chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b)) {
        let open = of_one
            .first()
            .and_then(|(held, _)| File::open(&held.folder).ok());
        let versions = of_one.iter();
        read.extend(versions.map(|(held, version)| held.read(*version, open.as_ref())));
    }
    read
}

/// What is known of a version's folder without reading its data.
pub(super) fn read(id: StoredId, folder: Folder<'_>) -> Stored {
    let (protected, checks) = (is_protected(folder), checks(folder));
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
    let manifest = match read_manifest(&id, folder) {
        Ok(manifest) => manifest,
        Err(TargetError::NoVersion(_)) => return bare(id, State::Incomplete),
        Err(error) => {
            tracing::debug!(%error, resource = %id.resource, "a damaged version");
            return bare(id, State::Damaged);
        }
    };
    let (mut size, mut stored_size, mut state) = (Bytes(0), Bytes(0), State::Complete);
    for file in manifest.data_files() {
        size += file.size;
        stored_size += file.stored_size;
        if !is_whole(folder, &file.file, file.stored_size) {
            state = State::Damaged;
        }
    }
    for part in manifest.config.iter().flat_map(|config| &config.files) {
        size += part.size;
        stored_size += part.size;
        if !is_whole(folder, &part.file, part.size) {
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
        manifest: Some(Box::new(manifest)),
    }
}

/// Whether a file of a version is there and has its size.
fn is_whole(folder: Folder<'_>, file: &str, size: Bytes) -> bool {
    is_file_name(file) && folder.size(file) == Some(size.0)
}

/// Reads the manifest of a version, which must be that version's. One without is `NoVersion`.
pub(super) fn read_manifest(id: &StoredId, folder: Folder<'_>) -> Result<Manifest, TargetError> {
    const NAME: &str = "manifest.json";
    let path = folder.path(NAME);
    let bytes = match folder.read(NAME, LIMIT) {
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
