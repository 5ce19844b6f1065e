//! The URL families: what each request does and answers.

use serde_json::{Map, Value, json};

use super::exec::{attach, execute};
use super::import::import;
use super::server::{Answer, Asked, Series};
use super::state::{FakeInstance, Files, State, object};

const EXTENSIONS_60: [&str; 3] = ["container_backup", "operation_wait", "instance_get_full"];
const EXTENSIONS_70: [&str; 2] = ["direct_backup", "backup_override_config"];

/// Answers a request.
pub(super) fn route(state: &mut State, asked: &Asked) -> Answer {
    let segments: Vec<&str> = asked
        .path
        .split('/')
        .filter(|part| !part.is_empty())
        .skip(1)
        .collect();
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", []) => Answer::sync(server(asked.series)),
        ("GET", ["events"]) => Answer::Events,
        ("GET", ["operations", id, "wait"]) => state.waited(id, asked.series),
        ("GET", ["operations", id, "websocket"]) => attach(state, id, asked),
        ("GET", ["operations", id]) => match state.operations.get(*id) {
            Some(operation) => Answer::sync(operation.clone()),
            None => Answer::error(404, "Operation not found"),
        },
        ("GET", ["projects"]) => Answer::sync(
            state
                .projects
                .iter()
                .map(|(name, config)| json!({ "name": name, "config": config }))
                .collect(),
        ),
        ("GET", ["projects", name]) => match state.projects.get(*name) {
            Some(config) => Answer::sync(json!({ "name": name, "config": config })),
            None => Answer::error(404, "Project not found"),
        },
        ("GET", ["storage-pools"]) => {
            let pool = |(name, (driver, config)): (&String, &(String, Map<String, Value>))| json!({ "name": name, "driver": driver, "config": config });
            Answer::sync(state.pools.iter().map(pool).collect())
        }
        ("GET", ["storage-pools", pool, "resources"]) => {
            let (total, used) = state.space.get(*pool).copied().unwrap_or_default();
            Answer::sync(json!({ "space": { "total": total, "used": used }, "inodes": {} }))
        }
        ("GET", ["storage-pools", pool, "volumes", "custom"]) => {
            let prefix = format!("{pool}/");
            let names = state
                .volumes
                .iter()
                .filter_map(|volume| volume.strip_prefix(&prefix));
            Answer::sync(names.map(|name| json!({ "name": name })).collect())
        }
        ("GET", ["profiles"]) => {
            let names = state.profiles.iter();
            Answer::sync(names.map(|name| state.profile(name)).collect())
        }
        ("GET", ["profiles", name]) if state.profiles.iter().any(|known| known == name) => {
            Answer::sync(state.profile(name))
        }
        ("POST", ["profiles"]) => create_profile(state, &asked.json()),
        ("DELETE", ["profiles", name]) => {
            state.profiles.retain(|known| known != name);
            Answer::sync(json!({}))
        }
        ("GET", ["networks"]) => Answer::sync(
            state
                .networks
                .iter()
                .map(|name| json!({ "name": name }))
                .collect(),
        ),
        ("GET", ["instances"]) => {
            let of = state
                .instances
                .iter()
                .filter(|((project, _), _)| *project == asked.project);
            Answer::sync(of.map(|(_, instance)| instance.shown()).collect())
        }
        ("POST", ["instances"])
            if asked.header("content-type") == Some("application/octet-stream") =>
        {
            import(state, asked)
        }
        ("POST", ["instances"]) => copy(state, asked),
        (method, ["instances", name, rest @ ..]) => one(state, asked, method, name, rest),
        _ => Answer::error(404, "not found"),
    }
}

fn create_profile(state: &mut State, content: &Value) -> Answer {
    let name = content["name"].as_str().unwrap_or_default();
    if state.profiles.iter().any(|known| known == name) {
        return Answer::error(409, "The profile already exists");
    }
    for (device, it) in content["devices"].as_object().into_iter().flatten() {
        if let Err(error) = state.validate(device, it) {
            return Answer::error(400, &error);
        }
    }
    state.profiles.push(name.to_owned());
    state
        .profile_contents
        .insert(name.to_owned(), content.clone());
    Answer::sync(json!({}))
}

fn server(series: Series) -> Value {
    let mut extensions = EXTENSIONS_60.to_vec();
    if series == Series::Lts70 {
        extensions.extend(EXTENSIONS_70);
    }
    json!({ "auth": "trusted", "config": {}, "api_extensions": extensions, "environment": {
        "server_name": "fake", "server_version": "6.0.4", "server_clustered": false,
        "certificate_fingerprint": "a".repeat(64), "architectures": ["x86_64", "i686"] } })
}

fn key(asked: &Asked, name: &str) -> (String, String) {
    (asked.project.clone(), name.to_owned())
}

fn one(state: &mut State, asked: &Asked, method: &str, name: &str, rest: &[&str]) -> Answer {
    let key = key(asked, name);
    let Some(instance) = state.instances.get(&key).cloned() else {
        return Answer::error(404, "Instance not found");
    };
    match (method, rest) {
        ("GET", []) => {
            if instance.status == "Error" {
                return Answer::error(500, "Missing event connection with target cluster member");
            }
            let shown = instance.shown();
            let etag = format!("{:x}", shown.to_string().len());
            Answer::Tagged(shown, etag)
        }
        ("PUT", []) => {
            let body = asked.json();
            Answer::accepted(&state.operate("Updating instance", name, |state| {
                let instance = state.instances.get_mut(&key).ok_or("gone")?;
                for field in ["config", "devices", "description", "profiles"] {
                    if let Some(value) = body.get(field) {
                        instance.object.insert(field.to_owned(), value.clone());
                    }
                }
                Ok(())
            }))
        }
        ("POST", []) => rename(
            state,
            &key,
            asked.json()["name"].as_str().unwrap_or_default(),
        ),
        ("DELETE", []) => Answer::accepted(&state.operate("Deleting instance", name, |state| {
            if instance.status != "Stopped" {
                return Err("Instance is running".to_owned());
            }
            if instance.object["config"]["security.protection.delete"] == "true" {
                return Err("Instance has delete protection enabled".to_owned());
            }
            state.instances.remove(&key);
            Ok(())
        })),
        ("POST", ["exec"]) => execute(state, asked, name, instance.status),
        ("GET", ["state"]) => {
            let usage = instance
                .usage
                .map(|usage| json!({ "root": { "usage": usage } }));
            Answer::sync(json!({ "disk": usage.unwrap_or(json!({})) }))
        }
        ("PUT", ["state"]) => change_state(state, &key, &asked.json()),
        ("GET", ["snapshots"]) => Answer::sync(
            instance
                .snapshots
                .iter()
                .map(|snapshot| json!(snapshot.object))
                .collect(),
        ),
        ("PUT", ["snapshots", snapshot]) => {
            let expires_at = asked.json()["expires_at"].clone();
            Answer::accepted(&state.operate("Updating snapshot", name, |state| {
                let snapshots = &mut state.instances.get_mut(&key).ok_or("gone")?.snapshots;
                let found = snapshots
                    .iter_mut()
                    .find(|found| found.object["name"] == *snapshot);
                found
                    .ok_or("Snapshot not found")?
                    .object
                    .insert("expires_at".into(), expires_at);
                Ok(())
            }))
        }
        ("GET", ["backups"]) => Answer::sync(
            instance
                .backups
                .keys()
                .map(|backup| json!({ "name": format!("{name}/{backup}") }))
                .collect(),
        ),
        ("POST", ["backups"]) => back_up(state, asked, &key, &instance),
        ("GET", ["backups", backup, "export"]) => match instance.backups.get(*backup) {
            Some(bytes) => {
                let range = asked
                    .header("range")
                    .and_then(|range| range.strip_prefix("bytes="));
                let from = range
                    .and_then(|range| range.trim_end_matches('-').parse().ok())
                    .unwrap_or(0);
                Answer::File(bytes.clone(), from)
            }
            None => Answer::error(404, "Instance backup not found"),
        },
        ("DELETE", ["backups", backup]) => {
            Answer::accepted(&state.operate("Deleting instance backup", name, |state| {
                let backups = &mut state.instances.get_mut(&key).ok_or("gone")?.backups;
                backups
                    .remove(*backup)
                    .map(drop)
                    .ok_or_else(|| "Instance backup not found".to_owned())
            }))
        }
        _ => Answer::error(404, "not found"),
    }
}

fn back_up(
    state: &mut State,
    asked: &Asked,
    key: &(String, String),
    instance: &FakeInstance,
) -> Answer {
    let body = asked.json();
    let driver = state
        .pools
        .get(&instance.root_pool())
        .map(|(driver, _)| driver.clone())
        .unwrap_or_default();
    let optimized = body["optimized_storage"] == true && matches!(driver.as_str(), "btrfs" | "zfs");
    let tar = instance.export(&driver, body["instance_only"] != true, optimized);
    let wants_stream = asked.header("accept") == Some("application/octet-stream");
    if asked.series == Series::Lts70 && wants_stream {
        let operation = state.operate("Backing up instance", &key.1, |_| Ok(()));
        let id = operation["id"].as_str().unwrap_or_default();
        let ended = state
            .operations
            .get(id)
            .cloned()
            .unwrap_or(operation.clone());
        return Answer::Stream(tar, ended);
    }
    let backup = body["name"].as_str().unwrap_or("backup0").to_owned();
    Answer::accepted(&state.operate("Backing up instance", &key.1, |state| {
        state
            .instances
            .get_mut(key)
            .ok_or("gone")?
            .backups
            .insert(backup, tar);
        Ok(())
    }))
}

fn rename(state: &mut State, key: &(String, String), to: &str) -> Answer {
    let new = (key.0.clone(), to.to_owned());
    Answer::accepted(&state.operate("Renaming instance", to, |state| {
        if state.instances.contains_key(&new) {
            return Err(format!("Name \"{}\" already in use", new.1));
        }
        if state
            .instances
            .get(key)
            .is_some_and(|instance| instance.status != "Stopped")
        {
            return Err("Renaming of running instance not allowed".to_owned());
        }
        let mut instance = state.instances.remove(key).ok_or("gone")?;
        instance.object.insert("name".into(), json!(new.1));
        state.instances.insert(new, instance);
        Ok(())
    }))
}

fn change_state(state: &mut State, key: &(String, String), body: &Value) -> Answer {
    let action = body["action"].as_str().unwrap_or_default().to_owned();
    let description = if action == "start" {
        "Starting instance"
    } else {
        "Stopping instance"
    };
    Answer::accepted(&state.operate(description, &key.1, |state| {
        let mac =
            |instance: &FakeInstance| instance.object["config"]["volatile.eth0.hwaddr"].clone();
        let own = state.instances.get(key).map(mac).unwrap_or_default();
        let others = state.instances.iter().filter(|(other, _)| *other != key);
        let clash = others
            .filter(|_| !own.is_null())
            .any(|(_, other)| mac(other) == own);
        if action == "start" && clash {
            let text = format!("MAC address {own} already defined on another NIC");
            return Err(format!(
                "Failed start validation for device \"eth0\": {text}"
            ));
        }
        let instance = state.instances.get_mut(key).ok_or("gone")?;
        instance.status = match action.as_str() {
            "start" | "unfreeze" => "Running",
            "freeze" => "Frozen",
            _ => "Stopped",
        };
        Ok(())
    }))
}

/// `source.type: copy`: new volatile keys, overrides over what is copied (`instances_post.go`).
fn copy(state: &mut State, asked: &Asked) -> Answer {
    let body = asked.json();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    let from = key(asked, body["source"]["source"].as_str().unwrap_or_default());
    let Some(source) = state.instances.get(&from).cloned() else {
        return Answer::error(404, "Instance not found");
    };
    let with_snapshots = body["source"]["instance_only"] != true;
    Answer::accepted(&state.operate("Creating instance", &name, |state| {
        let mut config = object(source.object["config"].clone());
        config.retain(|key, _| !key.starts_with("volatile."));
        config.extend(object(body["config"].clone()));
        config.insert("volatile.apply_template".into(), json!("copy"));
        let mut made = source.object.clone();
        made.insert("name".into(), json!(name));
        made.insert("config".into(), Value::Object(config));
        for field in ["devices", "profiles"] {
            made.insert(field.into(), body[field].clone());
        }
        made.insert("expanded_devices".into(), body["devices"].clone());
        made.insert("created_at".into(), json!("2026-05-05T05:05:05Z"));
        let snapshots = if with_snapshots {
            source.snapshots
        } else {
            Vec::new()
        };
        let files: Files = source.files;
        let backups = std::collections::BTreeMap::new();
        let copy = FakeInstance {
            object: made,
            status: "Stopped",
            files,
            snapshots,
            backups,
            usage: source.usage,
        };
        state
            .instances
            .insert((asked.project.clone(), name.clone()), copy);
        Ok(())
    }))
}
