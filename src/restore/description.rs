//! What was saved beside an archive about its instance: `instance.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::archive::{Index, Reference};
use crate::retrieve::{self, Damage};
use crate::target::{StoredId, Target};

/// The file.
const FILE: &str = "instance.json";

/// An instance, its snapshots and its profiles, as the API described them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Description {
    instance: Value,
    snapshots: Vec<Value>,
    profiles: Vec<Value>,
}

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub enum NoDescription {
    /// The target does not give it.
    #[error("{0}")]
    Target(#[from] crate::target::TargetError),
    /// It cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Which.
        file: &'static str,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is not what was written.
    #[error("{file} is damaged")]
    Damaged {
        /// Which.
        file: &'static str,
    },
}

/// Reads what was saved beside an archive, and compares its checksum. Blocks.
pub(super) fn saved(
    target: &Arc<dyn Target>,
    id: &StoredId,
    file: &'static str,
) -> Result<Vec<u8>, NoDescription> {
    let opened = target.open(id)?;
    retrieve::small(&*opened, file).map_err(|damage| match damage {
        Damage::Key(error) => NoDescription::Target(error),
        Damage::Read(cause) => NoDescription::Read { file, cause },
        _ => NoDescription::Damaged { file },
    })
}

impl Description {
    /// Reads the file of a version, and compares its checksum.
    pub(super) fn load(target: &Arc<dyn Target>, id: &StoredId) -> Result<Self, NoDescription> {
        let bytes = saved(target, id, FILE)?;
        Self::parse(&bytes)
    }

    /// What the index of an archive says of its instance.
    pub(super) fn of_index(index: &Index) -> Self {
        let config = index.document.get("config");
        let part = |name: &str| -> Value {
            let part = config.and_then(|config| config.get(name));
            part.and_then(|part| serde_json::to_value(part).ok())
                .unwrap_or_default()
        };
        let list = |name: &str| match part(name) {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        Self {
            instance: part("container"),
            snapshots: list("snapshots"),
            profiles: list("profiles"),
        }
    }

    /// Reads a description.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NoDescription> {
        serde_json::from_slice(bytes).map_err(|_| NoDescription::Damaged { file: FILE })
    }

    /// The instance, as the API described it.
    pub fn instance(&self) -> &Value {
        &self.instance
    }

    /// What the instance's own devices refer to, by their names.
    pub(super) fn references(&self) -> BTreeSet<(String, Reference)> {
        references(&self.instance).into_iter().collect()
    }

    /// What the devices of its snapshots refer to. The server takes them as they are.
    pub(super) fn references_of_snapshots(&self) -> BTreeSet<(String, Reference)> {
        self.snapshots.iter().flat_map(references).collect()
    }

    /// The configuration keys that the instance and its snapshots have of their own.
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        let described = std::iter::once(&self.instance).chain(&self.snapshots);
        let configs = described.filter_map(|described| described["config"].as_object());
        configs
            .flat_map(|config| config.keys().map(String::as_str))
            .collect()
    }

    /// The pools of the volumes that the instance, its snapshots and its profiles mount.
    pub(super) fn volume_pools(&self) -> BTreeSet<String> {
        let described = std::iter::once(&self.instance);
        let described = described.chain(&self.snapshots).chain(&self.profiles);
        let volume = |(_, reference)| match reference {
            Reference::Volume { pool, .. } => Some(pool),
            _ => None,
        };
        described.flat_map(references).filter_map(volume).collect()
    }

    /// The profiles whose content was saved, by name.
    pub(super) fn saved_profiles(&self) -> BTreeMap<&str, &Value> {
        let named = |profile: &'_ Value| profile["name"].as_str().is_some();
        let saved = self.profiles.iter().filter(|profile| named(profile));
        saved
            .map(|profile| (profile["name"].as_str().unwrap_or_default(), profile))
            .collect()
    }
}

/// What the devices of an instance, a snapshot or a profile refer to, by the devices' names.
pub(super) fn references(described: &Value) -> Vec<(String, Reference)> {
    let devices = described["devices"].as_object();
    let devices = devices.into_iter().flatten();
    devices
        .filter_map(|(name, device)| {
            let device = serde_yaml::to_value(device).ok()?;
            Some((name.clone(), Reference::of(&device)?))
        })
        .collect()
}
