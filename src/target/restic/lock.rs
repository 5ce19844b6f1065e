//! Locks between processes of this machine, and which seconds they have taken.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::repository::{Inner, ResticTarget};
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
