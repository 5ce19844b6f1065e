//! What the server has and the backup lacks: kept, and deleted only when that is wanted and nothing
//! uses it (pure).

use std::cmp::Reverse;

use serde_json::Value;

use super::super::object::Object;
use super::certificate::is_own;
use super::key::{CUTS_OFF, cuts_off};
use super::object::work;
use super::plan::{Planner, Turned, rest};
use super::project::is_in_use;
use super::stage::Stage;
use super::work::{Change, Expected, given};
use crate::model::{ObjectId, ObjectKind};
use crate::plan::{Action, Row};

/// Plans one object that the backup lacks.
pub(super) fn extras(planner: Planner<'_>, id: &ObjectId, present: &Object) -> Option<Turned> {
    let stage = Stage::Deletions(Reverse(id.kind));
    if matches!(
        id.kind,
        ObjectKind::Volume | ObjectKind::Bucket | ObjectKind::ClusterMember
    ) {
        // Data and machines are not declared here: they are none of a configuration's extras.
        return None;
    }
    if let Some(reason) = stays(planner, id, present) {
        return Some(rest(stage, Action::Keep, id, &reason));
    }
    if !planner.request.force {
        let reason = "the backup lacks it; --force deletes it";
        return Some(rest(stage, Action::Keep, id, reason));
    }
    let row = Row::of_object(Action::Delete, id).because("the backup lacks it");
    let expected = Expected::Like(given(id, present));
    if id.kind != ObjectKind::ServerKey {
        return Some(work(stage, row, id, Change::Delete, expected));
    }
    let change = Change::SetKey(String::new());
    if cuts_off(planner, id.name.as_str()) {
        let row = row.because(CUTS_OFF);
        return Some(work(Stage::CuttingOff, row, id, change, expected));
    }
    let stage = Stage::of_key(id.name.as_str());
    Some(work(stage, row, id, change, expected))
}

/// Why an extra object stays whatever is asked.
fn stays(planner: Planner<'_>, id: &ObjectId, present: &Object) -> Option<String> {
    let name = id.name.as_str();
    let by_itself = match id.kind {
        ObjectKind::Project | ObjectKind::Profile | ObjectKind::ClusterGroup => name == "default",
        ObjectKind::ServerKey => name == "cluster.https_address",
        _ => false,
    };
    if by_itself {
        return Some("every server has it".to_owned());
    }
    if is_own(planner, id) {
        return Some("this client is known by it".to_owned());
    }
    if used(id, present) {
        return Some("the backup lacks it, but it is in use".to_owned());
    }
    None
}

/// Whether something uses an object.
pub(super) fn used(id: &ObjectId, object: &Object) -> bool {
    if id.kind == ObjectKind::Project {
        return is_in_use(object);
    }
    let users = object.state.get("used_by").and_then(Value::as_array);
    users.is_some_and(|users| !users.is_empty())
}
