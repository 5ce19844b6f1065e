//! What all that works on a repository shares: its listing, and what is forgotten of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::catalog::{Catalog, own};
use super::process::Restic;
use super::snapshot::Snapshot;
use super::{legacy, open};
use crate::model::{Owner, ResourceId, SourceName, Version};
use crate::target::flock::Lock;
use crate::target::{Depth, Manifest, StoredId, TargetError};

/// How many snapshots are named on one command line.
const AT_A_TIME: usize = 1000;

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

impl Inner {
    /// Nothing is listed yet; a listing is good for `fresh` while nothing is changed from here.
    pub(super) fn new(restic: Restic, owner: Owner, state: PathBuf, fresh: Duration) -> Self {
        Self {
            restic,
            owner,
            state,
            fresh,
            listing: Mutex::default(),
            entered: Mutex::default(),
            copying: Mutex::default(),
        }
    }

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

    pub(super) fn entered(&self) -> MutexGuard<'_, BTreeSet<SourceName>> {
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
    pub(super) fn check(&self, depth: &Depth) -> Result<Option<String>, TargetError> {
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
