//! The locks of resources, and what is done while one is held: clearing and deleting.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Folder, remove_empty, remove_file, remove_tree, rename_folder, sync_folder};
use super::notes::{clear_unwritten, is_protected};
use super::place::{DirectoryTarget, LOCKS};
use crate::model::{ResourceId, SourceName, Version, encode_component};
use crate::target::error::At as _;
use crate::target::flock::{Lock, Unlocked};
use crate::target::{ExclusiveLock, StoredId, TargetError};

fn prepare(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Unlocked, TargetError> {
    let mut path = target
        .root
        .join(LOCKS)
        .join(encode_component(source.as_str()));
    path.extend(resource.components());
    path.as_mut_os_string().push(".lock");
    Unlocked::at(&target.root, path, resource.to_string())
}

/// Takes a resource for this process alone.
fn exclusive(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    prepare(target, source, resource)?.exclusive(target.patience)
}

/// Takes a resource together with others that create and read.
pub(super) fn shared(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    prepare(target, source, resource)?.shared(target.patience)
}

/// Takes a resource as [`shared`] does. Where nobody else has it, clears what dead processes left
/// first: whoever writes has the lock, so what stands there then is nobody's.
pub(super) fn shared_and_clear(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    let unlocked = prepare(target, source, resource)?;
    if unlocked.try_exclusive().unwrap_or(false) {
        remove_left_over(&target.resource_folder(source, resource))?;
    }
    // On the same file this turns the exclusive lock into a shared one.
    unlocked.shared(target.patience)
}

/// Removes what dead processes left of a resource that nobody has; gives how much there was.
pub(super) fn clear_if_free(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<u64, TargetError> {
    let folder = target.resource_folder(source, resource);
    // What is written beside a manifest says whose it is: that needs no lock.
    let unwritten = clear_unwritten(&folder)?;
    // Without leftovers no lock is asked for, and no file made for it.
    if left_over(&folder)?.is_empty() {
        return Ok(unwritten);
    }
    let unlocked = prepare(target, source, resource)?;
    if unlocked.try_exclusive()? {
        Ok(unwritten + remove_left_over(&folder)?)
    } else {
        Ok(unwritten)
    }
}

/// How much [`clear_if_free`] would remove but for what is written beside manifests.
pub(super) fn left_over_if_free(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<u64, TargetError> {
    let left = left_over(&target.resource_folder(source, resource))?;
    if left.is_empty() {
        return Ok(0);
    }
    // Where nobody can lock, nobody writes.
    let free = prepare(target, source, resource)
        .and_then(|unlocked| unlocked.try_exclusive())
        .unwrap_or(true);
    Ok(if free { left.len() as u64 } else { 0 })
}

/// The folders of drafts and deletions that are not through.
fn left_over(folder: &Path) -> Result<Vec<PathBuf>, TargetError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let left = name.starts_with(".partial-") || name.starts_with(".deleting-");
        if left && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_left_over(folder: &Path) -> Result<u64, TargetError> {
    let mut removed = 0;
    for path in left_over(folder)? {
        remove_tree(&path).at("remove", &path)?;
        removed += 1;
    }
    Ok(removed)
}

/// The right to delete versions of one resource.
#[derive(Debug)]
pub(super) struct Exclusive {
    _lock: Lock,
    source: SourceName,
    resource: ResourceId,
    folder: PathBuf,
}

impl Exclusive {
    pub(super) fn take(
        target: &DirectoryTarget,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Self, TargetError> {
        Ok(Self {
            _lock: exclusive(target, source, resource)?,
            source: source.clone(),
            resource: resource.clone(),
            folder: target.resource_folder(source, resource),
        })
    }

    fn id(&self, version: Version) -> StoredId {
        StoredId {
            source: self.source.clone(),
            resource: self.resource.clone(),
            version,
        }
    }
}

impl ExclusiveLock for Exclusive {
    fn delete(&self, version: Version) -> Result<(), TargetError> {
        let path = self.folder.join(version.to_string());
        if is_protected(Folder::at(&path)) {
            return Err(TargetError::Protected(Box::new(self.id(version))));
        }
        let doomed = self
            .folder
            .join(format!(".deleting-{version}-{}", std::process::id()));
        match rename_folder(&path, &doomed) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TargetError::NoVersion(Box::new(self.id(version))));
            }
            result => result.at("delete", &path)?,
        }
        sync_folder(&self.folder)?;
        // The manifest first: what is left of a deletion that is cut off here has none.
        let _ = remove_file(&doomed.join("manifest.json"));
        remove_tree(&doomed).at("remove", &doomed)?;
        // Only empty folders go.
        let _ = remove_empty(&self.folder);
        Ok(())
    }
}
