//! Whether a project may have as many instances as are restored into it (pure).

use std::collections::BTreeMap;

use super::gather::{Facts, Server};
use super::plan::Work;
use crate::model::{InstanceType, ProjectName};
use crate::plan::{Action, Row, Step};

/// How many instances of each type the projects have, which the steps add to in their order.
pub(super) struct Quotas<'a> {
    facts: &'a Facts,
    added: BTreeMap<ProjectName, Vec<InstanceType>>,
}

impl<'a> Quotas<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        Self {
            facts,
            added: BTreeMap::new(),
        }
    }

    /// Counts a step's instance, or refuses it. One that replaces another is beside it for a while.
    pub(super) fn take_for(&mut self, step: Step<Work>) -> Step<Work> {
        let (row, work) = step.into_parts();
        let Some(work) = work else {
            return Step::rest(row);
        };
        let manifest = work.stored.manifest.as_ref();
        let own = manifest.and_then(|manifest| manifest.instance.as_ref());
        let (Some(own), Some(server)) = (own, self.facts.projects.get(&work.project)) else {
            return Step::work(row, work);
        };
        let added = self.added.entry(work.project.clone()).or_default();
        if let Some(reason) = exceeded(server, added, own.instance_type, &work.project) {
            return Step::rest(Row {
                action: Action::Refuse,
                reason,
                ..row
            });
        }
        if !work.replace {
            added.push(own.instance_type);
        }
        Step::work(row, work)
    }
}

fn exceeded(
    server: &Server,
    added: &[InstanceType],
    instance_type: InstanceType,
    project: &ProjectName,
) -> Option<String> {
    let existing = server.instances.values().map(|it| it.instance_type);
    let all: Vec<InstanceType> = existing.chain(added.iter().copied()).collect();
    let counts = server.limits.counts(instance_type).into_iter();
    let mut full = counts.filter(|(key, limit)| {
        let counted = all
            .iter()
            .filter(|it| *key == "limits.instances" || **it == instance_type);
        counted.count() as u64 >= *limit
    });
    full.next().map(|(key, limit)| {
        format!(
            "project `{project}` has `{key}={limit}`, and no room for one more while it is imported"
        )
    })
}
