//! Locks between processes of this machine, and which seconds they have taken.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use super::repository::ResticTarget;
use super::shared::{Copying, Inner};
use crate::model::{ResourceId, Sha256, SourceName, Version, encode_component};
use crate::target::directory::open_or_create;
use crate::target::error::At as _;
use crate::target::flock::{Lock, Unlocked};
use crate::target::{ExclusiveLock, StoredId, TargetError};

/// How long at least the lock is waited for under which a second is taken: it is held for no time.
const CLAIMING: Duration = Duration::from_secs(10);
/// How many of the seconds that were taken are remembered: those of other runs at this moment.
const REMEMBERED: usize = 32;

/// Where the locks of a repository are.
pub(super) fn folder(inner: &Inner) -> PathBuf {
    let digest = Sha256::of(inner.restic.repository.address().as_bytes()).to_string();
    inner
        .state
        .join("restic")
        .join(digest.get(..16).unwrap_or(&digest))
}

fn prepare(
    inner: &Inner,
    source: &SourceName,
    resource: &ResourceId,
    ending: &str,
) -> Result<Unlocked, TargetError> {
    let mut path = folder(inner).join(encode_component(source.as_str()));
    path.extend(resource.components());
    path.as_mut_os_string().push(ending);
    Unlocked::at(Path::new("/"), path, resource.to_string())
}

/// Takes a resource together with others that create and read.
pub(super) fn shared(
    inner: &Inner,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    prepare(inner, source, resource, ".lock")?.shared(inner.restic.patience)
}

/// Keeps other copies out of the repository for as long as this process runs: the second of a copy is
/// its own, and whether it is free is told by a listing that nobody may outdate meanwhile.
pub(super) fn copy_alone(inner: &Inner) -> Result<(), TargetError> {
    let mut copying = inner.copying.lock().unwrap_or_else(PoisonError::into_inner);
    if copying.is_none() {
        let path = folder(inner).join("copy.lock");
        let what = format!("copies to {}", inner.restic.repository.shown());
        let unlocked = Unlocked::at(Path::new("/"), path, what)?;
        *copying = Some(Copying {
            _lock: unlocked.exclusive(inner.restic.patience)?,
            copied: BTreeSet::new(),
        });
        inner.forget_listing();
        inner.catalog()?;
    }
    Ok(())
}

/// Takes a second for a copy; gives whether it was free.
pub(super) fn claim_own(inner: &Inner, id: &StoredId) -> Result<bool, TargetError> {
    let mut copying = inner.copying.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = copying
        .as_mut()
        .is_none_or(|copying| copying.copied.insert(id.clone()));
    // Each start of restic takes half a second: not for what nobody else can have copied.
    let catalog = if is_new {
        inner.recent()?
    } else {
        inner.catalog()?
    };
    Ok(!catalog.versions.contains_key(id))
}

/// Takes a second for a version, or the next that is free: `taken` are those of the repository.
pub(super) fn claim(
    inner: &Inner,
    id: &StoredId,
    taken: impl Fn(Version) -> bool,
) -> Result<Version, TargetError> {
    let unlocked = prepare(inner, &id.source, &id.resource, ".claim")?;
    let path = unlocked.path().with_extension("taken");
    let _lock = unlocked.exclusive(inner.restic.patience.max(CLAIMING))?;
    let mut file = open_or_create(&path)?;
    let mut text = String::new();
    file.read_to_string(&mut text).at("read", &path)?;
    let mut claimed: Vec<Version> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let mut version = id.version;
    while claimed.contains(&version) || taken(version) {
        version = version.next();
    }
    claimed.push(version);
    let kept = claimed.iter().rev().take(REMEMBERED).rev();
    let lines: Vec<String> = kept.map(ToString::to_string).collect();
    let text = lines.join("\n");
    file.rewind().at("write", &path)?;
    file.set_len(0).at("write", &path)?;
    file.write_all(text.as_bytes()).at("write", &path)?;
    Ok(version)
}

/// The right to delete versions of one resource.
#[derive(Debug)]
pub(super) struct Exclusive {
    target: ResticTarget,
    source: SourceName,
    resource: ResourceId,
    _lock: Lock,
}

impl Exclusive {
    pub(super) fn take(
        target: &ResticTarget,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Self, TargetError> {
        let inner = &target.inner;
        let lock = prepare(inner, source, resource, ".lock")?.exclusive(inner.restic.patience)?;
        // What was listed before may have changed.
        inner.forget_listing();
        Ok(Self {
            target: target.clone(),
            source: source.clone(),
            resource: resource.clone(),
            _lock: lock,
        })
    }
}

impl ExclusiveLock for Exclusive {
    fn delete(&self, version: Version) -> Result<(), TargetError> {
        let id = StoredId {
            source: self.source.clone(),
            resource: self.resource.clone(),
            version,
        };
        let inner = &self.target.inner;
        let catalog = inner.catalog()?;
        let Some(entry) = catalog.versions.get(&id) else {
            return Err(TargetError::NoVersion(Box::new(id)));
        };
        if entry.protected {
            return Err(TargetError::Protected(Box::new(id)));
        }
        // The manifest first: what is left of a deletion that is cut off here is no version.
        inner.forget(&entry.described_by)?;
        let data: Vec<String> = entry
            .data
            .values()
            .flat_map(|data| data.snapshots.iter().cloned())
            .collect();
        inner.forget(&data)
    }
}
