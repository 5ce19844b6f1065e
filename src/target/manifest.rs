//! The manifest: what a version is, written last.
//!
//! Format 2; format 1 is that of an earlier tool and has no number. A reader ignores keys that it
//! does not know, and refuses numbers that it does not know.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::encryption::{self, ENDING};
use crate::model::{
    Bytes, Consistency, InstanceType, Kind, Method, PoolName, ProjectName, ResourceId,
    ResourceName, Sha256, SourceName, Version, VolumeContent,
};

/// How large a manifest may be.
pub(super) const LIMIT: u64 = 16 * 1024 * 1024;

/// A text that is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is not JSON of the right shape.
    #[error("it is not a manifest")]
    Shape(#[from] serde_json::Error),
    /// It is of a later program.
    #[error("it has format {0}; a newer version of this program is needed")]
    Format(u64),
    /// It is larger than any manifest.
    #[error("it is larger than {}", Bytes(LIMIT))]
    Size,
    /// What must stand beside it does not.
    #[error("{0}")]
    Beside(String),
    /// It stands in another place than its own.
    #[error("it belongs to {0}")]
    Misplaced(String),
}

/// What a version is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the format.
    pub format: u64,
    /// What kind of thing it is a backup of.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The server that it is a backup of.
    pub source: SourceName,
    /// The server's version.
    pub server_version: String,
    /// The project, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The storage pool, for volumes and buckets.
    #[serde(default)]
    pub pool: Option<PoolName>,
    /// The name.
    pub name: Option<ResourceName>,
    /// The version.
    pub version: Version,
    /// When it was complete.
    pub created_at: Timestamp,
    /// The run that made it.
    pub run: String,
    /// How consistent it is.
    pub consistency: Consistency,
    /// What gives it that consistency.
    pub method: Method,
    /// What was asked for.
    pub options: ManifestOptions,
    /// How the files beside it are encrypted; nothing means not.
    #[serde(default)]
    pub encryption: Option<String>,
    /// Its archive.
    pub archive: Option<ArchiveFacts>,
    /// What an instance was like.
    #[serde(default)]
    pub instance: Option<InstanceFacts>,
    /// What a custom volume was like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeFacts>,
    /// The moment that it shares with other versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<Moment>,
    /// What a bucket was like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketFacts>,
    /// What an image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// What a configuration consists of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigFacts>,
    /// The resource's own `user.backup.retention` at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// What a restore needs to find on the server.
    #[serde(default)]
    pub requires: Requires,
}

/// What a configuration consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFacts {
    /// Its files, in the order in which a server is given them back.
    pub files: Vec<ConfigFile>,
    /// The kinds of objects that the server did not give: of them nothing is known.
    #[serde(default)]
    pub unreadable: Vec<UnreadableKind>,
}

/// A file of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// The kind of the objects in it; one that this program does not know is passed over.
    pub kind: String,
    /// Its name.
    pub file: String,
    /// How many objects it holds.
    pub objects: u64,
    /// Its size.
    pub size: Bytes,
    /// Its checksum.
    pub sha256: Sha256,
}

/// A kind of objects that a server did not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableKind {
    /// The kind.
    pub kind: String,
    /// Why, in the server's words.
    pub reason: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestOptions {
    /// Without snapshots.
    pub instance_only: bool,
    /// In the storage driver's own format, as far as it has one.
    pub optimized: bool,
}

/// An archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFacts {
    /// The name of its file.
    pub file: String,
    /// How it is compressed: `zstd`, `gzip` or `none`; what the earlier tool left, in other ways too.
    pub compression: String,
    /// How it is encrypted; nothing means not.
    #[serde(default)]
    pub encryption: Option<String>,
    /// The size of the tar; 0 where it was not measured.
    pub size: Bytes,
    /// The size of the file.
    pub stored_size: Bytes,
    /// The checksum of the file.
    pub sha256: Sha256,
    /// How many members the tar has; 0 where nobody counted.
    pub members: u64,
}

impl ArchiveFacts {
    /// Whether the size of the tar is known. The earlier tool did not record it.
    pub fn is_measured(&self) -> bool {
        self.size.0 > 0
    }
}

/// What an instance was like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// The cluster member that it was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Container or virtual machine.
    #[serde(rename = "type")]
    pub instance_type: InstanceType,
    /// Its architecture.
    pub architecture: String,
    /// Its status when the backup began.
    pub status: String,
    /// The pool that its root disk was in.
    pub pool: Option<PoolName>,
    /// That pool's driver.
    pub driver: Option<String>,
    /// The snapshots in the archive, oldest first.
    pub snapshots: Vec<String>,
    /// The snapshots that it had and the archive lacks.
    #[serde(default)]
    pub missing_snapshots: Vec<String>,
    /// The commands that were run inside it around the moment that the backup is from.
    #[serde(default)]
    pub hooks: HookFacts,
}

/// Which commands were run inside an instance; not their text, which may hold a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookFacts {
    /// `user.backup.pre`, where it was run.
    pub pre: Option<HookRun>,
    /// `user.backup.post`, where it was run.
    pub post: Option<HookRun>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// Its exit status; nothing where it was not run to its end.
    pub status: Option<i64>,
    /// How long it took.
    pub duration_ms: u64,
}

/// What a bucket was like. Its secrets are in its record and its archive only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketFacts {
    /// The driver of its pool.
    pub driver: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// The cluster member that it is on, where it is on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// How much it may hold, where that is limited.
    #[serde(default)]
    pub size_limit: Option<String>,
    /// Its keys.
    pub keys: Vec<StoredKey>,
}

/// A key of a bucket, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Its name.
    pub name: String,
    /// What it may do: `admin` or `read-only`.
    pub role: String,
}

/// What an image is. Of a split image [`Manifest::archive`] is the root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Of a container or of a virtual machine.
    #[serde(rename = "type")]
    pub image_type: InstanceType,
    /// Its architecture.
    pub architecture: String,
    /// What it says it is.
    #[serde(default)]
    pub description: Option<String>,
    /// What it was also called.
    pub aliases: Vec<String>,
    /// The SHA-256 of its files, one after the other: its fingerprint, but for OCI images.
    pub content: Sha256,
    /// When it came to the server, in the server's words.
    #[serde(default)]
    pub uploaded_at: String,
    /// The metadata of a split image.
    #[serde(default)]
    pub metadata: Option<ArchiveFacts>,
}

/// What a custom volume was like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFacts {
    /// What it holds.
    pub content_type: VolumeContent,
    /// The driver of its pool.
    pub driver: String,
    /// The cluster member that it was on, where it was on a single one.
    #[serde(default)]
    pub location: Option<String>,
    /// The instances that ran and mounted it when the backup began, as `PROJECT/NAME`.
    #[serde(default)]
    pub used_by: Vec<String>,
    /// The snapshots in the archive, oldest first.
    pub snapshots: Vec<String>,
    /// The snapshots that it had and the archive lacks.
    #[serde(default)]
    pub missing_snapshots: Vec<String>,
}

/// A moment that an instance and its volumes share: all of them were cut while it stood still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What names it, in every manifest of those that share it.
    pub id: String,
    /// When it was.
    pub at: Timestamp,
    /// What shares it, as the places in a target: `instances/PROJECT/NAME`.
    pub members: Vec<String>,
}

/// What a restore needs to find on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requires {
    /// Profiles, by name.
    pub profiles: Vec<String>,
    /// Networks, by name.
    pub networks: Vec<String>,
    /// Storage pools, by name.
    pub pools: Vec<String>,
    /// Custom volumes, as `POOL/NAME`.
    pub volumes: Vec<String>,
    /// Images, by fingerprint.
    pub images: Vec<String>,
}

impl Manifest {
    /// What stands for the format of the earlier tool, which has no number.
    pub const LEGACY: u64 = 1;

    /// The format that this program writes.
    pub const FORMAT: u64 = 2;

    /// Reads a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidManifest> {
        #[derive(Deserialize)]
        struct Numbered {
            format: u64,
        }
        if bytes.len() as u64 > LIMIT {
            return Err(InvalidManifest::Size);
        }
        let Numbered { format } = serde_json::from_slice(bytes)?;
        if format != Self::FORMAT {
            return Err(InvalidManifest::Format(format));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Fails unless it is of this version.
    pub(super) fn belongs_to(
        &self,
        resource: &ResourceId,
        version: Version,
    ) -> Result<(), InvalidManifest> {
        let own = self.kind == resource.kind()
            && self.project.as_ref() == resource.project()
            && self.pool.as_ref() == resource.pool()
            && self.name.as_ref() == resource.name()
            && self.version == version;
        if own {
            return Ok(());
        }
        let name = self.name.as_ref().map(ToString::to_string);
        let name = name.unwrap_or_default();
        let text = format!("version {} of `{name}`", self.version);
        Err(InvalidManifest::Misplaced(text))
    }

    /// Whether it is of a backup that the earlier tool made.
    pub fn is_legacy(&self) -> bool {
        self.format == Self::LEGACY
    }

    /// The files that hold data, in the order in which they belong together.
    pub fn data_files(&self) -> impl Iterator<Item = &ArchiveFacts> {
        let metadata = self
            .image
            .as_ref()
            .and_then(|image| image.metadata.as_ref());
        metadata.into_iter().chain(&self.archive)
    }

    /// Whether the files beside it are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encryption.is_some()
    }

    /// What a file of this version is called where it is kept.
    pub fn stored_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let is_open = matches!(name, "manifest.json" | "checksums.txt") || name.ends_with(ENDING);
        if is_open || !self.is_encrypted() {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(format!("{name}{ENDING}"))
        }
    }

    /// The file that describes what it is of; a configuration has none.
    pub fn record(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Instance => Some("instance.json"),
            Kind::Volume => Some("volume.json"),
            Kind::Bucket => Some("bucket.json"),
            Kind::Image => Some("image.json"),
            Kind::Config => None,
        }
    }

    /// Says of the files that are kept encrypted that they are.
    pub(super) fn encrypt(&mut self, kept: &BTreeMap<String, Sha256>) {
        let kept_as = |file: &str| {
            let name = format!("{file}{ENDING}");
            kept.contains_key(&name).then_some(name)
        };
        let metadata = self.image.as_mut().and_then(|it| it.metadata.as_mut());
        for archive in metadata.into_iter().chain(&mut self.archive) {
            if let Some(name) = kept_as(&archive.file) {
                archive.file = name;
                archive.encryption = Some(encryption::NAME.to_owned());
            }
        }
        for part in self.config.iter_mut().flat_map(|it| &mut it.files) {
            if let Some(name) = kept_as(&part.file) {
                part.file = name;
            }
        }
        self.encryption = Some(encryption::NAME.to_owned());
    }

    /// Says of its files that they are not encrypted, as they are where they are stored anew.
    pub fn decrypt(&mut self) {
        let metadata = self.image.as_mut().and_then(|it| it.metadata.as_mut());
        for archive in metadata.into_iter().chain(&mut self.archive) {
            archive.encryption = None;
            strip(&mut archive.file);
        }
        for part in self.config.iter_mut().flat_map(|it| &mut it.files) {
            strip(&mut part.file);
        }
        self.encryption = None;
    }

    /// Writes a manifest.
    pub fn render(&self) -> Result<Vec<u8>, InvalidManifest> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Takes from a name what says that its file is encrypted.
fn strip(name: &mut String) {
    if let Some(plain) = name.strip_suffix(ENDING) {
        name.truncate(plain.len());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing::mutation::{Change, mutated};

    pub(crate) const EXAMPLE: &str = r#"{
  "format": 2, "type": "instance", "source": "prod", "server_version": "6.0.4",
  "project": "default", "pool": null, "name": "web", "version": "20260131T235959Z",
  "created_at": "2026-02-01T00:00:09Z", "run": "20260131T235958Z-00c0ffee",
  "consistency": "crash-consistent", "method": "paused-copy",
  "options": { "instance_only": false, "optimized": false, "new": 1 },
  "archive": { "file": "export.tar.zst", "compression": "zstd", "size": 10, "stored_size": 5,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "members": 3 },
  "instance": { "type": "container", "architecture": "x86_64", "status": "Running",
    "pool": "default", "driver": "dir", "snapshots": ["s0"] },
  "requires": { "profiles": ["default"] }, "unknown": true }"#;

    #[test]
    fn a_manifest_survives_and_unknown_keys_do_not_matter() {
        let manifest = Manifest::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(manifest.requires.profiles, ["default"]);
        assert_eq!(manifest.archive.as_ref().unwrap().stored_size, Bytes(5));
        assert_eq!(
            Manifest::parse(&manifest.render().unwrap()).unwrap(),
            manifest
        );
    }

    #[test]
    fn a_manifest_says_which_of_its_files_are_kept_encrypted() {
        let plain = Manifest::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(plain.stored_name("instance.json"), "instance.json");
        let kept = ["export.tar.zst.age", "instance.json.age"];
        let kept = kept.map(|name| (name.to_owned(), Sha256::of(b"")));
        let mut manifest = plain.clone();
        manifest.encrypt(&kept.into());
        let archive = manifest.archive.as_ref().unwrap();
        assert_eq!(archive.file, "export.tar.zst.age");
        assert_eq!(archive.encryption.as_deref(), Some("age"));
        assert_eq!(manifest.stored_name("instance.json"), "instance.json.age");
        for open in ["manifest.json", "checksums.txt", "export.tar.zst.age"] {
            assert_eq!(manifest.stored_name(open), open);
        }
        let read = Manifest::parse(&manifest.render().unwrap()).unwrap();
        assert!(read.is_encrypted() && read == manifest);
        manifest.decrypt();
        assert_eq!(manifest, plain);
    }

    #[test]
    fn a_later_format_says_what_is_needed() {
        let text = EXAMPLE.replace("\"format\": 2", "\"format\": 3");
        let error = Manifest::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has format 3; a newer version of this program is needed"
        );
    }

    #[rstest]
    #[case("\"name\": \"web\"", "\"name\": \"../../etc\"")]
    #[case("\"project\": \"default\"", "\"project\": \"../../etc\"")]
    fn a_name_that_leads_elsewhere_is_not_a_manifest(#[case] from: &str, #[case] to: &str) {
        let text = EXAMPLE.replace(from, to);
        assert_ne!(text, EXAMPLE);
        assert!(matches!(
            Manifest::parse(text.as_bytes()),
            Err(InvalidManifest::Shape(_))
        ));
    }

    proptest! {
        /// Nothing of a manifest leads out of the place that it is found in, and what is read once is
        /// read again.
        #[test]
        fn a_manifest_that_was_tampered_with_is_refused_or_names_what_it_may(
            changes in vec(any::<Change>(), 0..6),
        ) {
            let bytes = mutated(EXAMPLE.as_bytes(), &changes);
            if let Ok(manifest) = Manifest::parse(&bytes) {
                let names = [
                    manifest.project.as_ref().map(ProjectName::as_str),
                    manifest.pool.as_ref().map(PoolName::as_str),
                    manifest.name.as_ref().map(ResourceName::as_str),
                    Some(manifest.source.as_str()),
                ];
                for name in names.into_iter().flatten() {
                    prop_assert!(!name.contains('/') && name != ".." && name != ".", "{name:?}");
                    prop_assert!(!name.contains(char::is_control), "{name:?}");
                }
                let again = Manifest::parse(&manifest.render().unwrap()).unwrap();
                prop_assert_eq!(again, manifest);
            }
        }
    }

    #[test]
    fn a_manifest_that_nests_without_end_is_refused() {
        for open in ["[", "{\"a\":"] {
            let text = format!("{{\"format\": 2, \"unknown\": {}", open.repeat(2_000_000));
            let refused = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(refused.to_string().len() < 200, "{refused}");
        }
    }
}
