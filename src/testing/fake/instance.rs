//! An instance of the fake server: what it holds and how it is shown and exported.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::state::{Files, State, object};
use crate::testing::tarball::{Node, Tarball};

/// An instance.
#[derive(Debug, Clone)]
pub struct FakeInstance {
    /// What the API gives of it, but for what follows from its state.
    pub object: Map<String, Value>,
    /// `Running`, `Stopped`, `Frozen` or `Error`.
    pub status: &'static str,
    /// Its files; of a virtual machine only `disk`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Its folders, but for those above its files.
    pub folders: BTreeSet<String>,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<FakeSnapshot>,
    /// The backups of it that the server keeps.
    pub backups: BTreeMap<String, Vec<u8>>,
    /// How much its root disk takes, where the driver says it.
    pub usage: Option<u64>,
}

/// A snapshot of an instance.
#[derive(Debug, Clone)]
pub struct FakeSnapshot {
    /// What the API gives of it.
    pub object: Map<String, Value>,
    /// Its files.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl FakeInstance {
    /// A stopped instance without files.
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self {
            object,
            status: "Stopped",
            files: Files::new(),
            folders: BTreeSet::new(),
            snapshots: Vec::new(),
            backups: BTreeMap::new(),
            usage: None,
        }
    }

    /// Adds a snapshot of what the instance is now.
    pub fn add_snapshot(&mut self, name: &str, expires_at: &str) {
        let mut object = self.object.clone();
        object.insert("name".into(), json!(name));
        object.insert("expires_at".into(), json!(expires_at));
        object.insert("created_at".into(), json!("2026-01-03T03:04:05Z"));
        self.snapshots.push(FakeSnapshot {
            object,
            files: self.files.clone(),
        });
    }

    /// Sets a configuration key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.object["config"][key] = json!(value);
    }

    /// The configuration.
    pub(super) fn config(&self, key: &str) -> &str {
        self.object["config"][key].as_str().unwrap_or_default()
    }

    /// What `GET` gives.
    pub(super) fn shown(&self) -> Value {
        let code = match self.status {
            "Running" => 103,
            "Stopped" => 102,
            "Frozen" => 110,
            _ => 112,
        };
        let mut shown = self.object.clone();
        shown.insert("status".into(), json!(self.status));
        shown.insert("status_code".into(), json!(code));
        shown.insert("expanded_config".into(), self.object["config"].clone());
        if code == 112 {
            // Of an instance whose cluster member is down nothing is known (seen on 6.0.4).
            for unknown in ["config", "devices", "profiles"] {
                shown.insert(unknown.into(), Value::Null);
            }
            shown.retain(|key, _| !key.starts_with("expanded_"));
        }
        Value::Object(shown)
    }

    /// The devices of the profiles with its own over them.
    pub(super) fn expand(&mut self, state: &State) {
        let mut expanded = Map::new();
        let profiles = self.object["profiles"].as_array().cloned();
        for profile in profiles.into_iter().flatten() {
            expanded.extend(state.profile_devices(profile.as_str().unwrap_or_default()));
        }
        expanded.extend(object(self.object["devices"].clone()));
        self.object
            .insert("expanded_devices".into(), Value::Object(expanded));
    }

    /// Gives it what every instance has of its own, where it lacks it: a UUID, a MAC address for
    /// each NIC.
    pub(super) fn identify(&mut self, state: &mut State) {
        let number = state.number();
        let mut wanted = vec![
            ("volatile.uuid".to_owned(), format!("uuid-{number}")),
            (
                "volatile.cloud-init.instance-id".to_owned(),
                format!("cloud-{number}"),
            ),
        ];
        let devices = object(self.object["expanded_devices"].clone());
        let nics = devices.iter().filter(|(_, device)| device["type"] == "nic");
        wanted.extend(nics.map(|(name, _)| {
            let mac = format!("10:66:6a:01:{:02x}:{:02x}", number / 256, number % 256);
            (format!("volatile.{name}.hwaddr"), mac)
        }));
        for (key, value) in wanted {
            if self.object["config"].get(&key).is_none() {
                self.set(&key, &value);
            }
        }
    }

    pub(super) fn root_pool(&self) -> String {
        let pool = &self.object["expanded_devices"]["root"]["pool"];
        pool.as_str().unwrap_or("default").to_owned()
    }

    /// The export tar.
    ///
    /// The streams of an optimized one hold the files as JSON.
    pub(super) fn export(&self, driver: &str, with_snapshots: bool, optimized: bool) -> Vec<u8> {
        let name = self.object["name"].as_str().unwrap_or_default();
        let machine = self.object["type"] == "virtual-machine";
        let tar = if machine {
            Tarball::virtual_machine(name)
        } else {
            Tarball::container(name)
        };
        let mut tar = tar.pool(&self.root_pool(), driver).instance(&self.shown());
        if optimized {
            let stream = serde_json::to_vec(&self.files).unwrap_or_default();
            tar = tar.optimized().disk(stream);
        }
        for snapshot in self.snapshots.iter().filter(|_| with_snapshots) {
            tar = tar.snapshot_as(&Value::Object(snapshot.object.clone()));
            for (path, content) in snapshot.files.iter().filter(|_| !machine && !optimized) {
                tar = tar.snapshot_file(path, content);
            }
        }
        for path in &self.folders {
            tar = tar.node(path, Node::Directory);
        }
        for (path, content) in self.files.iter().filter(|_| !optimized) {
            tar = match path.as_str() {
                "disk" => tar.disk(content.clone()),
                path => tar.file(path, content),
            };
        }
        tar.build()
    }
}
