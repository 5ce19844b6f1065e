//! Edits of what an archive says of itself; of an instance's two descriptions, kept in step (pure).

use serde_yaml::{Mapping, Value};

use super::ArchiveError;
use super::index::INDEX;
use super::references::References;
use crate::model::{InstanceName, PoolName, ProjectName};

/// A change of what an archive says of itself. Not applied to optimized archives of instances.
pub trait Edit {
    /// Changes `backup/index.yaml`, all but its `config`.
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError>;

    /// Changes the index's `config`, and in the same way its copy, `backup.yaml`.
    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError>;
}

pub(super) fn set(value: &mut Value, key: &str, to: impl Into<Value>) {
    if let Some(mapping) = value.as_mapping_mut() {
        mapping.insert(key.into(), to.into());
    }
}

fn convert(value: &serde_json::Value) -> Result<Value, ArchiveError> {
    serde_yaml::to_value(value).map_err(|cause| ArchiveError::Rewrite {
        name: INDEX,
        cause: Box::new(cause),
    })
}

/// Makes the archive of a temporary copy name and describe the instance that it is a copy of.
#[derive(Debug)]
pub struct Original {
    /// The instance.
    pub name: InstanceName,
    /// The instance as the API gives it.
    pub instance: serde_json::Value,
    /// Its snapshots as the API gives them.
    pub snapshots: Vec<serde_json::Value>,
    /// Its profiles as the API gives them.
    pub profiles: Vec<serde_json::Value>,
}

/// Whether a key describes the ids of the files in the archive: those of the copy are true.
fn is_of_the_files(key: &str) -> bool {
    key == "volatile.last_state.idmap" || key.starts_with("volatile.idmap.")
}

/// Takes over an API object, but keeps what the copy says of the ids of its files.
pub(super) fn take_over(
    copy: &mut Value,
    original: &serde_json::Value,
) -> Result<(), ArchiveError> {
    let mut taken = convert(original)?;
    if let Some(taken) = taken.as_mapping_mut() {
        // What only a full listing gives is no part of an export.
        taken.retain(|key, _| !matches!(key.as_str(), Some("state" | "snapshots" | "backups")));
    }
    for part in ["config", "expanded_config"] {
        let of_files = copy
            .get(part)
            .and_then(Value::as_mapping)
            .cloned()
            .unwrap_or_default();
        if let Some(config) = taken.get_mut(part).and_then(Value::as_mapping_mut) {
            config.retain(|key, _| !key.as_str().is_some_and(is_of_the_files));
            let kept = of_files.into_iter();
            config.extend(kept.filter(|(key, _)| key.as_str().is_some_and(is_of_the_files)));
        }
    }
    *copy = taken;
    Ok(())
}

impl Edit for Original {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        set(document, "name", self.name.as_str());
        Ok(())
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        let missing = ArchiveError::Key {
            name: INDEX,
            key: "container",
        };
        take_over(config.get_mut("container").ok_or(missing)?, &self.instance)?;
        let snapshots = config.get_mut("snapshots").and_then(Value::as_sequence_mut);
        for snapshot in snapshots.into_iter().flatten() {
            let own = snapshot
                .get("name")
                .and_then(Value::as_str)
                .map(last)
                .map(str::to_owned);
            let original = self
                .snapshots
                .iter()
                .find(|original| original["name"].as_str().map(last).map(str::to_owned) == own);
            if let (Some(original), Some(own)) = (original, own) {
                take_over(snapshot, original)?;
                set(snapshot, "name", own);
            }
        }
        let profiles: Result<Vec<Value>, _> = self.profiles.iter().map(convert).collect();
        set(config, "profiles", profiles?);
        if let Some(volume) = config.get_mut("volume") {
            set(volume, "name", self.name.as_str());
        }
        Ok(())
    }
}

/// A snapshot's name without its instance's.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a restored instance stays what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It is the same instance, come back.
    Keep,
    /// It is another one, beside the first: its MAC addresses, UUIDs and cloud-init id are new.
    New,
}

/// Whether a configuration key is part of an instance's identity, or of the run that it was in.
///
/// What describes the files, the image and the power state stays with every copy.
pub fn is_identity(key: &str) -> bool {
    key.starts_with("volatile.")
        && key != "volatile.base_image"
        && key != "volatile.last_state.power"
        && !is_of_the_files(key)
}

/// Gives the instance of an archive its name and place on a server.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Its name.
    pub name: InstanceName,
    /// Its pool; none for the one that the archive names.
    pub pool: Option<PoolName>,
    /// Its project.
    pub project: ProjectName,
    /// Whether it stays what it was.
    pub identity: Identity,
    /// What has other names there, or is not there.
    pub references: References,
    /// What its configuration says besides.
    pub config: Vec<(String, String)>,
}

impl Placement {
    fn place(&self, described: &mut Value) {
        for part in ["config", "expanded_config"] {
            let Some(config) = described.get_mut(part).and_then(Value::as_mapping_mut) else {
                continue;
            };
            if self.identity == Identity::New {
                config.retain(|key, _| !key.as_str().is_some_and(is_identity));
            }
            // One whose last state was running would be started at the server's next boot.
            let power = Value::from("volatile.last_state.power");
            if config.contains_key(&power) {
                config.insert(power, "STOPPED".into());
            }
        }
        self.references.rewrite(described);
        if let Some(pool) = &self.pool {
            for part in ["devices", "expanded_devices"] {
                if let Some(devices) = described.get_mut(part).and_then(Value::as_mapping_mut) {
                    move_root(devices, pool);
                }
            }
        }
    }
}

fn move_root(devices: &mut Mapping, pool: &PoolName) {
    for (_, device) in devices.iter_mut() {
        let is = |key: &str, value: &str| device.get(key).and_then(Value::as_str) == Some(value);
        if is("type", "disk") && is("path", "/") {
            set(device, "pool", pool.as_str());
        }
    }
}

impl Edit for Placement {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        set(document, "name", self.name.as_str());
        if let Some(pool) = &self.pool {
            set(document, "pool", pool.as_str());
        }
        Ok(())
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        if let Some(instance) = config.get_mut("container") {
            set(instance, "name", self.name.as_str());
            set(instance, "project", self.project.as_str());
            set(instance, "status", "Stopped");
            set(instance, "status_code", 102);
            self.place(instance);
            for part in ["config", "expanded_config"] {
                if let Some(config) = instance.get_mut(part) {
                    for (key, value) in &self.config {
                        set(config, key, value.as_str());
                    }
                }
            }
        }
        let snapshots = config.get_mut("snapshots").and_then(Value::as_sequence_mut);
        for snapshot in snapshots.into_iter().flatten() {
            self.place(snapshot);
        }
        let profiles = config.get_mut("profiles").and_then(Value::as_sequence_mut);
        for profile in profiles.into_iter().flatten() {
            let named = profile.get("name").and_then(Value::as_str);
            let new = named.and_then(|name| self.references.profiles.get(name).cloned());
            if let Some(new) = new {
                set(profile, "name", new);
            }
            self.references.rewrite(profile);
        }
        if let Some(volume) = config.get_mut("volume") {
            set(volume, "name", self.name.as_str());
        }
        Ok(())
    }
}
