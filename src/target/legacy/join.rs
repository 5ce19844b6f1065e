//! A folder as a target, with what the earlier tool left in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::reader::Legacy;
use crate::model::{Bytes, Check, ResourceId, SourceName, Version};
use crate::target::{
    DirectoryTarget, Draft, Encryption, ExclusiveLock, Filter, Location, Opened, Protection,
    RunRecord, SourceFacts, Stored, StoredId, Target, TargetError,
};

/// A folder with backups of both tools, or of the earlier one alone.
#[derive(Debug)]
struct Joined {
    root: PathBuf,
    /// What this program writes; nothing where the folder is no target of it.
    own: Option<DirectoryTarget>,
    legacy: Legacy,
}

/// Opens a folder that is a target, or that holds backups of the earlier tool, which can be read
/// only. Locks are waited for as long as `patience`.
pub fn open_directory(
    root: &Path,
    patience: Duration,
    encryption: Encryption,
) -> Result<Arc<dyn Target>, TargetError> {
    let own = match DirectoryTarget::open(root, patience) {
        Ok(own) => Some(own.with_encryption(encryption)),
        Err(TargetError::LegacyOnly(_)) => None,
        Err(error) => return Err(error),
    };
    let legacy = Legacy::find(root)?;
    match (own, legacy) {
        (Some(own), None) => Ok(Arc::new(own)),
        // A server of that name was backed up first: its backups are not mixed with others.
        (Some(own), Some(legacy)) if own.sources()?.contains(legacy.source()) => {
            tracing::warn!("a source is called `legacy`: the earlier tool's backups are not shown");
            Ok(Arc::new(own))
        }
        (own, Some(legacy)) => Ok(Arc::new(Joined {
            root: root.to_owned(),
            own,
            legacy,
        })),
        (None, None) => Err(TargetError::NoTarget(root.to_owned())),
    }
}

impl Joined {
    /// What this program writes to, for a source that is not the earlier tool's.
    fn own(&self, source: &SourceName) -> Result<&DirectoryTarget, TargetError> {
        if source == self.legacy.source() {
            return Err(TargetError::Legacy(self.root.clone()));
        }
        let own = self.own.as_ref();
        own.ok_or_else(|| TargetError::LegacyOnly(self.root.clone()))
    }

    /// The same, to read a version.
    fn own_of(&self, id: &StoredId) -> Result<&DirectoryTarget, TargetError> {
        let gone = || TargetError::NoVersion(Box::new(id.clone()));
        self.own.as_ref().ok_or_else(gone)
    }
}

impl Target for Joined {
    fn location(&self) -> Location {
        Location::Directory(self.root.clone())
    }

    fn free_space(&self) -> Result<Option<Bytes>, TargetError> {
        DirectoryTarget::free_space_at(&self.root)
    }

    fn sources(&self) -> Result<Vec<SourceName>, TargetError> {
        let mut sources = match &self.own {
            Some(own) => own.sources()?,
            None => Vec::new(),
        };
        sources.push(self.legacy.source().clone());
        sources.sort();
        Ok(sources)
    }

    fn source(&self, name: &SourceName) -> Result<Option<SourceFacts>, TargetError> {
        match &self.own {
            Some(own) if name != self.legacy.source() => own.source(name),
            _ => Ok(None),
        }
    }

    fn enter_source(&self, source: &SourceFacts) -> Result<(), TargetError> {
        self.own(&source.name)?.enter_source(source)
    }

    fn versions(&self, filter: &Filter) -> Result<Vec<Stored>, TargetError> {
        let legacy = filter.source.as_ref().map(|it| it == self.legacy.source());
        let mut all = match (&self.own, legacy) {
            (Some(own), None | Some(false)) => own.versions(filter)?,
            _ => Vec::new(),
        };
        if legacy != Some(false) {
            all.extend(self.legacy.versions(filter)?);
            all.sort_by(|one, other| one.id.cmp(&other.id));
        }
        Ok(all)
    }

    fn begin(
        &self,
        source: &SourceName,
        resource: &ResourceId,
        version: Version,
    ) -> Result<Box<dyn Draft>, TargetError> {
        self.own(source)?.begin(source, resource, version)
    }

    fn begin_copy(&self, id: &StoredId) -> Result<Box<dyn Draft>, TargetError> {
        self.own(&id.source)?.begin_copy(id)
    }

    fn open(&self, id: &StoredId) -> Result<Box<dyn Opened>, TargetError> {
        if id.source == *self.legacy.source() {
            self.legacy.open(id)
        } else {
            self.own_of(id)?.open(id)
        }
    }

    fn protect(&self, id: &StoredId, protection: Protection) -> Result<(), TargetError> {
        self.own(&id.source)?.protect(id, protection)
    }

    fn record(&self, checks: &[(StoredId, Check)]) -> Vec<(StoredId, TargetError)> {
        let record = |(id, check): &(StoredId, Check)| match self.own(&id.source) {
            Ok(own) => own.record(&[(id.clone(), check.clone())]),
            Err(error) => vec![(id.clone(), error)],
        };
        checks.iter().flat_map(record).collect()
    }

    fn record_run(&self, source: &SourceName, run: &RunRecord) -> Result<(), TargetError> {
        self.own(source)?.record_run(source, run)
    }

    fn runs(&self, source: &SourceName, most: usize) -> Result<Vec<RunRecord>, TargetError> {
        if source == self.legacy.source() {
            return Ok(Vec::new());
        }
        self.own(source)?.runs(source, most)
    }

    fn clear(&self, source: &SourceName) -> Result<u64, TargetError> {
        if source == self.legacy.source() {
            // Whether a process of the earlier tool still writes cannot be told: nothing goes.
            return Ok(0);
        }
        self.own(source)?.clear(source)
    }

    fn lock(
        &self,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Box<dyn ExclusiveLock>, TargetError> {
        self.own(source)?.lock(source, resource)
    }
}
