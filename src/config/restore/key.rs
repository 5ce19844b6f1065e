//! Server keys, one by one: what a server does not know does not hide the rest (pure).

use serde_json::Value;

use super::super::fields::MEMBER_SERVER_KEYS;
use super::super::object::Object;
use super::object::work;
use super::plan::{Planner, Turned, rest};
use super::stage::{Stage, is_volume_key};
use super::work::{Change, Expected, given};
use crate::model::{ObjectId, ObjectKind, ResourceName};
use crate::plan::{Action, Row};

/// Plans one server key.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let name = id.name.as_str();
    let mut stage = Stage::of_key(name);
    let value = text(wanted.set.get("value"));
    if let Some(reason) = has_no_place(planner, id) {
        return vec![rest(stage, Action::Skip, id, &reason)];
    }
    let present = planner.facts.server.object(id);
    let expected = match present {
        Some(present) if text(present.set.get("value")) == value => {
            return vec![rest(stage, Action::Skip, id, "it is equal")];
        }
        Some(present) => Expected::Like(given(id, present)),
        None => Expected::Absent,
    };
    if is_volume_key(name) && !has_volume(planner, &value) {
        let reason = format!(
            "volume `{value}` is not there: bring it back with incus-backup-volume, then run this \
             again"
        );
        return vec![rest(stage, Action::Refuse, id, &reason)];
    }
    let action = if present.is_some() {
        Action::Update
    } else {
        Action::Create
    };
    let mut row = Row::of_object(action, id);
    if cuts_off(planner, name) {
        stage = Stage::CuttingOff;
        row = row.because(CUTS_OFF);
    }
    vec![work(stage, row, id, Change::SetKey(value), expected)]
}

/// What is said of a key that may end this very connection.
pub(super) const CUTS_OFF: &str =
    "the last step: this client reaches the server by that address, and may be cut off";

/// Whether changing a key may end this very connection.
pub(super) fn cuts_off(planner: Planner<'_>, key: &str) -> bool {
    planner.facts.connection.by_address
        && ["core.https_address", "cluster.https_address"].contains(&key)
}

/// Why a key has no place on this server.
fn has_no_place(planner: Planner<'_>, id: &ObjectId) -> Option<String> {
    let name = id.name.as_str();
    if name == "cluster.https_address" {
        return Some("a cluster gives itself its addresses".to_owned());
    }
    let members = &planner.facts.members;
    match &id.member {
        Some(member) if members.is_empty() => Some(format!(
            "it is of cluster member `{member}`, and this server is in no cluster"
        )),
        Some(member) if !members.contains(member) => {
            Some(format!("`{member}` is no member of this cluster"))
        }
        None if !members.is_empty() && MEMBER_SERVER_KEYS.contains(&name) => {
            Some("each member of the cluster has its own".to_owned())
        }
        _ => None,
    }
}

/// Whether a volume `POOL/NAME` of the project `default` is on the server.
fn has_volume(planner: Planner<'_>, value: &str) -> bool {
    let volumes = planner.facts.server.objects(ObjectKind::Volume);
    value.is_empty()
        || volumes.into_iter().flatten().any(|(id, _)| {
            let pool = id.parent.as_ref().map_or("", ResourceName::as_str);
            let project = id.project.as_ref();
            format!("{pool}/{}", id.name) == value
                && project.is_some_and(|project| project.as_str() == "default")
        })
}

/// A value as the server takes it.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
