//! Checks many versions, on all cores.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::check::{full, quick};
use crate::model::{Check, CheckLevel, ResourceId, SourceName, Version};
use crate::plan::Failure;
use crate::progress::{Cancel, Progress, Task};
use crate::target::{State, Stored, StoredId, Target};

/// How the versions are checked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How thoroughly.
    pub level: CheckLevel,
    /// How many at a time.
    pub parallel: NonZeroUsize,
}

/// What came of checking one version.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The version, as it was listed.
    pub stored: Stored,
    /// How thoroughly it was checked, which is less than was asked for where no key is at hand.
    pub level: CheckLevel,
    /// What came of it.
    pub found: Found,
    /// The newest other version of the resource that restores, where this one may not: one that
    /// was found good now, or else one that is complete as far as is known.
    pub good_version: Option<Version>,
    /// How long it took to restore it until it ran, where it was drilled.
    pub restored_within: Option<Duration>,
    /// How long it took.
    pub duration: Duration,
}

/// What came of a check.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is what was stored.
    Good,
    /// It is not.
    Damaged(String),
    /// It is, but a restored copy of it does not do what it should.
    DrillFailed(String),
    /// It could not be checked.
    Failed(Failure),
    /// The run was stopped before.
    Interrupted,
}

/// Checks versions, in whatever order; gives what was found in theirs. Blocks.
///
/// `all` are the versions that may be named instead of damaged ones.
pub fn run(
    target: &Arc<dyn Target>,
    (chosen, all): (Vec<Stored>, &[Stored]),
    options: Options,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Vec<Finding> {
    let total = chosen.iter().map(|stored| stored.stored_size.0).sum();
    let task: Arc<dyn Task> = progress.task("verify").into();
    let reads = options.level > CheckLevel::Quick;
    task.phase("checking", reads.then_some(total));
    // Whatever is found was so at the latest then.
    let at = Version::now().timestamp();
    let next = AtomicUsize::new(0);
    let found: Mutex<BTreeMap<usize, Finding>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..options.parallel.get().min(chosen.len()) {
            scope.spawn(|| {
                while let Some((at, stored)) = take(&chosen, &next) {
                    let finding = if cancel.is_cancelled() {
                        finding(stored, options.level, (Found::Interrupted, Duration::ZERO))
                    } else {
                        one(&**target, stored, options.level, &task)
                    };
                    progress.through(stored.stored_size.0);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.insert(at, finding);
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let found: Vec<Finding> = found.into_values().collect();
    record(&**target, &found, at, progress);
    name_good_ones(found, all)
}

/// Keeps what came of the checks beside the versions.
fn record(target: &dyn Target, found: &[Finding], at: Timestamp, progress: &dyn Progress) {
    let check = |finding: &Finding| {
        let damage = match &finding.found {
            Found::Good => None,
            Found::Damaged(damage) => Some(damage.clone()),
            Found::DrillFailed(_) | Found::Failed(_) | Found::Interrupted => return None,
        };
        let level = finding.level;
        Some((finding.stored.id.clone(), Check { level, at, damage }))
    };
    let checks: Vec<(StoredId, Check)> = found.iter().filter_map(check).collect();
    for (id, error) in target.record(&checks) {
        if error.is_append_only() {
            progress.warn(&format!("checks are not recorded: {error}"));
            continue;
        }
        // A target that can only be read is checked all the same.
        if !error.is_legacy() {
            let StoredId {
                resource, version, ..
            } = id;
            progress.warn(&format!(
                "the check of {version} of `{resource}` is not recorded: {error}"
            ));
        }
    }
}

fn take<'a>(chosen: &'a [Stored], next: &AtomicUsize) -> Option<(usize, &'a Stored)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    chosen.get(at).map(|stored| (at, stored))
}

fn finding(stored: &Stored, level: CheckLevel, (verdict, duration): (Found, Duration)) -> Finding {
    Finding {
        stored: stored.clone(),
        level,
        found: verdict,
        good_version: None,
        restored_within: None,
        duration,
    }
}

fn one(target: &dyn Target, stored: &Stored, level: CheckLevel, task: &Arc<dyn Task>) -> Finding {
    let begun = Instant::now();
    let checked = match level {
        CheckLevel::Quick => quick(target, stored).map(|damage| (damage, level)),
        CheckLevel::Stored | CheckLevel::Full | CheckLevel::Drill => full(target, stored, task),
    };
    let (verdict, level) = match checked {
        Err(error) => (Found::Failed(Failure::new(error)), level),
        Ok((damage, level)) => (damage.map_or(Found::Good, Found::Damaged), level),
    };
    finding(stored, level, (verdict, begun.elapsed()))
}

/// Says of each damaged version which other one of its resource restores.
pub fn name_good_ones(mut found: Vec<Finding>, all: &[Stored]) -> Vec<Finding> {
    let mut verdicts: BTreeMap<(SourceName, ResourceId, Version), bool> = BTreeMap::new();
    for finding in &found {
        let id = &finding.stored.id;
        let good = match finding.found {
            Found::Good => true,
            Found::Damaged(_) | Found::DrillFailed(_) => false,
            Found::Failed(_) | Found::Interrupted => continue,
        };
        verdicts.insert((id.source.clone(), id.resource.clone(), id.version), good);
    }
    for finding in &mut found {
        if !matches!(finding.found, Found::Damaged(_) | Found::DrillFailed(_)) {
            continue;
        }
        let own = &finding.stored.id;
        let rank = |stored: &&Stored| {
            let id = &stored.id;
            let key = (id.source.clone(), id.resource.clone(), id.version);
            let checked = verdicts.get(&key).copied();
            (checked == Some(true), id.version)
        };
        finding.good_version = all
            .iter()
            .filter(|stored| stored.id.source == own.source && stored.id.resource == own.resource)
            .filter(|stored| stored.state == State::Complete && stored.id.version != own.version)
            .filter(|stored| {
                let id = &stored.id;
                let key = (id.source.clone(), id.resource.clone(), id.version);
                verdicts.get(&key) != Some(&false)
            })
            .max_by_key(rank)
            .map(|stored| stored.id.version);
    }
    found
}
