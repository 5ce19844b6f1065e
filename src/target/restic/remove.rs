//! Deleting many versions with two starts of restic.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::{Catalog, Entry};
use super::lock::Exclusive;
use super::repository::ResticTarget;
use crate::model::{ResourceId, SourceName};
use crate::target::{Doomed, StoredId, TargetError};

/// What is locked for this process, or why it is not.
type Locks<'a> = BTreeMap<(&'a SourceName, &'a ResourceId), Result<Exclusive, Arc<TargetError>>>;

/// Deletes versions at once; gives what came of each.
///
/// First all that describes them goes: from then on they are no versions. Then their data goes, and what
/// nothing needs any more; where that fails, the next `prune` does it.
pub(super) fn together(target: &ResticTarget, doomed: &[Doomed]) -> Vec<Result<(), TargetError>> {
    let inner = &target.inner;
    let mut locks = Locks::new();
    for Doomed { id, .. } in doomed {
        locks.entry((&id.source, &id.resource)).or_insert_with(|| {
            inner.refuse_legacy(&id.source).map_err(Arc::new)?;
            Exclusive::take(target, &id.source, &id.resource).map_err(Arc::new)
        });
    }
    let catalog = match inner.catalog() {
        Ok(catalog) => catalog,
        Err(error) => return alike(doomed, &Arc::new(error)),
    };
    let (mut described, mut data) = (Vec::new(), Vec::new());
    let mut results = Vec::new();
    for one in doomed {
        let entry = may_go(&catalog, &locks, one);
        results.push(entry.map(|entry| {
            described.extend(entry.described_by.iter().cloned());
            let snapshots = entry.data.values().flat_map(|it| &it.snapshots);
            data.extend(snapshots.cloned());
        }));
    }
    if let Err(error) = inner.forget(&described) {
        let error = Arc::new(error);
        for result in results.iter_mut().filter(|it| it.is_ok()) {
            *result = Err(TargetError::Shared(error.clone()));
        }
    } else if let Err(error) = inner.forget_and_prune(&data) {
        let error = Arc::new(error);
        for result in results.iter_mut().filter(|it| it.is_ok()) {
            *result = Err(TargetError::DataStays(error.clone()));
        }
    }
    results
}

/// The version, if nothing forbids that it goes.
fn may_go<'a>(
    catalog: &'a Catalog,
    locks: &Locks,
    doomed: &Doomed,
) -> Result<&'a Entry, TargetError> {
    let id = &doomed.id;
    if let Some(Err(error)) = locks.get(&(&id.source, &id.resource)) {
        return Err(TargetError::Shared(error.clone()));
    }
    let entry = catalog.versions.get(id);
    let entry = entry.ok_or_else(|| TargetError::NoVersion(Box::new(id.clone())))?;
    if entry.protected {
        return Err(TargetError::Protected(Box::new(id.clone())));
    }
    if let Some(version) = doomed.survivor {
        let survivor = StoredId {
            version,
            ..id.clone()
        };
        let stays = catalog.versions.get(&survivor);
        if !stays.is_some_and(|entry| entry.is_complete(&survivor)) {
            return Err(TargetError::Outdated(version));
        }
    }
    Ok(entry)
}

fn alike(doomed: &[Doomed], error: &Arc<TargetError>) -> Vec<Result<(), TargetError>> {
    let one = |_: &Doomed| Err(TargetError::Shared(error.clone()));
    doomed.iter().map(one).collect()
}
