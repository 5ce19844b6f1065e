//! Removes what the plan names.

use std::sync::Arc;
use std::time::Instant;

use super::plan::Work;
use crate::plan::{Approved, Failure, Outcome, Report, delete_together};
use crate::progress::Cancel;
use crate::target::{Doomed, ExclusiveLock, Filter, State, StoredId, Target, TargetError};

/// A resource that is locked, and whose survivor was seen.
struct Held {
    id: StoredId,
    lock: Box<dyn ExclusiveLock>,
}

/// Removes what the plan names, resource by resource. Blocks.
pub fn apply(target: &Arc<dyn Target>, plan: Approved<Work>, cancel: &Cancel) -> Report {
    let mut held: Option<Held> = None;
    let doomed = |Work { id, survivor }| Doomed { id, survivor };
    let steps = match delete_together(&**target, plan, doomed, cancel) {
        Ok(report) => return report,
        Err(steps) => steps,
    };
    steps
        .into_iter()
        .map(|(row, work)| {
            let Some(work) = work.filter(|_| !cancel.is_cancelled()) else {
                return Outcome::rest(row);
            };
            let begun = Instant::now();
            match remove(&**target, &work, &mut held) {
                Ok(()) => Outcome::done(row, begun.elapsed()),
                Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
            }
        })
        .collect()
}

fn remove(target: &dyn Target, work: &Doomed, held: &mut Option<Held>) -> Result<(), TargetError> {
    let same =
        |held: &Held| held.id.source == work.id.source && held.id.resource == work.id.resource;
    if !held.as_ref().is_some_and(same) {
        // One lock at a time: two runs that prune cannot wait for each other.
        *held = None;
        let lock = target.lock(&work.id.source, &work.id.resource)?;
        if let Some(survivor) = work.survivor {
            let filter = Filter {
                source: Some(work.id.source.clone()),
                resource: Some(work.id.resource.clone()),
                ..Filter::default()
            };
            let stays = target
                .versions(&filter)?
                .into_iter()
                .any(|stored| stored.id.version == survivor && stored.state == State::Complete);
            if !stays {
                return Err(TargetError::Outdated(survivor));
            }
        }
        *held = Some(Held {
            id: work.id.clone(),
            lock,
        });
    }
    if let Some(held) = held {
        held.lock.delete(work.id.version)?;
    }
    Ok(())
}
