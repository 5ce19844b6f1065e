//! Snapshots of instances.

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::instances::place;
use super::server::Series;
use super::state::{Key, State};

const NEVER: &str = "0001-01-01T00:00:00Z";

/// `/1.0/instances/N/snapshots`.
pub(super) fn answer(state: &mut State, asked: &Asked, key: &Key, rest: &[&str]) -> Answer {
    let (project, instance) = key;
    let Some(found) = state.instances.get(key) else {
        return Answer::error(404, "Instance not found");
    };
    let shown = |at: usize| Value::Object(found.snapshots[at].object.clone());
    let at = |name: &str| {
        let mut snapshots = found.snapshots.iter();
        snapshots.position(|snapshot| snapshot.object["name"] == name)
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names: Vec<&str> = found
                .snapshots
                .iter()
                .map(|snapshot| snapshot.object["name"].as_str().unwrap_or_default())
                .collect();
            let place = format!("/1.0/instances/{instance}/snapshots");
            let all = names.iter().enumerate();
            asked.list(&place, all.map(|(at, name)| (*name, shown(at))))
        }
        ("POST", []) => create(state, asked, key),
        (method, [name]) => {
            let Some(at) = at(name) else {
                return Answer::error(
                    404,
                    &format!(
                        "Failed to fetch snapshot \"{name}\" of instance \"{instance}\" in project \
                         \"{project}\": Instance_snapshot not found"
                    ),
                );
            };
            match method {
                "GET" => Answer::tagged(shown(at)),
                "PUT" | "PATCH" => {
                    let expires_at = asked.json()["expires_at"].clone();
                    Answer::accepted(&state.operate("Updating snapshot", &place(key), |state| {
                        let instance = state.instances.get_mut(key).ok_or("gone")?;
                        let object = &mut instance.snapshots[at].object;
                        object.insert("expires_at".into(), expires_at);
                        Ok(())
                    }))
                }
                "DELETE" => {
                    Answer::accepted(&state.operate("Deleting snapshot", &place(key), |state| {
                        let instance = state.instances.get_mut(key).ok_or("gone")?;
                        instance.snapshots.remove(at);
                        Ok(())
                    }))
                }
                _ => Answer::error(404, "not found"),
            }
        }
        _ => Answer::error(404, "not found"),
    }
}

fn create(state: &mut State, asked: &Asked, key: &Key) -> Answer {
    if let Some(refused) = state.forbidden(&key.0, "snapshot") {
        return refused;
    }
    let body = asked.json();
    let name = body["name"].as_str().unwrap_or("snap0").to_owned();
    let old = asked.series == Series::Lts60;
    if name.contains('/') {
        let text = if old {
            "Invalid snapshot name: Cannot contain \"/\""
        } else {
            "Invalid snapshot name: Name contains invalid character \"/\""
        };
        return Answer::error(400, text);
    }
    let expires_at = body["expires_at"].as_str().unwrap_or(NEVER).to_owned();
    let snapshot = json!([format!("/1.0/instances/{}/snapshots/{name}", key.1)]);
    let mut operation = state.operate("Snapshotting instance", &place(key), |state| {
        let instance = state.instances.get_mut(key).ok_or("gone")?;
        let mut known = instance.snapshots.iter();
        if known.any(|known| known.object["name"] == *name) {
            let adding = format!("Failed creating instance snapshot record \"{name}\"");
            let cause = if old {
                "Failed to create \"instances_snapshots\" entry: UNIQUE constraint failed: \
                 instances_snapshots.instance_id, instances_snapshots.name"
            } else {
                "This \"Instance_snapshot\" entry already exists"
            };
            return Err(format!(
                "{adding}: Add snapshot info to the database: {cause}"
            ));
        }
        instance.add_snapshot(&name, &expires_at);
        Ok(())
    });
    state.amend(&mut operation, "instances_snapshots", snapshot);
    Answer::accepted(&operation)
}

/// `PUT` with `restore`: the files are those of the snapshot again.
pub(super) fn restore(state: &mut State, key: &Key, name: &str) -> Answer {
    Answer::accepted(&state.operate("Restoring snapshot", &place(key), |state| {
        let instance = state.instances.get_mut(key).ok_or("gone")?;
        let mut snapshots = instance.snapshots.iter();
        let found = snapshots.find(|snapshot| snapshot.object["name"] == name);
        let missing = || format!("Snapshot {}/{name} does not exist", key.1);
        instance.files = found.ok_or_else(missing)?.files.clone();
        Ok(())
    }))
}
