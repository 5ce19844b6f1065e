//! What an instance refers to on a server by name, under other names or no more (pure).

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::{Mapping, Value};

use super::ArchiveError;
use super::index::INDEX;
use super::rewrite::set;

/// Other names for what an instance or a profile refers to, and what it can refer to no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The pools that disks are in.
    pub pools: BTreeMap<String, String>,
    /// The networks that NICs are on.
    pub networks: BTreeMap<String, String>,
    /// The profiles.
    pub profiles: BTreeMap<String, String>,
    /// The networks (by their new names) that are not there: NICs on them are taken out.
    pub lost_networks: BTreeSet<String>,
    /// The volumes (by their new names, as `POOL/NAME`) that are not there: disks of them are taken
    /// out.
    pub lost_volumes: BTreeSet<String>,
    /// The devices that the profiles give. One of the instance's own that has the name of such a one
    /// is not taken out but made to be none: else the profile's would appear in its stead, such as a
    /// NIC on a network that the instance was never on.
    pub of_profiles: BTreeSet<String>,
    /// Which devices stay at all.
    pub devices: Devices,
    /// The configuration keys that the server does not take: they are taken out.
    pub lost_keys: BTreeSet<String>,
}

/// Which devices of an instance stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Devices {
    /// All of them, but for those on what is lost.
    #[default]
    All,
    /// Those that no other instance, and nothing of the host, can be reached by.
    Own,
}

/// Whether a device is the instance's alone: its root disk, or its TPM.
pub fn is_own(device: &Value) -> bool {
    match text(device, "type") {
        Some("disk") => text(device, "path") == Some("/"),
        Some("tpm" | "none") => true,
        _ => false,
    }
}

impl References {
    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        *self
            == Self {
                of_profiles: self.of_profiles.clone(),
                ..Self::default()
            }
    }

    /// Rewrites an instance, a snapshot of one, or a profile, as the API and archives describe it.
    pub fn rewrite(&self, described: &mut Value) {
        if let Some(profiles) = described
            .get_mut("profiles")
            .and_then(Value::as_sequence_mut)
        {
            let mut renamed: Vec<Value> = Vec::new();
            for profile in profiles.drain(..) {
                let new = profile
                    .as_str()
                    .map(|name| renamed_in(&self.profiles, name));
                let profile = new.map_or(profile.clone(), Value::from);
                if !renamed.contains(&profile) {
                    renamed.push(profile);
                }
            }
            *profiles = renamed;
        }
        for part in ["config", "expanded_config"] {
            if let Some(config) = described.get_mut(part).and_then(Value::as_mapping_mut) {
                let is_lost = |key: &str| self.lost_keys.contains(key);
                config.retain(|key, _| !key.as_str().is_some_and(is_lost));
            }
        }
        for part in ["devices", "expanded_devices"] {
            if let Some(devices) = described.get_mut(part).and_then(Value::as_mapping_mut) {
                self.rewrite_devices(devices);
            }
        }
    }

    /// Rewrites what is described in JSON.
    pub fn rewrite_json(&self, described: &mut serde_json::Value) -> Result<(), ArchiveError> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| ArchiveError::Rewrite {
            name: INDEX,
            cause,
        };
        let mut value = serde_yaml::to_value(&*described).map_err(|cause| failed(cause.into()))?;
        self.rewrite(&mut value);
        *described = serde_json::to_value(&value).map_err(|cause| failed(cause.into()))?;
        Ok(())
    }

    fn rewrite_devices(&self, devices: &mut Mapping) {
        if self.devices == Devices::Own {
            devices.retain(|_, device| is_own(device));
        }
        let mut lost = Vec::new();
        for (name, device) in devices.iter_mut() {
            self.rename(device);
            if self.is_lost(device) {
                lost.push(name.clone());
            }
        }
        for name in lost {
            if name
                .as_str()
                .is_some_and(|name| self.of_profiles.contains(name))
            {
                let none = Mapping::from_iter([("type".into(), "none".into())]);
                devices.insert(name, Value::Mapping(none));
            } else {
                devices.remove(&name);
            }
        }
    }

    fn rename(&self, device: &mut Value) {
        let (key, names) = match text(device, "type") {
            Some("disk") => ("pool", &self.pools),
            Some("nic") => ("network", &self.networks),
            _ => return,
        };
        if let Some(new) = text(device, key).map(|name| renamed_in(names, name)) {
            set(device, key, new);
        }
    }

    fn is_lost(&self, device: &Value) -> bool {
        match Reference::of(device) {
            Some(Reference::Network(network)) => self.lost_networks.contains(&network),
            Some(Reference::Volume { pool, name }) => {
                self.lost_volumes.contains(&format!("{pool}/{name}"))
            }
            _ => false,
        }
    }
}

/// What a name has become.
fn renamed_in(names: &BTreeMap<String, String>, name: &str) -> String {
    names.get(name).map_or(name, String::as_str).to_owned()
}

fn text<'a>(device: &'a Value, key: &str) -> Option<&'a str> {
    device.get(key).and_then(Value::as_str)
}

/// What a device refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A NIC on a network.
    Network(String),
    /// A disk that is a custom volume.
    Volume {
        /// The volume's pool.
        pool: String,
        /// Its name.
        name: String,
    },
    /// The root disk, in a pool.
    Root(String),
}

impl Reference {
    /// Reads a device, as archives and the API describe it.
    pub fn of(device: &Value) -> Option<Self> {
        let pool = || text(device, "pool").map(str::to_owned);
        match text(device, "type") {
            Some("nic") => Some(Self::Network(text(device, "network")?.to_owned())),
            Some("disk") if text(device, "path") == Some("/") => Some(Self::Root(pool()?)),
            Some("disk") => Some(Self::Volume {
                pool: pool()?,
                name: text(device, "source")?.to_owned(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(old, new): &(&str, &str)| ((*old).to_owned(), (*new).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn set_of(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_change_in_profiles_and_devices_and_nowhere_else() {
        let references = References {
            pools: names(&[("tank", "fast")]),
            networks: names(&[("lan", "wan")]),
            profiles: names(&[("web", "www"), ("old", "default")]),
            ..References::default()
        };
        let mut it = json!({
            "name": "lan", "profiles": ["default", "web", "old"], "config": { "user.x": "tank" },
            "devices": {
                "root": { "type": "disk", "path": "/", "pool": "tank" },
                "data": { "type": "disk", "path": "/srv", "pool": "tank", "source": "vol" },
                "host": { "type": "disk", "path": "/mnt", "source": "tank" },
                "eth0": { "type": "nic", "network": "lan", "name": "lan" },
            },
            "expanded_devices": { "eth1": { "type": "nic", "network": "lan" } },
        });
        references.rewrite_json(&mut it).unwrap();
        assert_eq!(
            it,
            json!({
                "name": "lan", "profiles": ["default", "www"], "config": { "user.x": "tank" },
                "devices": {
                    "root": { "type": "disk", "path": "/", "pool": "fast" },
                    "data": { "type": "disk", "path": "/srv", "pool": "fast", "source": "vol" },
                    "host": { "type": "disk", "path": "/mnt", "source": "tank" },
                    "eth0": { "type": "nic", "network": "wan", "name": "lan" },
                },
                "expanded_devices": { "eth1": { "type": "nic", "network": "wan" } },
            })
        );
    }

    #[rstest]
    #[case::on_a_lost_network(json!({ "type": "nic", "network": "dmz" }), None)]
    #[case::of_a_lost_volume(
        json!({ "type": "disk", "path": "/x", "pool": "old", "source": "vol" }),
        None
    )]
    #[case::root(
        json!({ "type": "disk", "path": "/", "pool": "old" }),
        Some(json!({ "type": "disk", "path": "/", "pool": "new" }))
    )]
    #[case::other(
        json!({ "type": "gpu", "network": "dmz" }),
        Some(json!({ "type": "gpu", "network": "dmz" }))
    )]
    fn devices_of_what_is_lost_are_taken_out(
        #[case] device: serde_json::Value,
        #[case] left: Option<serde_json::Value>,
    ) {
        let mut references = References {
            pools: names(&[("old", "new")]),
            lost_networks: set_of(&["dmz"]),
            lost_volumes: set_of(&["new/vol"]),
            ..References::default()
        };
        let mut it = json!({ "devices": { "x": device } });
        let mut masked = it.clone();
        references.rewrite_json(&mut it).unwrap();
        assert_eq!(it["devices"].get("x").cloned(), left);
        // A profile's device of the name must not take its place.
        references.of_profiles = set_of(&["x"]);
        references.rewrite_json(&mut masked).unwrap();
        let none = left.unwrap_or(json!({ "type": "none" }));
        assert_eq!(masked["devices"]["x"], none);
    }

    #[test]
    fn what_profiles_give_changes_nothing_by_itself() {
        let mut references = References {
            of_profiles: set_of(&["eth0"]),
            ..References::default()
        };
        assert!(references.is_empty());
        references.lost_networks = set_of(&["lan"]);
        assert!(!references.is_empty());
    }
}
