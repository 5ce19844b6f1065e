//! Storage pools: what they stand on is not made by the way (pure).

use serde_json::Value;

use super::super::object::Object;
use super::cluster::adapted;
use super::object::{update, work};
use super::plan::{Planner, Turned, rest};
use super::stage::Stage;
use super::work::{Change, Expected};
use crate::model::ObjectId;
use crate::plan::{Action, Row};

/// What a pool is told once: where it is. It is not compared, nor changed.
const PLACE: [&str; 10] = [
    "source",
    "source.wipe",
    "zfs.pool_name",
    "lvm.vg_name",
    "lvm.vg.force_reuse",
    "lvm.thinpool_name",
    "ceph.cluster_name",
    "ceph.osd.pool_name",
    "cephfs.cluster_name",
    "cephfs.path",
];

/// Plans one pool.
pub(super) fn plan(planner: Planner<'_>, id: &ObjectId, wanted: &Object) -> Vec<Turned> {
    let stage = Stage::of(id.kind);
    let mut wanted = adapted(planner, id, wanted);
    let present = planner.facts.server.object(id);
    let pending = present.is_some_and(is_pending);
    for config in configs(&mut wanted) {
        config.shift_remove("source.wipe");
    }
    if let Some(present) = present.filter(|_| !pending) {
        let mut there = present.clone();
        let places: Vec<_> = configs(&mut there).map(|config| config.clone()).collect();
        for (config, there) in configs(&mut wanted).zip(places) {
            for key in PLACE {
                config.shift_remove(key);
                if let Some(value) = there.get(key) {
                    config.insert(key.to_owned(), value.clone());
                }
            }
            config.sort_keys();
        }
        return vec![update(stage, id, present, wanted)];
    }
    let mapped = planner.request.pool_sources.get(id.name.as_str());
    let is_folder = wanted
        .made
        .get("driver")
        .is_some_and(|driver| driver == "dir");
    for config in configs(&mut wanted) {
        match (mapped, config.get("source").and_then(Value::as_str)) {
            (Some(source), _) => {
                config.insert("source".to_owned(), Value::from(source.as_str()));
            }
            (None, Some(source)) if !is_folder => {
                let reason = format!(
                    "it was on `{source}`, which is not taken without being told: --pool-source \
                     {}=SOURCE",
                    id.name
                );
                return vec![rest(stage, Action::Refuse, id, &reason)];
            }
            _ => {}
        }
    }
    let row = Row::of_object(Action::Create, id);
    let row = match (mapped, pending) {
        (Some(source), _) => row.because(&format!("on `{source}`")),
        (None, true) => row.because("an earlier run began it"),
        (None, false) => row,
    };
    vec![work(
        stage,
        row,
        id,
        Change::Create(wanted),
        Expected::Absent,
    )]
}

/// Whether a cluster knows of it, but it is not made yet: an earlier run was stopped between the two
/// steps, or failed at the second on some member.
pub(super) fn is_pending(object: &Object) -> bool {
    let status = object.state.get("status").and_then(Value::as_str);
    matches!(status, Some("Pending" | "Errored"))
}

/// The configuration of a pool or network, or those of its cluster members.
fn configs(object: &mut Object) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    let members = object.set.contains_key("members");
    let whole = object.set.iter_mut().filter_map(move |(field, value)| {
        (field == "config" || (field == "members" && members)).then_some((field, value))
    });
    whole.flat_map(|(field, value)| {
        let (own, each) = match value.as_object_mut() {
            Some(map) if field == "members" => (None, Some(map.values_mut())),
            own => (own, None),
        };
        own.into_iter()
            .chain(each.into_iter().flatten().filter_map(Value::as_object_mut))
    })
}
