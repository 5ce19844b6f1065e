//! Deleting versions.

use std::sync::Arc;
use std::time::Instant;

use crate::model::{Kind, ResourceId, Version};
use crate::plan::{Action, Approved, Failure, Outcome, Plan, Report, Row, Step, delete_together};
use crate::progress::Cancel;
use crate::target::{Doomed, State, Stored, StoredId, Target, grouped};

/// A request to delete versions.
#[derive(Debug, Clone)]
pub struct DeleteRequest {
    /// The resources, in the order in which they were asked for.
    pub resources: Vec<ResourceId>,
    /// Which versions of them.
    pub scope: DeleteScope,
    /// Delete even the last complete version of a resource.
    pub force: bool,
}

/// Which versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteScope {
    /// These.
    Versions(Vec<Version>),
    /// Every one.
    All,
}

/// What applying one step needs.
#[derive(Debug)]
pub struct DeleteWork {
    id: StoredId,
}

/// Plans the deletion (pure); `stored` is what the target holds of the source.
pub fn plan_delete(request: &DeleteRequest, stored: &[Stored]) -> Plan<DeleteWork> {
    let of_each = grouped(stored, |version| &version.id.resource);
    let mut steps = Vec::new();
    for resource in &request.resources {
        let versions = of_each.get(resource).map(Vec::as_slice).unwrap_or_default();
        steps.extend(plan_one(request, resource, versions));
    }
    Plan::new(steps)
}

fn plan_one(
    request: &DeleteRequest,
    resource: &ResourceId,
    versions: &[&Stored],
) -> Vec<Step<DeleteWork>> {
    let refuse = |reason: &str| {
        vec![Step::rest(
            Row::new(Action::Refuse, resource).because(reason),
        )]
    };
    if versions.is_empty() {
        return refuse("the target holds no version of it");
    }
    let wanted: Vec<Version> = match &request.scope {
        DeleteScope::All => versions.iter().map(|stored| stored.id.version).collect(),
        DeleteScope::Versions(wanted) => wanted.clone(),
    };
    let survives = versions
        .iter()
        .any(|stored| stored.state == State::Complete && !wanted.contains(&stored.id.version));
    let step = |version: Version| {
        let row = |action| Row::new(action, resource).version(version);
        let Some(stored) = versions.iter().find(|stored| stored.id.version == version) else {
            return Step::rest(row(Action::Refuse).because("the target does not hold it"));
        };
        if stored.is_legacy() {
            return Step::rest(row(Action::Refuse).because(LEGACY));
        }
        if stored.protected {
            let reason = "it is protected; `unprotect` lets it go";
            return Step::rest(row(Action::Refuse).because(reason));
        }
        if stored.state == State::Complete && !survives && !request.force {
            let reason = "no complete version would be left; --force deletes it all the same";
            return Step::rest(row(Action::Refuse).because(reason));
        }
        let shared = match resource.kind() {
            // Versions of the same image have its files in common.
            Kind::Image => ", but for what other versions share",
            _ => "",
        };
        let reason = format!("frees {}{shared}", stored.stored_size);
        let row = row(Action::Delete).because(&reason);
        Step::work(
            row,
            DeleteWork {
                id: stored.id.clone(),
            },
        )
    };
    wanted.into_iter().map(step).collect()
}

/// Why nothing of the earlier tool is deleted or protected.
pub(super) const LEGACY: &str = "it was made by the earlier tool, whose backups are only read";

/// Deletes what the plan names, one after the other. Blocks.
pub fn apply_delete(
    target: &Arc<dyn Target>,
    plan: Approved<DeleteWork>,
    cancel: &Cancel,
) -> Report {
    let doomed = |DeleteWork { id }| Doomed { id, survivor: None };
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
            let deleted = target
                .lock(&work.id.source, &work.id.resource)
                .and_then(|lock| lock.delete(work.id.version));
            match deleted {
                Ok(()) => Outcome::done(row, begun.elapsed()),
                Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
            }
        })
        .collect()
}
