//! Custom volumes with what is in them: listed, copied, changed, renamed, exported, imported, deleted.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked};
use super::import::unpack_files;
use super::server::Series;
use super::state::{Files, State, object};
use crate::testing::volume_tar::VolumeTar;

/// A custom volume of files, or of blocks.
#[derive(Debug, Clone)]
pub struct FakeVolume {
    /// What the API gives of it.
    pub object: Map<String, Value>,
    /// Its files; of one of blocks only `disk`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its snapshots, oldest first, as the API gives them but for the volume's name before theirs.
    pub snapshots: Vec<Map<String, Value>>,
    /// The backups of it that the server keeps.
    pub backups: BTreeMap<String, Vec<u8>>,
}

/// Project, pool and name.
type Place = (String, String, String);

/// The name of the one file of a volume that is an ISO, which is exported and imported as it is.
pub const ISO: &str = "iso";

const GONE: &str = "Storage volume not found";

impl State {
    /// Adds a custom volume of the default project.
    pub fn add_volume(&mut self, pool: &str, name: &str) -> &mut FakeVolume {
        let object = object(
            json!({ "name": name, "type": "custom", "content_type": "filesystem",
            "config": { "user.note": "x" }, "description": format!("the {name}"),
            "project": "default", "location": "none", "created_at": "2026-01-02T03:04:05Z" }),
        );
        let volume = FakeVolume {
            object,
            files: Files::from([("a b".to_owned(), b"content".to_vec())]),
            snapshots: Vec::new(),
            backups: BTreeMap::new(),
        };
        self.custom
            .entry(place("default", pool, name))
            .or_insert(volume)
    }

    /// A custom volume of the default project.
    pub fn volume(&mut self, pool: &str, name: &str) -> Option<&mut FakeVolume> {
        self.custom.get_mut(&place("default", pool, name))
    }

    /// The instances that mount a volume.
    fn mounters(&mut self, (_, pool, name): &Place) -> Vec<&mut super::FakeInstance> {
        let mounts = |device: &Value| {
            device["type"] == "disk" && device["pool"] == *pool && device["source"] == *name
        };
        let all = self.instances.values_mut();
        let mounters = all.filter(|instance| {
            let devices = instance.object["devices"].as_object();
            devices.is_some_and(|devices| devices.values().any(mounts))
        });
        mounters.collect()
    }
}

fn place(project: &str, pool: &str, name: &str) -> Place {
    (project.to_owned(), pool.to_owned(), name.to_owned())
}

/// `/1.0/storage-pools/POOL/volumes/custom`, but for the list.
pub(super) fn answer(state: &mut State, asked: &Asked, pool: &str, rest: &[&str]) -> Answer {
    match (asked.method.as_str(), rest) {
        ("POST", []) if asked.header("content-type") == Some("application/octet-stream") => {
            import(state, asked, pool)
        }
        ("POST", []) => copy(state, asked, pool),
        (_, [name, rest @ ..]) => {
            let at = place(&asked.project, pool, name);
            if !state.custom.contains_key(&at) {
                return Answer::error(404, GONE);
            }
            one(state, asked, &at, rest)
        }
        _ => Answer::error(404, "not found"),
    }
}

fn one(state: &mut State, asked: &Asked, at: &Place, rest: &[&str]) -> Answer {
    let Some(volume) = state.custom.get_mut(at) else {
        return Answer::error(404, GONE);
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => Answer::tagged(Value::Object(volume.object.clone())),
        ("PUT", []) => {
            if let Some(crossed) = asked.crossed(&Value::Object(volume.object.clone())) {
                return crossed;
            }
            let body = asked.json();
            if volume.object["content_type"] == "iso" && body["config"] != volume.object["config"] {
                return Answer::error(400, "Custom ISO volume config cannot be changed");
            }
            for field in ["config", "description"] {
                volume.object.insert(field.to_owned(), body[field].clone());
            }
            Answer::sync(json!({}))
        }
        ("POST", []) => rename(state, asked, at),
        ("DELETE", []) => {
            if !state.mounters(at).is_empty() {
                return Answer::error(400, "The storage volume is still in use");
            }
            state.custom.remove(at);
            Answer::sync(json!({}))
        }
        ("GET", ["snapshots"]) => {
            let names = volume.snapshots.iter();
            let whole = |snapshot: &Map<String, Value>| {
                let mut whole = snapshot.clone();
                let name = snapshot["name"].as_str().unwrap_or_default();
                whole.insert("name".to_owned(), json!(format!("{}/{name}", at.2)));
                Value::Object(whole)
            };
            let all = names.map(|it| (it["name"].as_str().unwrap_or_default(), whole(it)));
            asked.list("/snapshots", all)
        }
        (_, ["backups", rest @ ..]) => backups(state, asked, at, rest),
        _ => Answer::error(404, "not found"),
    }
}

/// The devices of stopped instances follow; nobody may run that mounts it.
fn rename(state: &mut State, asked: &Asked, at: &Place) -> Answer {
    let to = asked.json()["name"].as_str().unwrap_or_default().to_owned();
    let new = place(&at.0, &at.1, &to);
    if state.custom.contains_key(&new) {
        return Answer::error(409, "Volume by that name already exists");
    }
    let mut mounters = state.mounters(at);
    if mounters.iter().any(|instance| instance.status != "Stopped") {
        return Answer::error(400, "Volume is still in use by running instances");
    }
    for instance in &mut mounters {
        for part in ["devices", "expanded_devices"] {
            let devices = instance.object.get_mut(part);
            let devices = devices.and_then(Value::as_object_mut);
            for device in devices.into_iter().flat_map(Map::values_mut) {
                if device["source"] == at.2 {
                    device["source"] = json!(to);
                }
            }
        }
    }
    if let Some(mut volume) = state.custom.remove(at) {
        volume.object.insert("name".to_owned(), json!(to));
        state.custom.insert(new, volume);
    }
    Answer::sync(json!({}))
}

fn copy(state: &mut State, asked: &Asked, pool: &str) -> Answer {
    let body = asked.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let new = place(&asked.project, pool, &text(&body["name"]));
    let source = &body["source"];
    let project = match text(&source["project"]) {
        project if project.is_empty() => asked.project.clone(),
        project => project,
    };
    let from = (project, text(&source["pool"]), text(&source["name"]));
    if !state.custom.contains_key(&from) {
        return Answer::error(404, GONE);
    }
    if state.custom.contains_key(&new) {
        return Answer::error(409, "Volume by that name already exists");
    }
    let name = new.2.clone();
    Answer::accepted(&state.operate("Copying storage volume", &name, |state| {
        let mut made = state.custom.get(&from).cloned().ok_or(GONE)?;
        made.object.insert("name".to_owned(), json!(new.2));
        for field in ["config", "description"] {
            made.object.insert(field.to_owned(), body[field].clone());
        }
        made.backups.clear();
        if source["volume_only"] == true {
            made.snapshots.clear();
        }
        state.custom.insert(new, made);
        Ok(())
    }))
}

fn packed(state: &State, at: &Place) -> Vec<u8> {
    let volume = &state.custom[at];
    if volume.object["content_type"] == "iso" {
        return volume.files[ISO].clone();
    }
    let driver = state.pools.get(&at.1).map(|(driver, _)| driver.clone());
    let tar = if volume.object["content_type"] == "block" {
        VolumeTar::block(&at.2)
    } else {
        VolumeTar::filesystem(&at.2)
    };
    let mut tar = tar
        .pool(&at.1, &driver.unwrap_or_default())
        .described(&Value::Object(volume.object.clone()));
    for (name, content) in &volume.files {
        tar = match name.as_str() {
            "disk" => tar.disk(content.clone()),
            name => tar.file(name, content),
        };
    }
    for snapshot in &volume.snapshots {
        tar = tar.snapshot(&Value::Object(snapshot.clone()));
    }
    tar.build()
}

fn backups(state: &mut State, asked: &Asked, at: &Place, rest: &[&str]) -> Answer {
    let volume = &state.custom[at];
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let names = volume.backups.keys().map(String::as_str);
            let all = names.map(|name| (name, json!({ "name": name })));
            asked.list("/backups", all)
        }
        ("POST", []) => export(state, asked, at),
        ("GET", [name, "export"]) => {
            let range = asked
                .header("range")
                .and_then(|it| it.strip_prefix("bytes="));
            let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
            match volume.backups.get(*name) {
                Some(bytes) => Answer::File(bytes.clone(), from.unwrap_or(0), Vec::new()),
                None => Answer::error(404, "Storage volume backup not found"),
            }
        }
        ("DELETE", [name]) => {
            Answer::accepted(
                &state.operate("Deleting storage volume backup", &at.2, |state| {
                    let volume = state.custom.get_mut(at).ok_or(GONE)?;
                    volume
                        .backups
                        .remove(*name)
                        .map(drop)
                        .ok_or_else(|| GONE.to_owned())
                }),
            )
        }
        _ => Answer::error(404, "not found"),
    }
}

fn export(state: &mut State, asked: &Asked, at: &Place) -> Answer {
    let tar = packed(state, at);
    let url = json!([format!(
        "/1.0/storage-pools/{}/volumes/custom/{}",
        at.1, at.2
    )]);
    let description = "Creating custom volume backup";
    if asked.series == Series::Lts70 && asked.header("accept") == Some("application/octet-stream") {
        let mut operation = state.operate(description, &at.2, |_| Ok(()));
        state.amend(&mut operation, "storage_volumes", url);
        let id = operation["id"].as_str().unwrap_or_default();
        let ended = state.operations.get(id).cloned();
        return Answer::Stream(tar, ended.unwrap_or(operation));
    }
    let name = asked.json()["name"]
        .as_str()
        .unwrap_or("backup0")
        .to_owned();
    let mut operation = state.operate(description, &at.2, |state| {
        let volume = state.custom.get_mut(at).ok_or(GONE)?;
        volume.backups.insert(name, tar);
        Ok(())
    });
    state.amend(&mut operation, "storage_volumes", url);
    Answer::accepted(&operation)
}

fn import(state: &mut State, asked: &Asked, pool: &str) -> Answer {
    let unpacked = if asked.header("x-incus-type") == Some("iso") {
        let volume = json!({ "type": "custom", "content_type": "iso", "description": "",
            "config": { "size": asked.body.len().to_string() }, "location": "none",
            "created_at": "2026-01-02T03:04:05Z" });
        let files = Files::from([(ISO.to_owned(), asked.body.to_vec())]);
        Some((json!({ "config": { "volume": volume } }), files))
    } else {
        unpack_files("backup/volume/", &asked.body)
    };
    let Some((index, files)) = unpacked else {
        return Answer::error(500, "Unexpected EOF in archive");
    };
    let described = index["name"].as_str().unwrap_or_default();
    let name = asked.header("x-incus-name").unwrap_or(described).to_owned();
    let at = place(&asked.project, pool, &name);
    Answer::accepted(
        &state.operate("Creating custom volume from backup", &name, |state| {
            if state.custom.contains_key(&at) {
                return Err("Volume by that name already exists".to_owned());
            }
            let mut object = object(index["config"]["volume"].clone());
            object.insert("name".to_owned(), json!(name));
            object.insert("project".to_owned(), json!(at.0));
            let snapshots = index["config"]["volume_snapshots"].as_array();
            let snapshots = snapshots.into_iter().flatten();
            let volume = FakeVolume {
                object,
                files,
                snapshots: snapshots
                    .map(|it| super::state::object(it.clone()))
                    .collect(),
                backups: BTreeMap::new(),
            };
            state.custom.insert(at, volume);
            Ok(())
        }),
    )
}
