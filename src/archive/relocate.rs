//! What the archive of a volume or a bucket says of itself, changed (pure).

use serde_yaml::Value;

use super::ArchiveError;
use super::index::INDEX;
use super::rewrite::{Edit, last, set, take_over};
use crate::model::{PoolName, ResourceName};

/// Gives a custom volume or a bucket its name and place on a server.
#[derive(Debug, Clone, Default)]
pub struct Relocation {
    /// Its name; none for the one that it has.
    pub name: Option<ResourceName>,
    /// Its pool; none for the one that it has.
    pub pool: Option<PoolName>,
    /// The configuration keys that it loses.
    pub without: Vec<String>,
    /// The configuration keys that it gets.
    pub with: Vec<(String, String)>,
}

impl Edit for Relocation {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        if let Some(name) = &self.name {
            set(document, "name", name.as_str());
        }
        if let Some(pool) = &self.pool {
            set(document, "pool", pool.as_str());
        }
        Ok(())
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        for described in ["volume", "bucket"] {
            let Some(described) = config.get_mut(described) else {
                continue;
            };
            if let Some(name) = &self.name {
                set(described, "name", name.as_str());
            }
            let Some(keys) = described.get_mut("config").and_then(Value::as_mapping_mut) else {
                continue;
            };
            keys.retain(|key, _| {
                let gone = |text: &str| self.without.iter().any(|gone| gone == text);
                !key.as_str().is_some_and(gone)
            });
            for (key, value) in &self.with {
                keys.insert(key.as_str().into(), value.as_str().into());
            }
        }
        Ok(())
    }
}

/// Makes the archive of a temporary copy name and describe the volume that it is a copy of.
#[derive(Debug)]
pub struct OriginalVolume {
    /// The volume as the API gives it.
    pub volume: serde_json::Value,
    /// Its snapshots as the API gives them.
    pub snapshots: Vec<serde_json::Value>,
}

impl Edit for OriginalVolume {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        let name = self.volume["name"].as_str().unwrap_or_default();
        set(document, "name", name);
        Ok(())
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        let missing = ArchiveError::Key {
            name: INDEX,
            key: "volume",
        };
        let volume = config.get_mut("volume").ok_or(missing)?;
        take_over(volume, &self.volume)?;
        // An export names nobody who uses it.
        set(volume, "used_by", Vec::<Value>::new());
        let content = volume.get("content_type").cloned();
        let snapshots = config
            .get_mut("volume_snapshots")
            .and_then(Value::as_sequence_mut);
        for snapshot in snapshots.into_iter().flatten() {
            let own = snapshot.get("name").and_then(Value::as_str).map(last);
            let Some(own) = own.map(str::to_owned) else {
                continue;
            };
            let original = self
                .snapshots
                .iter()
                .find(|original| original["name"].as_str().map(last) == Some(&own));
            if let Some(original) = original {
                take_over(snapshot, original)?;
                set(snapshot, "name", own);
                // The API leaves it out of a snapshot, where an export has it (seen on 6.0.4).
                if let Some(content) = &content {
                    set(snapshot, "content_type", content.clone());
                }
            }
        }
        Ok(())
    }
}
