//! A repository as a target.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::address::Repository;
use super::feed::{Label, store};
use super::lock::Exclusive;
use super::process::{Restic, Tool};
use super::shared::Inner;
use super::slot::Slot;
use super::tags::{RUN, SOURCE, Tags};
use super::{draft, held, legacy, notes, open, open_legacy, remove, runs};
use crate::model::{Bytes, Check, Owner, ResourceId, SourceName, Version, encode_component};
use crate::progress::{Cancel, Progress};
use crate::target::{
    Depth, DirectoryTarget, Doomed, Draft, ExclusiveLock, Filter, Location, Opened, Protection,
    RunRecord, SourceFacts, Stored, StoredId, Target, TargetError,
};

/// A repository of restic that holds backups.
#[derive(Debug, Clone)]
pub struct ResticTarget {
    pub(super) inner: Arc<Inner>,
}

/// Who opens a repository, and how.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The program.
    pub tool: Tool,
    /// The process that writes.
    pub owner: Owner,
    /// The folder of this machine's locks.
    pub state: PathBuf,
    /// How long locks are waited for.
    pub patience: Duration,
    /// How long a listing is good for while nothing is changed from here.
    pub fresh: Duration,
    /// Who listens to long work.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl ResticTarget {
    /// Opens a repository, which must be there, by listing it. Blocks.
    pub fn open(repository: &Repository, opening: Opening) -> Result<Self, TargetError> {
        let target = Self::new(repository, opening)?;
        target.inner.catalog()?;
        Ok(target)
    }

    /// Makes a repository. Blocks.
    pub fn create(repository: &Repository, opening: Opening) -> Result<(), TargetError> {
        let target = Self::new(repository, opening)?;
        target.inner.restic.change("init", &[])
    }

    /// Who held the locks of a repository that nobody holds any more. Blocks.
    pub fn abandoned_locks(
        repository: &Repository,
        opening: Opening,
    ) -> Result<Vec<String>, TargetError> {
        held::abandoned(&Self::new(repository, opening)?.inner.restic)
    }

    /// Takes those locks away. Blocks.
    pub fn unlock(repository: &Repository, opening: Opening) -> Result<(), TargetError> {
        held::unlock(&Self::new(repository, opening)?.inner.restic)
    }

    pub(super) fn new(repository: &Repository, opening: Opening) -> Result<Self, TargetError> {
        let version = opening.tool.version()?;
        let restic = Restic {
            tool: opening.tool,
            version,
            repository: repository.clone(),
            patience: opening.patience,
            slot: Slot::default(),
            progress: opening.progress,
            cancel: opening.cancel,
        };
        let inner = Inner::new(restic, opening.owner, opening.state, opening.fresh);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl Target for ResticTarget {
    fn location(&self) -> Location {
        Location::Restic(self.inner.restic.repository.clone())
    }

    fn free_space(&self) -> Result<Option<Bytes>, TargetError> {
        match self.inner.restic.repository.path() {
            Some(path) => DirectoryTarget::free_space_at(path),
            None => Ok(None),
        }
    }

    fn sources(&self) -> Result<Vec<SourceName>, TargetError> {
        Ok(self.inner.catalog()?.sources.keys().cloned().collect())
    }

    fn has_source(&self, name: &SourceName) -> Result<bool, TargetError> {
        let entered = self.inner.entered().contains(name);
        Ok(entered || self.inner.recent()?.sources.contains_key(name))
    }

    fn source(&self, name: &SourceName) -> Result<Option<SourceFacts>, TargetError> {
        let catalog = self.inner.catalog()?;
        let Some(Some(fingerprint)) = catalog.sources.get(name) else {
            return Ok(None);
        };
        let file = format!("/source_{}.json", encode_component(name.as_str()));
        let arguments = [
            format!("--host={name}"),
            format!("--path={file}"),
            "latest".to_owned(),
            file.clone(),
        ];
        let bytes = self.inner.restic.run("dump", &arguments)?;
        let facts: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Some(SourceFacts {
            name: name.clone(),
            label: facts["label"].as_str().unwrap_or(name.as_str()).to_owned(),
            fingerprint: *fingerprint,
            clustered: facts["cluster"].as_bool().unwrap_or_default(),
        }))
    }

    fn enter_source(&self, source: &SourceFacts) -> Result<(), TargetError> {
        let catalog = self.inner.catalog()?;
        self.inner.refuse_legacy(&source.name)?;
        match catalog.sources.get(&source.name) {
            Some(Some(stored)) if *stored == source.fingerprint => {
                self.inner.entered().insert(source.name.clone());
                return Ok(());
            }
            Some(Some(stored)) => {
                return Err(TargetError::OtherServer {
                    source_name: source.name.clone(),
                    stored: stored.to_string(),
                    now: source.fingerprint.to_string(),
                });
            }
            _ => {}
        }
        let mut tags = Tags::of_source(&source.name, "source", SOURCE);
        tags.set("fingerprint", &source.fingerprint.to_string());
        let label = Label {
            name: format!("source_{}.json", encode_component(source.name.as_str())),
            source: source.name.clone(),
            version: Version::now(),
            tags,
        };
        let facts = serde_json::json!({
            "label": source.label,
            "fingerprint": source.fingerprint,
            "cluster": source.clustered,
        });
        store(
            &self.inner.restic,
            &label,
            format!("{facts:#}\n").as_bytes(),
        )?;
        self.inner.forget_listing();
        self.inner.entered().insert(source.name.clone());
        Ok(())
    }

    fn versions(&self, filter: &Filter) -> Result<Vec<Stored>, TargetError> {
        Ok(self.inner.catalog()?.stored(filter))
    }

    fn begin(
        &self,
        source: &SourceName,
        resource: &ResourceId,
        version: Version,
    ) -> Result<Box<dyn Draft>, TargetError> {
        self.inner.refuse_legacy(source)?;
        draft::begin(self, source, resource, version)
    }

    fn begin_copy(&self, id: &StoredId) -> Result<Box<dyn Draft>, TargetError> {
        self.inner.refuse_legacy(&id.source)?;
        draft::begin_copy(self, id)
    }

    fn open(&self, id: &StoredId) -> Result<Box<dyn Opened>, TargetError> {
        let catalog = self.inner.catalog()?;
        if legacy::is_its(&catalog.legacy, &id.source) {
            return open_legacy::open(self, &catalog, id);
        }
        open::open(self, id)
    }

    fn protect(&self, id: &StoredId, protection: Protection) -> Result<(), TargetError> {
        self.inner.refuse_legacy(&id.source)?;
        notes::protect(&self.inner, id, protection)
    }

    fn record(&self, checks: &[(StoredId, Check)]) -> Vec<(StoredId, TargetError)> {
        notes::record(&self.inner, checks)
    }

    fn check(&self, depth: &Depth) -> Result<Option<String>, TargetError> {
        self.inner.check(depth)
    }

    fn delete_together(&self, doomed: &[Doomed]) -> Option<Vec<Result<(), TargetError>>> {
        Some(remove::together(self, doomed))
    }

    fn record_run(&self, source: &SourceName, run: &RunRecord) -> Result<(), TargetError> {
        self.inner.refuse_legacy(source)?;
        let mut tags = Tags::of_source(source, "run", RUN);
        tags.set("run", run.run.as_str());
        if let Some(told) = runs::pack(run) {
            tags.set(runs::TAG, &told);
        }
        let label = Label {
            name: format!("run_{}.json", run.run),
            source: source.clone(),
            version: Version::at(run.begun_at),
            tags,
        };
        let record = serde_json::json!(run);
        store(
            &self.inner.restic,
            &label,
            format!("{record:#}\n").as_bytes(),
        )?;
        Ok(())
    }

    fn runs(&self, source: &SourceName, most: usize) -> Result<Vec<RunRecord>, TargetError> {
        Ok(runs::newest(&*self.inner.catalog()?, source, most))
    }

    fn clear(&self, source: &SourceName) -> Result<u64, TargetError> {
        if legacy::is_its(&self.inner.recent()?.legacy, source) {
            // Whether a process of the earlier tool still writes cannot be told: nothing goes.
            return Ok(0);
        }
        self.inner.clear(source, None)
    }

    fn left_over(&self, source: &SourceName) -> Result<u64, TargetError> {
        let catalog = self.inner.recent()?;
        let now = Version::now().timestamp();
        Ok(catalog.abandoned(source, None, now).len() as u64)
    }

    fn lock(
        &self,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Box<dyn ExclusiveLock>, TargetError> {
        self.inner.refuse_legacy(source)?;
        Ok(Box::new(Exclusive::take(self, source, resource)?))
    }
}
