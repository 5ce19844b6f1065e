//! Imports: what comes back of an export tar, and what the server refuses.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::{Value, json};

use super::server::{Answer, Asked};
use super::state::{FakeInstance, FakeSnapshot, Files, State, object};

/// What a tar was found to hold.
struct Unpacked {
    config: Value,
    pool: String,
    files: Files,
    snapshots: BTreeMap<String, Files>,
}

/// `POST /1.0/instances` with an archive.
pub(super) fn import(state: &mut State, asked: &Asked) -> Answer {
    let name = asked.header("x-incus-name").unwrap_or_default().to_owned();
    let Some(unpacked) = unpack(&asked.body) else {
        return Answer::error(500, "Unexpected EOF in archive");
    };
    let pool = asked
        .header("x-incus-pool")
        .unwrap_or(&unpacked.pool)
        .to_owned();
    if !state.pools.contains_key(&pool) {
        return Answer::error(500, "Storage pool not found: Storage pool not found");
    }
    let key = (asked.project.clone(), name.clone());
    Answer::accepted(&state.operate("Restoring backup", &name, |state| {
        if state.instances.contains_key(&key) {
            return Err(
                "Create instance from backup: Cannot restore volume, already exists on target"
                    .into(),
            );
        }
        let profiles = unpacked.config["container"]["profiles"].clone();
        for profile in profiles.as_array().into_iter().flatten() {
            if !state.profiles.iter().any(|known| profile == known) {
                return Err(
                    "Failed importing backup: Failed loading profiles: Profile not found".into(),
                );
            }
        }
        let devices = unpacked.config["container"]["devices"].as_object();
        for (name, device) in devices.into_iter().flatten() {
            state.validate(name, device)?;
        }
        let mut made = object(unpacked.config["container"].clone());
        made.insert("name".into(), json!(name));
        for devices in ["devices", "expanded_devices"] {
            made[devices]["root"]["pool"] = json!(pool);
        }
        for gone in ["status", "status_code", "expanded_config"] {
            made.remove(gone);
        }
        let mut snapshots = Vec::new();
        for described in unpacked.config["snapshots"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let mut snapshot = object(described.clone());
            // The server does not take the expiry over.
            snapshot.insert("expires_at".into(), json!("0001-01-01T00:00:00Z"));
            let name = described["name"].as_str().unwrap_or_default();
            let files = unpacked.snapshots.get(name).cloned().unwrap_or_default();
            snapshots.push(FakeSnapshot {
                object: snapshot,
                files,
            });
        }
        let (files, backups) = (unpacked.files, BTreeMap::new());
        let instance = FakeInstance {
            object: made,
            status: "Stopped",
            files,
            snapshots,
            backups,
            usage: None,
        };
        state.instances.insert(key, instance);
        Ok(())
    }))
}

/// Reads a tar to its end marker; nothing where it has none.
fn unpack(bytes: &[u8]) -> Option<Unpacked> {
    if !bytes.ends_with(&[0; 1024]) {
        return None;
    }
    let (mut files, mut snapshots) = (Files::new(), BTreeMap::<String, Files>::new());
    let (mut index, mut config) = (None, None);
    for entry in tar::Archive::new(bytes).entries().ok()? {
        let mut entry = entry.ok()?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        let is_file = entry.header().entry_type().is_file();
        let parts: Vec<&str> = path.splitn(4, '/').collect();
        match parts.as_slice() {
            ["backup", "index.yaml"] => index = yaml(&content),
            ["backup", "container" | "virtual-machine", "backup.yaml"] => config = yaml(&content),
            // An optimized one: what the stream holds is what the index says.
            ["backup", "container.bin"] => {
                config = index.as_ref().map(|index: &Value| index["config"].clone());
                files = serde_json::from_slice(&content).ok()?;
            }
            ["backup", "virtual-machine.img"] => drop(files.insert("disk".into(), content)),
            ["backup", "container", "rootfs", rest] if is_file => {
                files.insert(format!("rootfs/{rest}"), content);
            }
            ["backup", "snapshots", name, rest] if is_file && rest.starts_with("rootfs/") => {
                let files = snapshots.entry((*name).to_owned()).or_default();
                files.insert((*rest).to_owned(), content);
            }
            _ => {}
        }
    }
    let index: Value = index?;
    let pool = index["pool"].as_str().unwrap_or_default().to_owned();
    // Like the server: the truth is in the volume; the index must agree on what there is.
    Some(Unpacked {
        config: config?,
        pool,
        files,
        snapshots,
    })
}

fn yaml(bytes: &[u8]) -> Option<Value> {
    serde_yaml::from_slice(bytes).ok()
}
