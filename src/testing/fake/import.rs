//! Imports: what comes back of an export tar, and what the server refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::instances::{invalid_name, place};
use super::server::{KEYS_70, Series};
use super::state::{Files, Key, State, object};
use super::{FakeInstance, FakeSnapshot};

/// What a tar was found to hold.
struct Unpacked {
    index: Value,
    config: Option<Value>,
    files: Files,
    folders: BTreeSet<String>,
    snapshots: BTreeMap<String, Files>,
    /// What `tar` says where it cannot go on.
    broken: Option<String>,
}

/// `POST /1.0/instances` with an archive.
pub(super) fn import(state: &mut State, asked: &Asked) -> Answer {
    if !state.projects.contains_key(&asked.project) {
        return Answer::error(500, "Fetch project database object: Project not found");
    }
    if asked.body.is_empty() {
        return Answer::error(500, "EOF");
    }
    let Some(unpacked) = unpack(&asked.body) else {
        return Answer::error(500, "Unsupported compression");
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let described = text(&unpacked.index["name"]);
    let name = asked
        .header("x-incus-name")
        .unwrap_or(&described)
        .to_owned();
    if let (Series::Lts70, Some(text)) = (asked.series, invalid_name(&name)) {
        return Answer::error(400, text);
    }
    let asked_for = asked.header("x-incus-pool").map(str::to_owned);
    let pool = asked_for.unwrap_or_else(|| text(&unpacked.index["pool"]));
    if !state.pools.contains_key(&pool) {
        return Answer::error(500, "Storage pool not found: Storage pool not found");
    }
    if asked.series == Series::Lts60 && state.is_limited(&asked.project) {
        let config = object(unpacked.index["config"]["container"]["config"].clone());
        let mut keys = config.keys();
        if let Some(key) = keys.find(|key| is_low_level(key)) {
            let project = &asked.project;
            let text = format!(
                "Setting \"{key}\" on container \"{described}\" in project \"{project}\" is \
                 forbidden"
            );
            return Answer::error(500, &text);
        }
    }
    if asked.series == Series::Lts60 {
        let config = object(unpacked.index["config"]["container"]["config"].clone());
        if let Some(key) = config.keys().find(|key| KEYS_70.contains(&key.as_str())) {
            let text = format!("Create instance from backup: Unknown configuration key: {key}");
            return Answer::error(500, &text);
        }
    }
    let key = (asked.project.clone(), name);
    Answer::accepted(&state.operate("Restoring backup", &place(&key), |state| {
        refuse(state, &key, &unpacked)?;
        let made = make(state, &key, &pool, unpacked)?;
        state.instances.insert(key, made);
        Ok(())
    }))
}

/// What a project with limits does not let through (`checkRestrictionsOnVolatileConfig`).
fn is_low_level(key: &str) -> bool {
    let allowed = [
        "volatile.apply_template",
        "volatile.base_image",
        "volatile.last_state.power",
    ];
    key.starts_with("volatile.")
        && !allowed.contains(&key)
        && !key.ends_with(".hwaddr")
        && !key.ends_with(".apply_quota")
}

/// Why the server gives an import up, in the order in which it looks.
fn refuse(state: &State, key: &Key, unpacked: &Unpacked) -> Result<(), String> {
    if state.instances.contains_key(key) {
        let text = "Create instance from backup: Cannot restore volume, already exists on target";
        return Err(text.into());
    }
    if let Some(broken) = &unpacked.broken {
        let text = "Create instance from backup: Error starting unpack: Failed to run: tar -xf -";
        return Err(format!("{text}: exit status 2 ({broken})"));
    }
    if let Some(text) = invalid_name(&key.1) {
        let text = format!("Failed importing backup: Failed creating instance record: {text}");
        return Err(text);
    }
    if state.is_full(&key.0) {
        let project = &key.0;
        return Err(format!(
            "Reached maximum number of instances in project \"{project}\""
        ));
    }
    let instance = &unpacked.index["config"]["container"];
    let names: Vec<&str> = instance["profiles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if names
        .iter()
        .any(|name| !state.profiles.iter().any(|known| known == name))
    {
        return Err(format!(
            "Failed importing backup: Failed loading profiles ({}) for instance: Profile not found",
            names.join(", ")
        ));
    }
    for (name, device) in &object(instance["devices"].clone()) {
        state.validate(name, device)?;
    }
    Ok(())
}

fn make(
    state: &mut State,
    key: &Key,
    pool: &str,
    unpacked: Unpacked,
) -> Result<FakeInstance, String> {
    // Like the server: the truth is in the volume; the index only says what there is.
    let config = unpacked
        .config
        .ok_or("Backup file is missing required information")?;
    let mut made = object(config["container"].clone());
    made.insert("name".into(), json!(key.1));
    made.insert("project".into(), json!(key.0));
    for gone in ["status", "status_code", "expanded_config"] {
        made.remove(gone);
    }
    let mut devices = object(made["devices"].clone());
    let inherited = state.profile_devices("default");
    if devices.contains_key("root") {
        devices["root"]["pool"] = json!(pool);
    } else if inherited
        .get("root")
        .is_none_or(|root| root["pool"] != pool)
    {
        let root = json!({ "type": "disk", "path": "/", "pool": pool });
        devices.insert("root".into(), root);
    }
    made.insert("devices".into(), Value::Object(devices));
    let mut instance = FakeInstance::new(made);
    let described = config["snapshots"].as_array().cloned().unwrap_or_default();
    for described in described {
        let mut snapshot = object(described);
        // The server does not take the expiry over.
        snapshot.insert("expires_at".into(), json!("0001-01-01T00:00:00Z"));
        let name = snapshot["name"].as_str().unwrap_or_default();
        let files = unpacked.snapshots.get(name).cloned().unwrap_or_default();
        instance.snapshots.push(FakeSnapshot {
            object: snapshot,
            files,
        });
    }
    instance.files = unpacked.files;
    instance.folders = unpacked.folders;
    instance.expand(state);
    instance.identify(state);
    Ok(instance)
}

/// Reads the tar of something else than an instance to its end marker: its index, and the files below a
/// path. Nothing where it has no end marker: the server forgets such an upload.
pub(super) fn unpack_files(below: &str, bytes: &[u8]) -> Option<(Value, Files)> {
    if !bytes.ends_with(&[0; 1024]) {
        return None;
    }
    let (mut index, mut files) = (None, Files::new());
    for entry in tar::Archive::new(bytes).entries().ok()? {
        let mut entry = entry.ok()?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        if path == "backup/index.yaml" {
            index = yaml(&content);
        } else if let Some(name) = path.strip_prefix(below)
            && entry.header().entry_type().is_file()
        {
            files.insert(name.to_owned(), content);
        }
    }
    Some((index?, files))
}

/// Reads a tar as far as it goes; nothing where it is none. That its end marker lacks does not
/// matter to the server.
fn unpack(bytes: &[u8]) -> Option<Unpacked> {
    let mut found = Unpacked {
        index: Value::Null,
        config: None,
        files: Files::new(),
        folders: BTreeSet::new(),
        snapshots: BTreeMap::new(),
        broken: None,
    };
    let mut archive = tar::Archive::new(bytes);
    for entry in archive.entries().ok()? {
        let mut content = Vec::new();
        let read = entry.and_then(|mut entry| entry.read_to_end(&mut content).map(|_| entry));
        let entry = match read {
            Ok(entry) => entry,
            Err(_) if found.index.is_null() => return None,
            Err(error) => {
                found.broken = Some(format!("tar: Unexpected EOF in archive: {error}"));
                break;
            }
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        let parts: Vec<&str> = path.splitn(4, '/').collect();
        match parts.as_slice() {
            ["backup", "index.yaml"] => found.index = yaml(&content)?,
            ["backup", "container" | "virtual-machine", "backup.yaml"] => {
                found.config = yaml(&content);
            }
            // An optimized one: what the stream holds is what the index says.
            ["backup", "container.bin"] => {
                found.config = Some(found.index["config"].clone());
                found.files = serde_json::from_slice(&content).ok()?;
            }
            ["backup", "virtual-machine.img"] => drop(found.files.insert("disk".into(), content)),
            ["backup", "container", "rootfs", rest] if kind.is_file() => {
                found.files.insert(format!("rootfs/{rest}"), content);
            }
            ["backup", "container", "rootfs", rest] if kind.is_dir() => {
                found.folders.insert(format!("rootfs/{rest}"));
            }
            ["backup", "snapshots", name, rest]
                if kind.is_file() && rest.starts_with("rootfs/") =>
            {
                let files = found.snapshots.entry((*name).to_owned()).or_default();
                files.insert((*rest).to_owned(), content);
            }
            _ => {}
        }
    }
    if found.index.is_null() {
        return None;
    }
    if found.config.is_none() && found.broken.is_none() {
        found.broken = Some("tar: backup/container: Not found in archive".to_owned());
    }
    Some(found)
}

fn yaml(bytes: &[u8]) -> Option<Value> {
    serde_yaml::from_slice(bytes).ok()
}
