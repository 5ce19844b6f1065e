//! `backup/index.yaml`: what an archive is and what it promises.

use jiff::Timestamp;
use serde_yaml::Value;

use super::ArchiveError;
use crate::model::SnapshotName;
use crate::yaml::{self, Aliases};

/// The name of the member.
pub(super) const INDEX: &str = "backup/index.yaml";
/// How large a document may be: servers from 7.0 on refuse larger ones.
pub(super) const LIMIT: u64 = 1024 * 1024;

/// What an archive is an export of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// A container.
    Container,
    /// A virtual machine.
    VirtualMachine,
    /// A custom volume that holds files.
    Filesystem,
    /// A custom volume that is a disk.
    Block,
    /// A bucket.
    Bucket,
}

impl ContentType {
    /// What it is by the `type` of an index; of a custom volume its `content_type` tells more.
    fn read(document: &Value) -> Option<Self> {
        match document.get("type").and_then(Value::as_str) {
            // Very old exports do not say what they are: they are containers.
            None | Some("container") => Some(Self::Container),
            Some("virtual-machine") => Some(Self::VirtualMachine),
            Some("bucket") => Some(Self::Bucket),
            Some("custom") => {
                let volume = document.get("config")?.get("volume")?;
                match volume.get("content_type").and_then(Value::as_str) {
                    None | Some("" | "filesystem") => Some(Self::Filesystem),
                    Some("block") => Some(Self::Block),
                    Some(_) => None,
                }
            }
            Some(_) => None,
        }
    }

    /// The copy of the index's `config` that the archive of an instance has inside its volume.
    pub(super) fn repeated(self) -> Option<&'static str> {
        match self {
            Self::Container => Some("backup/container/backup.yaml"),
            Self::VirtualMachine => Some("backup/virtual-machine/backup.yaml"),
            Self::Filesystem | Self::Block | Self::Bucket => None,
        }
    }
}

/// What the index says.
#[derive(Debug, Clone)]
pub struct Index {
    /// The name of what was exported.
    pub name: String,
    /// The pool that it was in.
    pub pool: String,
    /// That pool's driver.
    pub backend: String,
    /// The snapshots in the archive, oldest first.
    pub snapshots: Vec<String>,
    /// In the storage driver's own format.
    pub optimized: bool,
    /// What it is.
    pub content: ContentType,
    /// The whole document.
    pub document: Value,
}

/// What the instance of an archive refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Profiles, by name.
    pub profiles: Vec<String>,
    /// Networks that its own devices use.
    pub networks: Vec<String>,
    /// Custom volumes that its own devices mount, as `POOL/NAME`.
    pub volumes: Vec<String>,
}

fn key(key: &'static str) -> ArchiveError {
    ArchiveError::Key { name: INDEX, key }
}

/// A name that can stand in a path.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

impl Index {
    /// Reads the index of an archive.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let document: Value = yaml::parse(bytes, Aliases::Refused)
            .map_err(|cause| ArchiveError::Document { name: INDEX, cause })?;
        let text = |name: &'static str| -> Result<String, ArchiveError> {
            let text = document
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| key(name))?;
            Ok(text.to_owned())
        };
        let flag = |name: &str| document.get(name).and_then(Value::as_bool).unwrap_or(false);
        let name = text("name")?;
        if !is_plain(&name) {
            return Err(key("name"));
        }
        let content = ContentType::read(&document).ok_or_else(|| key("type"))?;
        let mut snapshots = Vec::new();
        for snapshot in document
            .get("snapshots")
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
        {
            let name = snapshot.as_str().ok_or_else(|| key("snapshots"))?;
            let name = name.rsplit('/').next().unwrap_or(name);
            if !is_plain(name) {
                return Err(key("snapshots"));
            }
            snapshots.push(name.to_owned());
        }
        if !document.get("config").is_some_and(Value::is_mapping) {
            return Err(key("config"));
        }
        Ok(Self {
            name,
            pool: text("pool")?,
            backend: text("backend")?,
            snapshots,
            optimized: flag("optimized"),
            content,
            document,
        })
    }

    /// What `backup.yaml` repeats: the instance, its snapshots, pool, profiles and volume.
    pub(super) fn config(&self) -> &Value {
        self.document.get("config").unwrap_or(&Value::Null)
    }

    /// When the snapshots expire that do.
    pub fn snapshot_expiries(&self) -> Vec<(SnapshotName, Timestamp)> {
        let snapshots = self.config().get("snapshots").and_then(Value::as_sequence);
        let expiry = |snapshot: &Value| {
            let name = snapshot.get("name")?.as_str()?;
            let expires_at: Timestamp = snapshot.get("expires_at")?.as_str()?.parse().ok()?;
            // Go's zero time, `0001-01-01T00:00:00Z`, means never.
            let never = expires_at.as_second() <= 0;
            let name = name.rsplit('/').next()?.parse().ok()?;
            (!never).then_some((name, expires_at))
        };
        snapshots.into_iter().flatten().filter_map(expiry).collect()
    }

    /// What the instance refers to.
    pub fn needs(&self) -> Needs {
        self.config()
            .get("container")
            .map(Needs::of_document)
            .unwrap_or_default()
    }
}

impl Needs {
    /// What an instance refers to, as the API gives it.
    pub fn of_instance(instance: &serde_json::Value) -> Self {
        serde_yaml::to_value(instance)
            .map(|value| Self::of_document(&value))
            .unwrap_or_default()
    }

    /// Devices that come from profiles are the profiles' matter.
    fn of_document(instance: &Value) -> Self {
        let profiles = instance.get("profiles").and_then(Value::as_sequence);
        let names = profiles.into_iter().flatten();
        let mut needs = Self {
            profiles: names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            ..Self::default()
        };
        let devices = instance.get("devices").and_then(Value::as_mapping);
        for device in devices.into_iter().flatten().map(|(_, device)| device) {
            let text = |key: &str| device.get(key).and_then(Value::as_str);
            match text("type") {
                Some("nic") => needs.networks.extend(text("network").map(str::to_owned)),
                Some("disk") if text("path") != Some("/") => {
                    if let (Some(pool), Some(source)) = (text("pool"), text("source")) {
                        // A source may lead to a folder inside the volume.
                        let volume = source.split('/').next().unwrap_or(source);
                        needs.volumes.push(format!("{pool}/{volume}"));
                    }
                }
                _ => {}
            }
        }
        needs.networks.sort();
        needs.networks.dedup();
        needs.volumes.sort();
        needs.volumes.dedup();
        needs
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::mutation::{Change, mutated};
    use crate::testing::tarball::Tarball;
    use crate::testing::volume_tar::VolumeTar;

    proptest! {
        /// What names members of the archive and files on a server can stand in a path.
        #[test]
        fn an_index_that_was_tampered_with_is_refused_or_names_what_it_may(
            volume in any::<bool>(),
            changes in vec(any::<Change>(), 0..5),
        ) {
            let good = if volume {
                let snapshot = serde_json::json!({ "name": "s0" });
                VolumeTar::filesystem("data").snapshot(&snapshot).index()
            } else {
                Tarball::container("web").snapshot("s0").index()
            };
            let begun = std::time::Instant::now();
            match Index::parse(&mutated(good.as_bytes(), &changes)) {
                Ok(index) => {
                    prop_assert!(is_plain(&index.name));
                    prop_assert!(index.snapshots.iter().all(|name| is_plain(name)));
                    let _ = (index.needs(), index.snapshot_expiries());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
            prop_assert!(begun.elapsed().as_secs() < 20);
        }
    }
}
