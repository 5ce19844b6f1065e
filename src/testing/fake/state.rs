//! What the fake server holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::exec::Execution;
use super::{FakeCommand, Fault};
use crate::testing::tarball::Tarball;

/// The files of a volume, by their path: `rootfs/data/x`.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// An instance.
#[derive(Debug, Clone)]
pub struct FakeInstance {
    /// What the API gives of it, but for what follows from its state.
    pub object: Map<String, Value>,
    /// `Running`, `Stopped`, `Frozen` or `Error`.
    pub status: &'static str,
    /// Its files; of a virtual machine only `disk`.
    pub files: BTreeMap<String, Vec<u8>>,
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

/// Everything that the server holds.
#[derive(Debug, Default)]
pub struct State {
    /// The projects and their configuration.
    pub projects: BTreeMap<String, Map<String, Value>>,
    /// The pools: driver and configuration.
    pub pools: BTreeMap<String, (String, Map<String, Value>)>,
    /// How much the pools hold and how much of it is used, where they say it.
    pub space: BTreeMap<String, (u64, u64)>,
    /// The profiles of every project.
    pub profiles: Vec<String>,
    /// What is in the profiles that have anything in them.
    pub profile_contents: BTreeMap<String, Value>,
    /// The networks of every project.
    pub networks: Vec<String>,
    /// The custom volumes, as `POOL/NAME`.
    pub volumes: Vec<String>,
    /// The instances, by project and name.
    pub instances: BTreeMap<(String, String), FakeInstance>,
    /// The faults that wait.
    pub faults: Vec<Fault>,
    /// What was asked, as `METHOD PATH`; and `EXEC INSTANCE COMMAND` and `SIGNAL NUMBER`.
    pub requests: Vec<String>,
    /// What the commands do that instances know.
    pub commands: BTreeMap<String, FakeCommand>,
    pub(super) executions: BTreeMap<String, Execution>,
    pub(super) operations: BTreeMap<String, Value>,
    pub(super) next: u64,
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl State {
    /// A server with a project, a profile and a pool called `default`, on the driver `dir`.
    pub(super) fn new() -> Self {
        let mut state = Self::default();
        state.projects.insert("default".into(), Map::new());
        state.profiles.push("default".into());
        state.networks.push("incusbr0".into());
        state.add_pool("default", "dir");
        state
    }

    /// Adds a pool.
    pub fn add_pool(&mut self, name: &str, driver: &str) {
        self.pools.insert(name.into(), (driver.into(), Map::new()));
    }

    /// Adds an instance of the default project, in a pool, with its root disk of its own.
    pub fn add_instance(&mut self, name: &str, pool: &str, status: &'static str, kind: &str) {
        let root = json!({ "root": { "type": "disk", "path": "/", "pool": pool } });
        let config = json!({ "user.note": "x", "volatile.uuid": format!("uuid-{name}"),
            "volatile.last_state.power": if status == "Running" { "RUNNING" } else { "STOPPED" },
            "volatile.eth0.hwaddr": format!("10:66:6a:00:00:{:02x}", self.instances.len()) });
        let object = object(json!({ "name": name, "project": "default", "type": kind,
            "architecture": "x86_64", "location": "none", "profiles": ["default"],
            "config": config, "expanded_config": config, "devices": root, "expanded_devices": root,
            "created_at": "2026-01-02T03:04:05Z", "last_used_at": "2026-01-02T03:04:06Z",
            "description": format!("the {name}"), "ephemeral": false, "stateful": false }));
        let path = if kind == "container" {
            "rootfs/data/x"
        } else {
            "disk"
        };
        let files = Files::from([(path.to_owned(), format!("content of {name}").into_bytes())]);
        let (snapshots, backups) = (Vec::new(), BTreeMap::new());
        let instance = FakeInstance {
            object,
            status,
            files,
            snapshots,
            backups,
            usage: None,
        };
        self.instances
            .insert(("default".into(), name.into()), instance);
    }

    /// An instance of the default project.
    pub fn instance(&mut self, name: &str) -> Option<&mut FakeInstance> {
        self.instances.get_mut(&("default".into(), name.into()))
    }

    /// The names of the instances of the default project.
    pub fn names(&self) -> Vec<String> {
        self.instances
            .keys()
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// A profile as the API gives it.
    pub(super) fn profile(&self, name: &str) -> Value {
        let users = self.instances.iter().filter(|(_, instance)| {
            let profiles = instance.object["profiles"].as_array();
            profiles.is_some_and(|profiles| profiles.iter().any(|profile| profile == name))
        });
        let users: Vec<String> = users
            .map(|((_, user), _)| format!("/1.0/instances/{user}"))
            .collect();
        let content = self.profile_contents.get(name);
        let part = |key: &str| content.map_or(json!({}), |content| content[key].clone());
        json!({ "name": name, "description": "", "config": part("config"),
            "devices": part("devices"), "used_by": users })
    }

    /// Whether what a device refers to is there.
    pub(super) fn validate(&self, name: &str, device: &Value) -> Result<(), String> {
        let text = |key: &str| device[key].as_str().unwrap_or_default();
        let lacks = match text("type") {
            "nic" if !self.networks.iter().any(|known| known == text("network")) => "Network",
            "disk" if text("path") != "/" => {
                let volume = format!("{}/{}", text("pool"), text("source"));
                if self.volumes.contains(&volume) {
                    return Ok(());
                }
                "Storage volume"
            }
            _ => return Ok(()),
        };
        Err(format!(
            "Failed importing backup: Failed add validation for device {name:?}: {lacks} not found"
        ))
    }

    /// Takes the first fault that fits.
    pub(super) fn take_fault(&mut self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(fits)?;
        Some(self.faults.remove(at))
    }
}

impl FakeInstance {
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
        for (path, content) in self.files.iter().filter(|_| !optimized) {
            tar = match path.as_str() {
                "disk" => tar.disk(content.clone()),
                path => tar.file(path, content),
            };
        }
        tar.build()
    }
}
