//! Instances: made, shown, changed, renamed, started and deleted.

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::server::Series;
use super::state::{Key, State, object};
use super::{FakeInstance, backups, copies, exec, files, import, snapshots};

/// `/1.0/instances`.
pub(super) fn answer(state: &mut State, asked: &Asked, rest: &[&str]) -> Answer {
    match (asked.method.as_str(), rest) {
        // A project that is not there has no instances, and nobody says so.
        ("GET", []) => {
            let all = state.instances.iter();
            let all = all.filter(|((project, _), _)| *project == asked.project);
            let all = all.map(|((_, name), instance)| (name.as_str(), instance.shown()));
            asked.list("/1.0/instances", all)
        }
        ("POST", []) => {
            let archive = asked.header("content-type") == Some("application/octet-stream");
            let source = asked.json()["source"]["type"].clone();
            match source.as_str() {
                _ if archive => import::import(state, asked),
                _ if !state.projects.contains_key(&asked.project) => {
                    Answer::error(404, "Failed loading project: Project not found")
                }
                _ if !asked.json().is_object() => Answer::error(
                    400,
                    "json: cannot unmarshal array into Go value of type api.InstancesPost",
                ),
                Some("copy") => copies::copy(state, asked),
                _ => create(state, asked),
            }
        }
        (method, [name, rest @ ..]) => {
            let key = (asked.project.clone(), (*name).to_owned());
            if !state.projects.contains_key(&asked.project) {
                return Answer::error(404, "Project not found");
            }
            match state.instances.get(&key).cloned() {
                Some(instance) => one(state, asked, &key, &instance, (method, rest)),
                None => Answer::error(404, &not_found(&key)),
            }
        }
        _ => Answer::error(404, "not found"),
    }
}

/// What the server says of an instance that is not there.
pub(super) fn not_found((project, name): &Key) -> String {
    format!("Failed to fetch instance \"{name}\" in project \"{project}\": Instance not found")
}

/// An instance in the resources of an operation.
pub(super) fn place((project, name): &Key) -> String {
    match project.as_str() {
        "default" => name.clone(),
        project => format!("{name}?project={project}"),
    }
}

fn one(
    state: &mut State,
    asked: &Asked,
    key: &Key,
    instance: &FakeInstance,
    (method, rest): (&str, &[&str]),
) -> Answer {
    match (method, rest) {
        ("GET", []) if instance.status == "Error" => {
            Answer::error(500, "Missing event connection with target cluster member")
        }
        ("GET", []) => Answer::tagged(instance.shown()),
        ("PUT", []) => update(state, asked, key, instance),
        ("PATCH", []) => {
            let mut instance = instance.clone();
            for (field, value) in object(asked.json()) {
                match value {
                    Value::Object(entries) => {
                        let mut merged = object(instance.object[&field].clone());
                        merged.extend(entries);
                        instance.object.insert(field, Value::Object(merged));
                    }
                    value => drop(instance.object.insert(field, value)),
                }
            }
            instance.expand(state);
            instance.identify(state);
            state.instances.insert(key.clone(), instance);
            Answer::sync(json!({}))
        }
        ("POST", []) => rename(state, asked, key),
        ("DELETE", []) => delete(state, key, instance),
        ("POST", ["exec"]) => exec::execute(state, asked, &key.1, instance.status),
        ("GET", ["state"]) => {
            let usage = instance
                .usage
                .map(|usage| json!({ "root": { "usage": usage } }));
            Answer::sync(json!({ "disk": usage.unwrap_or(json!({})) }))
        }
        ("PUT", ["state"]) => change_state(state, key, &asked.json()),
        (_, ["files"]) => files::answer(state, asked, key),
        (_, ["snapshots", rest @ ..]) => snapshots::answer(state, asked, key, rest),
        (_, ["backups", rest @ ..]) => backups::answer(state, asked, key, rest),
        _ => Answer::error(404, "not found"),
    }
}

/// Why a name is none, in the server's words.
pub(super) fn invalid_name(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.bytes().all(plain)).then_some(
        "Invalid instance name: Name can only contain alphanumeric and hyphen characters",
    )
}

/// What the server says where something of that name is already there: at once, or in the operation.
pub(super) fn taken(series: Series, name: &str) -> Result<Answer, String> {
    match series {
        Series::Lts60 => Err(
            "Failed creating instance record: Add instance info to the database: Failed to create \
             \"instances\" entry: UNIQUE constraint failed: instances.project_id, instances.name"
                .to_owned(),
        ),
        Series::Lts70 => Ok(Answer::error(
            500,
            &format!("Instance \"{name}\" already exists"),
        )),
    }
}

/// `source.type: image`, from an image that is there.
fn create(state: &mut State, asked: &Asked) -> Answer {
    let body = asked.json();
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if let Some(text) = invalid_name(&name) {
        return Answer::error(400, text);
    }
    let key = (asked.project.clone(), name.clone());
    let occupied = state.instances.contains_key(&key);
    let refused = match taken(asked.series, &name) {
        Ok(answer) if occupied => return answer,
        Err(text) if occupied => Some(text),
        _ => None,
    };
    let alias = body["source"]["alias"].as_str().unwrap_or_default();
    let image = state.image(&asked.project, alias).cloned();
    let operation = state.operate("Creating instance", &place(&key), |state| {
        if let Some(text) = refused {
            return Err(text);
        }
        if image.is_none() {
            return Err("Image not provided for instance creation".to_owned());
        }
        let or = |field: &str, default: Value| match &body[field] {
            Value::Null => default,
            given => given.clone(),
        };
        let mut config = object(json!({ "image.os": "busybox", "image.release": "static",
            "volatile.last_state.idmap": "[]", "volatile.last_state.power": "STOPPED" }));
        config.extend(object(body["config"].clone()));
        let mut made = FakeInstance::new(object(json!({ "name": name, "project": key.0,
            "type": or("type", json!("container")), "architecture": "x86_64", "location": "none",
            "profiles": or("profiles", json!(["default"])), "config": config,
            "devices": or("devices", json!({})), "description": or("description", json!("")),
            "created_at": "2026-01-02T03:04:05Z", "last_used_at": "1970-01-01T00:00:00Z",
            "ephemeral": false, "stateful": false })));
        made.expand(state);
        made.identify(state);
        let program = ("rootfs/bin/busybox".to_owned(), vec![7; 2000]);
        made.files.extend([program]);
        state.instances.insert(key, made);
        Ok(())
    });
    Answer::accepted(&operation)
}

fn update(state: &mut State, asked: &Asked, key: &Key, instance: &FakeInstance) -> Answer {
    if let Some(crossed) = asked.crossed(&instance.shown()) {
        return crossed;
    }
    let body = asked.json();
    let id = "volatile.cloud-init.instance-id";
    let (old, new) = (instance.object["config"].get(id), body["config"].get(id));
    if new.is_some()
        && new != old
        && asked.series == Series::Lts70
        && state.keeps_keys(&asked.project)
    {
        let (name, project) = (&key.1, &asked.project);
        let text = format!(
            "Changing \"{id}\" on container \"{name}\" in project \"{project}\" is forbidden"
        );
        return Answer::error(400, &text);
    }
    if let Some(snapshot) = body["restore"].as_str() {
        return snapshots::restore(state, key, snapshot);
    }
    Answer::accepted(&state.operate("Updating instance", &place(key), |state| {
        let mut instance = state.instances.get(key).cloned().ok_or("gone")?;
        for field in ["config", "devices", "description", "profiles"] {
            if let Some(value) = body.get(field) {
                instance.object.insert(field.to_owned(), value.clone());
            }
        }
        instance.expand(state);
        state.instances.insert(key.clone(), instance);
        Ok(())
    }))
}

fn delete(state: &mut State, key: &Key, instance: &FakeInstance) -> Answer {
    if instance.status != "Stopped" {
        return Answer::error(400, "Instance is running");
    }
    let series = state.series;
    Answer::accepted(&state.operate("Deleting instance", &place(key), |state| {
        if instance.config("security.protection.delete") == "true" {
            return Err(match series {
                Series::Lts60 => "Instance is protected",
                Series::Lts70 => "Instance has delete protection enabled",
            }
            .to_owned());
        }
        state.instances.remove(key);
        Ok(())
    }))
}

fn rename(state: &mut State, asked: &Asked, key: &Key) -> Answer {
    let to = asked.json()["name"].as_str().unwrap_or_default().to_owned();
    if let Some(text) = invalid_name(&to) {
        return Answer::error(400, text);
    }
    let new = (key.0.clone(), to);
    if state.instances.contains_key(&new) {
        return Answer::error(409, &format!("Name \"{}\" already in use", new.1));
    }
    Answer::accepted(&state.operate("Renaming instance", &place(key), |state| {
        let stopped = |instance: &FakeInstance| instance.status == "Stopped";
        if !state.instances.get(key).is_some_and(stopped) {
            return Err("Renaming of running instance not allowed".to_owned());
        }
        let mut instance = state.instances.remove(key).ok_or("gone")?;
        instance.object.insert("name".into(), json!(new.1));
        // As the server does, so that cloud-init takes it for a new one.
        instance.object["config"]["volatile.cloud-init.instance-id"] = json!("renamed");
        state.instances.insert(new, instance);
        Ok(())
    }))
}

fn change_state(state: &mut State, key: &Key, body: &Value) -> Answer {
    let action = body["action"].as_str().unwrap_or_default().to_owned();
    let (description, to) = match action.as_str() {
        "start" => ("Starting instance", "Running"),
        "stop" => ("Stopping instance", "Stopped"),
        "freeze" => ("Freezing instance", "Frozen"),
        "unfreeze" => ("Unfreezing instance", "Running"),
        _ => return Answer::error(400, &format!("Unknown action: '{action}'")),
    };
    Answer::accepted(&state.operate(description, &place(key), |state| {
        let now = state.instances.get(key).ok_or("gone")?.status;
        match (action.as_str(), now) {
            ("start", "Running" | "Frozen") => return Err("The instance is already running".into()),
            ("stop", "Stopped") => return Err("The instance is already stopped".into()),
            ("freeze", "Stopped") => return Err("The instance isn't running".into()),
            ("unfreeze", "Running") => return Err("The container is already running".into()),
            ("start", _) => {
                clash(state, key)?;
                let devices = state.instances.get(key).ok_or("gone")?.object["devices"].clone();
                for (name, device) in object(devices) {
                    if device["type"] == "disk" {
                        state.validate(&name, &device)?;
                    }
                }
            }
            _ => {}
        }
        let instance = state.instances.get_mut(key).ok_or("gone")?;
        instance.status = to;
        let power = if to == "Stopped" {
            "STOPPED"
        } else {
            "RUNNING"
        };
        if matches!(action.as_str(), "start" | "stop") {
            instance.set("volatile.last_state.power", power);
        }
        Ok(())
    }))
}

/// Two instances with one MAC address: the second does not start.
fn clash(state: &State, key: &Key) -> Result<(), String> {
    let mac = |instance: &FakeInstance| instance.config("volatile.eth0.hwaddr").to_owned();
    let own = state.instances.get(key).map(mac).unwrap_or_default();
    let mut others = state.instances.iter().filter(|(other, _)| *other != key);
    if !own.is_empty() && others.any(|(_, other)| mac(other) == own) {
        let text = format!("MAC address \"{own}\" already defined on another NIC");
        return Err(format!(
            "Failed start validation for device \"eth0\": {text}"
        ));
    }
    Ok(())
}
