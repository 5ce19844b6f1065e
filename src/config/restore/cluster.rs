//! Clusters: what each member has for itself, groups and members (pure).

use serde_json::{Map, Value};

use super::super::fields::member_keys;
use super::super::object::{Fields, Object};
use super::object::{update, work};
use super::plan::{Planner, Turned, rest};
use super::stage::Stage;
use super::work::{Change, Expected};
use crate::model::{ObjectId, ObjectKind};
use crate::plan::{Action, Row};

/// Plans a group of members or a member.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let stage = Stage::of(id.kind);
    let members = &planner.facts.members;
    if members.is_empty() {
        return vec![rest(
            stage,
            Action::Skip,
            id,
            "this server is in no cluster",
        )];
    }
    let mut wanted = wanted.clone();
    if let Some(Value::Array(of_group)) = wanted.set.get_mut("members") {
        of_group.retain(|member| members.iter().any(|known| *member == known.as_str()));
    }
    match planner.facts.server.object(id) {
        Some(present) => vec![update(stage, id, present, wanted)],
        None if id.kind == ObjectKind::ClusterMember => {
            vec![rest(
                stage,
                Action::Skip,
                id,
                "it is no member of this cluster: join it first",
            )]
        }
        None => {
            let row = Row::of_object(Action::Create, id);
            vec![work(
                stage,
                row,
                id,
                Change::Create(wanted),
                Expected::Absent,
            )]
        }
    }
}

/// An object as this server can have it: with the keys of each member apart where it is in a cluster,
/// and with those of one member where it is not.
pub(super) fn adapted(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Object {
    let keys = member_keys(id.kind);
    let mut object = wanted.clone();
    if keys.is_empty() {
        return object;
    }
    let known = object.set.shift_remove("members");
    let known = known
        .and_then(|known| known.as_object().cloned())
        .unwrap_or_default();
    let mut config = object.config().cloned().unwrap_or_default();
    let members = &planner.facts.members;
    if members.is_empty() {
        if let Some(first) = known.values().next().and_then(Value::as_object) {
            config.extend(first.clone());
        }
    } else {
        let single: Fields = config
            .iter()
            .filter(|(key, _)| keys.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        config.retain(|key, _| !keys.contains(&key.as_str()));
        let any = known
            .values()
            .next()
            .and_then(Value::as_object)
            .unwrap_or(&single);
        let each: Map<String, Value> = members
            .iter()
            .map(|member| {
                let own = known.get(member.as_str()).cloned();
                let own = own.unwrap_or_else(|| Value::Object(for_another(id.kind, any)));
                (member.to_string(), own)
            })
            .collect();
        object.set.insert("members".to_owned(), Value::Object(each));
    }
    config.sort_keys();
    object
        .set
        .insert("config".to_owned(), Value::Object(config));
    object.set.sort_keys();
    object
}

/// What a member that the backup does not know gets of another one's: the size of a pool, but not its
/// device.
fn for_another(kind: ObjectKind, config: &Fields) -> Fields {
    let mut config = config.clone();
    if kind == ObjectKind::StoragePool {
        config.retain(|key, _| key == "size");
    }
    config
}
