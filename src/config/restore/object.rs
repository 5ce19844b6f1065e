//! What is done to most objects: made where they are missing, changed where they differ (pure).

use serde_json::{Value, json};

use super::super::object::Object;
use super::cluster::adapted;
use super::extra::used;
use super::plan::{Planner, Turned, rest};
use super::pool::is_pending;
use super::stage::{Stage, Turn};
use super::work::{Change, Expected, Work, given};
use crate::diff::changes;
use crate::model::{ObjectId, ObjectKind};
use crate::plan::{Action, Row, Step};

/// How many of the places that change a row names.
const NAMED: usize = 6;

/// Plans one object of a kind that has no rules of its own.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let stage = match id.kind {
        ObjectKind::Network if wanted.made.get("type").is_some_and(|kind| kind == "ovn") => {
            Stage::Objects(id.kind, Turn::Second)
        }
        kind => Stage::of(kind),
    };
    if let Some(reason) = lacks_place(planner, id) {
        return vec![rest(stage, Action::Refuse, id, &reason)];
    }
    let wanted = adapted(planner, id, wanted);
    match planner.facts.server.object(id) {
        Some(present) if id.kind == ObjectKind::Network && is_pending(present) => {
            vec![begun(planner, stage, id, (present, wanted))]
        }
        Some(present) => {
            let stage = match id.kind {
                ObjectKind::NetworkAcl => of_rules(&wanted),
                _ => stage,
            };
            vec![update(stage, id, present, wanted)]
        }
        None if made_with_its_project(planner, id) => {
            let row =
                Row::of_object(Action::Update, id).because("the server makes it with its project");
            vec![work(
                stage,
                row,
                id,
                Change::Update(wanted),
                Expected::Present,
            )]
        }
        None => create(planner, stage, id, wanted),
    }
}

/// Plans a network that an earlier run began to make.
///
/// A server makes a network within the request for it: whoever is killed meanwhile leaves a record
/// with no network behind it, which no change and no second request completes (seen on 6.0.4, whenever
/// the connection ends; a pool does not suffer that). In a cluster it is the first of two steps, and
/// the second completes it; else it must go first.
fn begun(
    planner: Planner<'_>,
    stage: Stage,
    id: &ObjectId,
    (present, wanted): (&Object, Object),
) -> Turned {
    let alone = planner.facts.members.is_empty();
    if alone && used(id, present) {
        let reason = "an earlier run began it and did not end, and something uses it: delete it once \
                      nothing does, and run this again";
        return rest(stage, Action::Refuse, id, reason);
    }
    let row = Row::of_object(Action::Create, id);
    let (row, change) = if alone {
        let row = row.because("an earlier run began it: what that left is deleted first");
        (row, Change::CreateAnew(wanted))
    } else {
        (
            row.because("an earlier run began it"),
            Change::Create(wanted),
        )
    };
    work(stage, row, id, change, Expected::Absent)
}

/// Why an object has no place on the server.
fn lacks_place(planner: Planner<'_>, id: &ObjectId) -> Option<String> {
    if let Some(parent) = id.parent_id()
        && !planner.will_have(&parent)
    {
        return Some(format!("{parent} is not there"));
    }
    let project = id.project.as_ref()?;
    let name = project.as_str().parse().ok()?;
    let project = ObjectId::of_server(ObjectKind::Project, name);
    (!planner.will_have(&project)).then(|| format!("{project} is not there"))
}

/// Whether it is the profile that comes with a project that is not there yet.
fn made_with_its_project(planner: Planner<'_>, id: &ObjectId) -> bool {
    let project = id
        .project
        .as_ref()
        .and_then(|project| project.as_str().parse().ok())
        .map(|name| ObjectId::of_server(ObjectKind::Project, name));
    id.kind == ObjectKind::Profile
        && id.name.as_str() == "default"
        && project.is_some_and(|project| planner.facts.server.object(&project).is_none())
}

/// Plans to make an object.
fn create(planner: Planner<'_>, stage: Stage, id: &ObjectId, wanted: Object) -> Vec<Turned> {
    let row = Row::of_object(Action::Create, id);
    match id.kind {
        ObjectKind::Volume | ObjectKind::Bucket if !planner.request.empty_volumes => {
            let reason = format!(
                "its data comes with incus-backup-{}; --with-empty-volumes makes it without",
                id.kind
            );
            vec![rest(stage, Action::Skip, id, &reason)]
        }
        ObjectKind::Volume | ObjectKind::Bucket => {
            let row = row.because("without its data");
            vec![work(
                stage,
                row,
                id,
                Change::Create(wanted),
                Expected::Absent,
            )]
        }
        ObjectKind::NetworkAcl if has_rules(&wanted) => {
            let mut empty = wanted.clone();
            for rules in ["egress", "ingress"] {
                empty.set.insert(rules.to_owned(), json!([]));
            }
            let like = Expected::Like(given(id, &empty));
            let row = row.because("without rules at first: they may name other ACLs");
            let rules = Row::of_object(Action::Update, id).because("its rules");
            let later = of_rules(&wanted);
            vec![
                work(stage, row, id, Change::Create(empty), Expected::Absent),
                work(later, rules, id, Change::Update(wanted), like),
            ]
        }
        _ => vec![work(
            stage,
            row,
            id,
            Change::Create(wanted),
            Expected::Absent,
        )],
    }
}

/// When an ACL gets its rules: they may name ACLs that are made by the same plan, and peers, of networks
/// that may be under this very ACL.
fn of_rules(acl: &Object) -> Stage {
    let sides = rules(acl).flat_map(|rule| [&rule["source"], &rule["destination"]]);
    let mut subjects = sides.filter_map(Value::as_str).flat_map(|it| it.split(','));
    let is_peer = |subject: &str| subject.trim().starts_with('@') && subject.contains('/');
    if subjects.any(is_peer) {
        Stage::Objects(ObjectKind::NetworkPeer, Turn::Second)
    } else {
        Stage::Objects(ObjectKind::NetworkAcl, Turn::Second)
    }
}

fn rules(acl: &Object) -> impl Iterator<Item = &Value> {
    let directions = ["egress", "ingress"].into_iter();
    directions
        .filter_map(|direction| acl.set.get(direction).and_then(Value::as_array))
        .flatten()
}

fn has_rules(object: &Object) -> bool {
    rules(object).next().is_some()
}

/// Plans to change an object that is there, where it differs.
pub(super) fn update(stage: Stage, id: &ObjectId, present: &Object, wanted: Object) -> Turned {
    for (field, value) in &wanted.made {
        let there = present.made.get(field).unwrap_or(&Value::Null);
        if there != value && !value.is_null() {
            let reason = format!("its {field} is another there, and cannot be changed");
            return rest(stage, Action::Refuse, id, &reason);
        }
    }
    let (old, new) = (given(id, present), given(id, &wanted));
    let Some(reason) = changed(&old, &new) else {
        return rest(stage, Action::Skip, id, "it is equal");
    };
    let row = Row::of_object(Action::Update, id).because(&reason);
    work(stage, row, id, Change::Update(wanted), Expected::Like(old))
}

/// The places that differ, by name: what stands there may be secret.
pub(super) fn changed(old: &Value, new: &Value) -> Option<String> {
    let mut places: Vec<String> = changes(old, new)
        .iter()
        .map(crate::diff::Change::place)
        .collect();
    places.dedup();
    let more = places.len().saturating_sub(NAMED);
    places.truncate(NAMED);
    match (places.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(places.join(", ")),
        (false, more) => Some(format!("{} and {more} more", places.join(", "))),
    }
}

/// A step that does something.
pub(super) fn work(
    stage: Stage,
    row: Row,
    id: &ObjectId,
    change: Change,
    expected: Expected,
) -> Turned {
    let id = id.clone();
    (
        stage,
        Step::work(
            row,
            Work {
                phase: stage.phase(),
                id,
                change,
                expected,
            },
        ),
    )
}
