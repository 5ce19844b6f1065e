//! Exports: backups that the server keeps, and streams.

use serde_json::json;

use super::answer::{Answer, Asked};
use super::instances::place;
use super::server::Series;
use super::state::{Key, State};

/// `/1.0/instances/N/backups`.
pub(super) fn answer(state: &mut State, asked: &Asked, key: &Key, rest: &[&str]) -> Answer {
    let Some(instance) = state.instances.get(key) else {
        return Answer::error(404, "Instance not found");
    };
    let shown = |name: &str| {
        json!({ "name": name, "created_at": "2026-01-02T03:04:05Z", "instance_only": false,
            "expires_at": "0001-01-01T00:00:00Z", "optimized_storage": false })
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names = instance.backups.keys().map(String::as_str);
            let place = format!("/1.0/instances/{}/backups", key.1);
            asked.list(&place, names.map(|name| (name, shown(name))))
        }
        ("POST", []) => create(state, asked, key),
        (_, [name, ..]) if !instance.backups.contains_key(*name) => {
            Answer::error(404, "Instance backup not found")
        }
        ("GET", [name]) => Answer::sync(shown(name)),
        ("GET", [name, "export"]) => {
            let range = asked.header("range");
            let range = range.and_then(|range| range.strip_prefix("bytes="));
            let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
            let bytes = instance.backups.get(*name).cloned();
            Answer::File(bytes.unwrap_or_default(), from.unwrap_or(0), Vec::new())
        }
        ("DELETE", [name]) => {
            Answer::accepted(
                &state.operate("Removing instance backup", &place(key), |state| {
                    let instance = state.instances.get_mut(key).ok_or("gone")?;
                    instance.backups.remove(*name);
                    Ok(())
                }),
            )
        }
        _ => Answer::error(404, "not found"),
    }
}

fn create(state: &mut State, asked: &Asked, key: &Key) -> Answer {
    if let Some(refused) = state.forbidden(&key.0, "backup") {
        return refused;
    }
    let Some(instance) = state.instances.get(key) else {
        return Answer::error(404, "Instance not found");
    };
    let body = asked.json();
    let pool = state.pools.get(&instance.root_pool());
    let driver = pool.map(|(driver, _)| driver.clone()).unwrap_or_default();
    let optimized = body["optimized_storage"] == true && matches!(driver.as_str(), "btrfs" | "zfs");
    let tar = instance.export(&driver, body["instance_only"] != true, optimized);
    let wants_stream = asked.header("accept") == Some("application/octet-stream");
    if asked.series == Series::Lts70 && wants_stream {
        return stream(state, key, &body, tar);
    }
    let name = body["name"].as_str().unwrap_or("backup0").to_owned();
    let made = json!([format!("/1.0/instances/{}/backups/{name}", key.1)]);
    let prefix = match asked.series {
        Series::Lts60 => "Create backup: ",
        Series::Lts70 => "",
    };
    // What hangs has a name and a beginning.
    let begun = tar[..tar.len() / 2].to_vec();
    let mut done = false;
    let mut operation = state.operate("Backing up instance", &place(key), |state| {
        // The server asks whether there is one of that name of an instance of that name, whatever
        // their project (seen on 6.0.4 and 7.0.2).
        let mut all = state.instances.iter();
        if all.any(|((_, other), it)| *other == key.1 && it.backups.contains_key(&name)) {
            let text = format!("{prefix}Backup \"{}/{name}\" already exists", key.1);
            return Err(text);
        }
        let instance = state.instances.get_mut(key).ok_or("gone")?;
        instance.backups.insert(name.clone(), tar);
        done = true;
        Ok(())
    });
    let kept = operation["id"]
        .as_str()
        .and_then(|id| state.operations.get(id));
    let hangs = kept.is_some_and(|kept| kept["status_code"] == 103);
    if let (false, true, Some(instance)) = (done, hangs, state.instances.get_mut(key)) {
        instance.backups.insert(name, begun);
    }
    state.amend(&mut operation, "backups", made);
    Answer::accepted(&operation)
}

fn stream(state: &mut State, key: &Key, body: &serde_json::Value, tar: Vec<u8>) -> Answer {
    if body.get("name").is_some() {
        return Answer::error(
            400,
            "No backup name can be set when requesting a direct backup with Accept: \
             application/octet-stream",
        );
    }
    let operation = state.operate("Backing up instance", &place(key), |_| Ok(()));
    let id = operation["id"].as_str().unwrap_or_default();
    let ended = state.operations.get(id).cloned();
    Answer::Stream(tar, ended.unwrap_or(operation))
}
