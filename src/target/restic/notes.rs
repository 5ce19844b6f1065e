//! What is said of a version later, as tags of what describes it: that it is protected, and how it was
//! checked.
//!
//! `restic tag` makes a snapshot with the new tags before the old one goes: where it is cut off there
//! are two with the same `draft`, which are read as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::{Catalog, PROTECTED, check_tag};
use super::lock::shared;
use super::shared::Inner;
use crate::model::Check;
use crate::target::{Protection, StoredId, TargetError};

/// How many snapshots are named on one command line.
const AT_A_TIME: usize = 1000;

/// Protects a version, or takes that back.
pub(super) fn protect(
    inner: &Inner,
    id: &StoredId,
    protection: Protection,
) -> Result<(), TargetError> {
    let _lock = shared(inner, &id.source, &id.resource)?;
    let how = match protection {
        Protection::On => "--add",
        Protection::Off => "--remove",
    };
    let snapshots = described_by(&*inner.catalog()?, id)?;
    match tag(inner, &[format!("{how}={PROTECTED}")], &snapshots) {
        // The one with the tag was added, and the one without does no harm.
        Err(error) if error.is_append_only() && protection == Protection::On => Ok(()),
        tagged => tagged,
    }
}

/// Records checks: those that say the same at once.
pub(super) fn record(inner: &Inner, checks: &[(StoredId, Check)]) -> Vec<(StoredId, TargetError)> {
    let mut alike: BTreeMap<Vec<String>, Vec<&StoredId>> = BTreeMap::new();
    let mut failed = Vec::new();
    for (id, check) in checks {
        match changes(inner, id, check) {
            Ok(changes) => alike.entry(changes).or_default().push(id),
            Err(error) => failed.push((id.clone(), error)),
        }
    }
    for (changes, ids) in alike {
        // Where nothing can be removed each tag adds a snapshot: one is tried before the others.
        let first = usize::from(inner.restic.repository.path().is_none());
        let (first, rest) = ids.split_at(first.min(ids.len()));
        for some in first.chunks(1).chain(rest.chunks(AT_A_TIME)) {
            let failures = record_alike(inner, &changes, some);
            let append_only = failures.iter().any(|(_, error)| error.is_append_only());
            failed.extend(failures);
            if append_only {
                return failed;
            }
        }
    }
    failed
}

/// The tags that go and come with a check.
fn changes(inner: &Inner, id: &StoredId, check: &Check) -> Result<Vec<String>, TargetError> {
    inner.refuse_legacy(&id.source)?;
    let catalog = inner.catalog()?;
    let entry = catalog.versions.get(id);
    let entry = entry.ok_or_else(|| TargetError::NoVersion(Box::new(id.clone())))?;
    let mut checks = entry.checks.clone();
    checks.add(check.clone());
    let now: Vec<String> = checks.iter().map(check_tag).collect();
    let old = entry.check_tags.iter().filter(|tag| !now.contains(tag));
    let new = now.iter().filter(|tag| !entry.check_tags.contains(*tag));
    let old = old.map(|tag| format!("--remove={tag}"));
    Ok(old.chain(new.map(|tag| format!("--add={tag}"))).collect())
}

fn record_alike(
    inner: &Inner,
    changes: &[String],
    ids: &[&StoredId],
) -> Vec<(StoredId, TargetError)> {
    let mut failed = Vec::new();
    let (mut locks, mut snapshots) = (Vec::new(), Vec::new());
    for id in ids {
        let found = shared(inner, &id.source, &id.resource)
            .and_then(|lock| Ok((lock, described_by(&*inner.recent()?, id)?)));
        match found {
            Ok((lock, found)) => {
                locks.push(lock);
                snapshots.extend(found);
            }
            Err(error) => failed.push(((*id).clone(), error)),
        }
    }
    if let Err(error) = tag(inner, changes, &snapshots) {
        let error = Arc::new(error);
        let one = |id: &&StoredId| ((*id).clone(), TargetError::Shared(error.clone()));
        failed = ids.iter().map(one).collect();
    }
    failed
}

fn described_by(catalog: &Catalog, id: &StoredId) -> Result<Vec<String>, TargetError> {
    let entry = catalog.versions.get(id);
    let entry = entry.ok_or_else(|| TargetError::NoVersion(Box::new(id.clone())))?;
    Ok(entry.described_by.clone())
}

fn tag(inner: &Inner, changes: &[String], snapshots: &[String]) -> Result<(), TargetError> {
    if changes.is_empty() || snapshots.is_empty() {
        return Ok(());
    }
    let tagged = inner.restic.change("tag", &[changes, snapshots].concat());
    inner.forget_listing();
    tagged
}
