//! What is done to which object (pure).

use super::super::document::Section;
use super::super::object::Object;
use super::extra::extras;
use super::request::{RestoreFacts, RestoreRequest};
use super::stage::Stage;
use super::work::Work;
use super::{certificate, cluster, existing, key, object, pool, project};
use crate::model::{ObjectId, ObjectKind};
use crate::plan::{Action, Plan, Row, Step};

/// A step and its turn.
pub(super) type Turned = (Stage, Step<Work>);

/// The kinds that a restore gives back; the others are kept for the record.
const RESTORED: [ObjectKind; 18] = [
    ObjectKind::ServerKey,
    ObjectKind::StoragePool,
    ObjectKind::Project,
    ObjectKind::NetworkIntegration,
    ObjectKind::NetworkAddressSet,
    ObjectKind::NetworkAcl,
    ObjectKind::NetworkZone,
    ObjectKind::Network,
    ObjectKind::NetworkForward,
    ObjectKind::NetworkLoadBalancer,
    ObjectKind::NetworkPeer,
    ObjectKind::NetworkZoneRecord,
    ObjectKind::Volume,
    ObjectKind::Bucket,
    ObjectKind::Profile,
    ObjectKind::Certificate,
    ObjectKind::ClusterGroup,
    ObjectKind::ClusterMember,
];

/// What a planner looks at.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub(super) request: &'a RestoreRequest,
    pub(super) facts: &'a RestoreFacts,
}

/// Plans what makes a server declare what the backup declares.
pub fn plan_restore(request: &RestoreRequest, facts: &RestoreFacts) -> Plan<Work> {
    let planner = Planner { request, facts };
    let mut steps: Vec<Turned> = Vec::new();
    for kind in RESTORED {
        if request.filter.takes_kind(kind) {
            steps.extend(planner.kind(kind));
        }
    }
    let left_out = facts.left_out.iter();
    steps.extend(
        left_out
            .filter(|(id, _)| RESTORED.contains(&id.kind) && request.filter.takes(id))
            .map(|(id, reason)| rest(Stage::of(id.kind), Action::Skip, id, reason)),
    );
    steps.sort_by_key(|(stage, _)| *stage);
    let noted = |step: Step<Work>| {
        let (row, work) = step.into_parts();
        let note = row.object.as_ref().and_then(|id| facts.notes.get(id));
        let row = match note {
            Some(note) => row.because(note),
            None => row,
        };
        match work {
            Some(work) => Step::work(row, work),
            None => Step::rest(row),
        }
    };
    steps.into_iter().map(|(_, step)| noted(step)).collect()
}

impl Planner<'_> {
    fn kind(self, kind: ObjectKind) -> Vec<Turned> {
        let wanted = match self.facts.backup.sections.get(&kind) {
            // The backup is of a program that did not know the kind.
            None => return Vec::new(),
            Some(Section::Unreadable(reason)) => {
                let reason = format!("the backup does not hold them: {reason}");
                return refuse_all(kind, &reason);
            }
            Some(Section::Objects(wanted) | Section::Part(wanted)) => wanted,
        };
        let present = match self.facts.server.sections.get(&kind) {
            Some(Section::Objects(present) | Section::Part(present)) => present,
            Some(Section::Unreadable(reason)) => {
                return refuse_all(kind, &format!("the server does not give them: {reason}"));
            }
            None => return Vec::new(),
        };
        let mut steps = Vec::new();
        for (id, object) in wanted
            .iter()
            .filter(|(id, _)| self.request.filter.takes(id))
        {
            if object.declared_nothing() {
                continue;
            }
            let object = &self.said(id, object);
            let of_object = match kind {
                ObjectKind::ServerKey => key::plan(self, id, object),
                ObjectKind::StoragePool => pool::plan(self, id, object),
                ObjectKind::Project => project::plan(self, id, object),
                ObjectKind::Certificate => certificate::plan(self, id, object),
                ObjectKind::ClusterGroup | ObjectKind::ClusterMember => {
                    cluster::plan(self, id, object)
                }
                _ => object::plan(self, id, object),
            };
            steps.extend(existing::settle(self, id, of_object));
        }
        if self.facts.backup.is_part(kind) {
            return steps;
        }
        for (id, object) in present
            .iter()
            .filter(|(id, _)| self.request.filter.takes(id))
        {
            if !wanted.contains_key(id) && !object.declared_nothing() {
                steps.extend(extras(self, id, object));
            }
        }
        steps
    }

    /// An object with what a backup that holds a part of everything does not say of it: that stays.
    fn said(self, id: &ObjectId, wanted: &Object) -> Object {
        let mut said = wanted.clone();
        let present = self.facts.server.object(id);
        let present = present.filter(|_| self.facts.backup.is_part(id.kind));
        if let Some(there) = present.and_then(|it| it.set.get("description")) {
            let description = said.set.entry("description");
            description.or_insert_with(|| there.clone());
        }
        said
    }

    /// Whether an object is on the server, or is in the backup and so comes before what names it.
    pub(super) fn will_have(self, id: &ObjectId) -> bool {
        self.facts.server.object(id).is_some()
            || (self.request.filter.takes(id) && self.facts.backup.object(id).is_some())
    }
}

/// A row for a kind as a whole.
fn refuse_all(kind: ObjectKind, reason: &str) -> Vec<Turned> {
    // A kind's own plural is a name like any other.
    let Ok(name) = kind.plural().parse() else {
        return Vec::new();
    };
    let id = ObjectId::of_server(kind, name);
    vec![rest(Stage::of(kind), Action::Refuse, &id, reason)]
}

/// A step that leaves an object alone.
pub(super) fn rest(stage: Stage, action: Action, id: &ObjectId, reason: &str) -> Turned {
    let row = Row::of_object(action, id);
    let row = if reason.is_empty() {
        row
    } else {
        row.because(reason)
    };
    (stage, Step::rest(row))
}
