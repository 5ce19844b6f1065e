//! A repository as a target.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::Repository;
use super::catalog::{Catalog, own};
use super::feed::{Label, store};
use super::lock::Exclusive;
use super::process::{Restic, Tool};
use super::slot::Slot;
use super::snapshot::Snapshot;
use super::tags::{RUN, SOURCE, Tags};
use super::{draft, held, legacy, notes, open, open_legacy, remove};
use crate::model::{Bytes, Check, Owner, ResourceId, SourceName, Version, encode_component};
use crate::progress::{Cancel, Progress};
use crate::target::flock::Lock;
use crate::target::{
    Depth, DirectoryTarget, Doomed, Draft, ExclusiveLock, Filter, Location, Manifest, Opened,
    Protection, RunRecord, SourceFacts, Stored, StoredId, Target, TargetError,
};

/// How many snapshots are named on one command line.
const AT_A_TIME: usize = 1000;

/// A repository of restic that holds backups.
#[derive(Debug, Clone)]
pub struct ResticTarget {
    pub(super) inner: Arc<Inner>,
}

/// What all that works on a repository shares.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) restic: Restic,
    /// Who writes.
    pub(super) owner: Owner,
    /// Where this machine's locks are.
    pub(super) state: PathBuf,
    /// How long a listing is good for.
    fresh: Duration,
    listing: Mutex<Option<Listing>>,
    /// The sources that were entered: a listing may be of before.
    entered: Mutex<BTreeSet<SourceName>>,
    /// Held from the first copy that comes from another target until this process has ended.
    pub(super) copying: Mutex<Option<Copying>>,
}

/// The right to copy versions of other targets to here.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) _lock: Lock,
    /// What was copied, which the last listing may lack.
    pub(super) copied: BTreeSet<StoredId>,
}

/// What was listed.
#[derive(Debug)]
struct Listing {
    since: Instant,
    /// Something was changed from here since then.
    outdated: bool,
    catalog: Arc<Catalog>,
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

    fn new(repository: &Repository, opening: Opening) -> Result<Self, TargetError> {
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
        Ok(Self {
            inner: Arc::new(Inner {
                restic,
                owner: opening.owner,
                state: opening.state,
                fresh: opening.fresh,
                listing: Mutex::default(),
                entered: Mutex::default(),
                copying: Mutex::default(),
            }),
        })
    }
}

impl Inner {
    /// What the repository holds, by a listing that is still good, or a new one.
    pub(super) fn catalog(&self) -> Result<Arc<Catalog>, TargetError> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(good) = listing.as_ref().filter(|it| !it.outdated)
            && good.since.elapsed() < self.fresh
        {
            return Ok(good.catalog.clone());
        }
        // Snapshots are never changed, so that a listing needs no lock, for which restic waits a while.
        let arguments = ["--json", "--no-lock"].map(str::to_owned);
        let output = self.restic.run("snapshots", &arguments)?;
        let snapshots: Vec<Snapshot> =
            serde_json::from_slice(&output).map_err(|cause| TargetError::Restic {
                verb: "snapshots".to_owned(),
                repository: self.restic.repository.shown(),
                said: format!("its answer cannot be understood: {cause}"),
            })?;
        let mut catalog = Catalog::of(&snapshots);
        self.read_large(&mut catalog);
        let catalog = Arc::new(catalog);
        *listing = Some(Listing {
            since: Instant::now(),
            outdated: false,
            catalog: catalog.clone(),
        });
        Ok(catalog)
    }

    /// What the repository held when it was last listed: enough for what must not cost a listing for
    /// each version that is made.
    pub(super) fn recent(&self) -> Result<Arc<Catalog>, TargetError> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = &*listing {
            return Ok(listing.catalog.clone());
        }
        drop(listing);
        self.catalog()
    }

    /// Reads the manifests that are too large for a tag, each with a restic of its own.
    fn read_large(&self, catalog: &mut Catalog) {
        for (id, entry) in &mut catalog.versions {
            if entry.manifest.is_some() {
                continue;
            }
            let written = StoredId {
                version: entry.written_as,
                ..id.clone()
            };
            let read = open::read(self, entry).map_err(|error| error.to_string());
            let manifest = read.and_then(|files| {
                let bytes = files
                    .get("manifest.json")
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let manifest = own(Manifest::parse(bytes), &written, id.version);
                manifest.map_err(|error| error.to_string())
            });
            entry.manifest = Some(manifest);
        }
    }

    fn entered(&self) -> MutexGuard<'_, BTreeSet<SourceName>> {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where a source is the earlier tool's, to which nothing is written.
    pub(super) fn refuse_legacy(&self, source: &SourceName) -> Result<(), TargetError> {
        if legacy::is_its(&self.recent()?.legacy, source) {
            let repository = self.restic.repository.shown();
            return Err(TargetError::Legacy(repository.into()));
        }
        Ok(())
    }

    /// Lists anew the next time.
    pub(super) fn forget_listing(&self) {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = &mut *listing {
            listing.outdated = true;
        }
    }

    /// Removes snapshots; their data stays until the repository is pruned.
    pub(super) fn forget(&self, snapshots: &[String]) -> Result<(), TargetError> {
        for some in snapshots.chunks(AT_A_TIME) {
            self.restic.change("forget", some)?;
            self.forget_listing();
        }
        Ok(())
    }

    /// Removes snapshots, and the data that nothing needs any more.
    pub(super) fn forget_and_prune(&self, snapshots: &[String]) -> Result<(), TargetError> {
        let last = snapshots.len().saturating_sub(AT_A_TIME);
        let (first, last) = snapshots.split_at(last);
        self.forget(first)?;
        if !last.is_empty() {
            let arguments = [&["--prune".to_owned()], last].concat();
            self.restic.work(("forget", "pruning"), &arguments)?;
            self.forget_listing();
        }
        Ok(())
    }

    /// Has restic check the repository.
    fn check(&self, depth: &Depth) -> Result<Option<String>, TargetError> {
        let arguments: Vec<String> = match depth {
            Depth::Structure => Vec::new(),
            Depth::Subset(subset) => vec![format!("--read-data-subset={subset}")],
        };
        match self.restic.work(("check", "checking"), &arguments) {
            Ok(()) => Ok(None),
            // What it says before 0.17 and since then.
            Err(TargetError::Restic { said, .. })
                if said.contains("contains errors") || said.contains("is damaged") =>
            {
                Ok(Some(said))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what nobody writes any more; gives of how many versions.
    pub(super) fn clear(
        &self,
        source: &SourceName,
        resource: Option<&ResourceId>,
    ) -> Result<u64, TargetError> {
        let catalog = match resource {
            Some(_) => self.recent()?,
            None => self.catalog()?,
        };
        let abandoned = catalog.abandoned(source, resource, Version::now().timestamp());
        let snapshots: Vec<String> = abandoned
            .iter()
            .flat_map(|orphan| orphan.snapshots.iter().cloned())
            .collect();
        for orphan in &abandoned {
            tracing::debug!(draft = orphan.draft(), resource = %orphan.id.resource, "is abandoned");
        }
        match resource {
            // Whoever writes has no time to give room back.
            Some(_) => self.forget(&snapshots)?,
            None => self.forget_and_prune(&snapshots)?,
        }
        Ok(abandoned.len() as u64)
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
