//! Protecting versions, and taking that back.

use std::sync::Arc;
use std::time::Instant;

use super::delete::LEGACY;
use super::{DeleteScope, newest_complete};
use crate::model::{ResourceId, Version};
use crate::plan::{Action, Approved, Failure, Outcome, Plan, Report, Row, Step};
use crate::target::{Protection, Stored, StoredId, Target};

/// A request to protect versions, or to let them go.
#[derive(Debug, Clone)]
pub struct ProtectRequest {
    /// Whose, in the order in which they were asked for.
    pub resources: Vec<ResourceId>,
    /// Which; none means the newest complete one of each.
    pub scope: Option<DeleteScope>,
    /// What becomes of them.
    pub protection: Protection,
}

/// What one step changes.
#[derive(Debug)]
pub struct ProtectWork {
    id: StoredId,
    protection: Protection,
}

/// Plans it (pure); `stored` is what the target holds of the source.
pub fn plan_protect(request: &ProtectRequest, stored: &[Stored]) -> Plan<ProtectWork> {
    request
        .resources
        .iter()
        .flat_map(|resource| {
            let own: Vec<Stored> = stored
                .iter()
                .filter(|stored| stored.id.resource == *resource)
                .cloned()
                .collect();
            plan_one(request, resource, &own)
        })
        .collect()
}

fn plan_one(
    request: &ProtectRequest,
    resource: &ResourceId,
    own: &[Stored],
) -> Vec<Step<ProtectWork>> {
    let wanted: Vec<Version> = match &request.scope {
        Some(DeleteScope::All) => own.iter().map(|stored| stored.id.version).collect(),
        Some(DeleteScope::Versions(wanted)) => wanted.clone(),
        None => newest_complete(own)
            .iter()
            .map(|stored| stored.id.version)
            .collect(),
    };
    if wanted.is_empty() {
        let row = Row::new(Action::Refuse, resource);
        return vec![Step::rest(
            row.because("the target holds no such version of it"),
        )];
    }
    let step = |version: Version| {
        let row = |action| Row::new(action, resource).version(version);
        let Some(stored) = own.iter().find(|stored| stored.id.version == version) else {
            return Step::rest(row(Action::Refuse).because("the target does not hold it"));
        };
        if stored.is_legacy() {
            return Step::rest(row(Action::Refuse).because(LEGACY));
        }
        let (is_so, becomes) = match request.protection {
            Protection::On => (stored.protected, "protected"),
            Protection::Off => (!stored.protected, "not protected"),
        };
        if is_so {
            return Step::rest(row(Action::Skip).because(&format!("it is {becomes}")));
        }
        let work = ProtectWork {
            id: stored.id.clone(),
            protection: request.protection,
        };
        Step::work(
            row(Action::Update).because(&format!("{becomes} from now on")),
            work,
        )
    };
    wanted.into_iter().map(step).collect()
}

/// Does what the plan says. Blocks.
pub fn apply_protect(target: &Arc<dyn Target>, plan: Approved<ProtectWork>) -> Report {
    plan.into_steps()
        .into_iter()
        .map(|step| {
            let (row, work) = step.into_parts();
            let Some(work) = work else {
                return Outcome::rest(row);
            };
            let begun = Instant::now();
            match target.protect(&work.id, work.protection) {
                Ok(()) => Outcome::done(row, begun.elapsed()),
                Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
            }
        })
        .collect()
}
