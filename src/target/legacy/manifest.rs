//! What the earlier tool wrote of a version, as a manifest of this program (pure).

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::{
    Bytes, Consistency, Kind, Method, ObjectKind, PoolName, ProjectName, ResourceName, Sha256,
};
use crate::target::{
    ArchiveFacts, ConfigFacts, ConfigFile, InvalidManifest, Manifest, ManifestOptions, Requires,
    StoredId,
};

/// `manifest.json` of the earlier tool; its `options` are texts.
#[derive(Debug, Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    project: Option<ProjectName>,
    #[serde(default)]
    pool: Option<PoolName>,
    #[serde(default)]
    name: Option<ResourceName>,
    #[serde(rename = "createdAt")]
    created_at: Timestamp,
    #[serde(default)]
    options: Option<Options>,
    /// What a configuration consists of.
    #[serde(default)]
    includes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    #[serde(default)]
    optimized: Option<String>,
}

/// What the place of a version tells besides its manifest.
#[derive(Debug, Clone)]
pub(in crate::target) struct Found<'a> {
    /// Where it stands.
    pub(in crate::target) id: &'a StoredId,
    /// Its data.
    pub(in crate::target) data: Data,
}

/// The data of a version.
#[derive(Debug, Clone)]
pub(in crate::target) enum Data {
    /// An archive.
    Archive {
        /// Its file.
        file: String,
        /// Its beginning; nothing of one that is known to be a plain tar.
        beginning: Vec<u8>,
        /// Its size.
        stored_size: Bytes,
        /// Its checksum.
        sha256: Sha256,
    },
    /// The files of a configuration.
    Config(Vec<ConfigFile>),
}

/// The kinds of objects of a configuration that it stored, in the order in which a server is given them
/// back, with its files.
pub(in crate::target) const CONFIG: [(ObjectKind, &str); 4] = [
    (ObjectKind::StoragePool, "storage_pools.json"),
    (ObjectKind::Project, "projects.json"),
    (ObjectKind::Network, "networks.json"),
    (ObjectKind::Profile, "profiles.json"),
];

/// The files that a configuration's manifest says it consists of. Older builds stored fewer kinds.
pub(in crate::target) fn includes(
    bytes: &[u8],
) -> Result<Vec<(ObjectKind, &'static str)>, InvalidManifest> {
    let written: Written = serde_json::from_slice(bytes)?;
    let named = |(_, file): &(ObjectKind, &str)| {
        let plain = file.trim_end_matches(".json");
        written.includes.iter().any(|name| name == plain)
    };
    Ok(CONFIG.into_iter().filter(named).collect())
}

/// What is known of a file of a configuration, which should have this checksum.
pub(in crate::target) fn config_file(
    kind: ObjectKind,
    file: &str,
    bytes: &[u8],
    sha256: Sha256,
) -> ConfigFile {
    let objects: Option<Vec<IgnoredAny>> = serde_json::from_slice(bytes).ok();
    ConfigFile {
        kind: kind.word().to_owned(),
        file: file.to_owned(),
        objects: objects.map_or(0, |objects| objects.len() as u64),
        size: Bytes(bytes.len() as u64),
        sha256,
    }
}

/// Makes a manifest of that.
///
/// `snapshot: true` among the options meant that a snapshot was made, and not that it is what was
/// exported: how consistent the archive is is not known, and the worst is assumed.
pub(in crate::target) fn convert(bytes: &[u8], found: Found) -> Result<Manifest, InvalidManifest> {
    let written: Written = serde_json::from_slice(bytes)?;
    let (archive, config) = match found.data {
        Data::Archive {
            file,
            beginning,
            stored_size,
            sha256,
        } => {
            let compression = compression(&beginning);
            let archive = ArchiveFacts {
                file,
                compression: compression.to_owned(),
                encryption: None,
                size: match compression {
                    "none" => stored_size,
                    _ => Bytes(0),
                },
                stored_size,
                sha256,
                members: 0,
            };
            if written.project.is_none() || written.name.is_none() {
                let text = "it names no project, or nothing in it".to_owned();
                return Err(InvalidManifest::Beside(text));
            }
            (Some(archive), None)
        }
        Data::Config(files) => {
            let unreadable = Vec::new();
            (None, Some(ConfigFacts { files, unreadable }))
        }
    };
    let optimized = written.options.unwrap_or_default().optimized.as_deref() == Some("true");
    Ok(Manifest {
        kind: written.kind,
        project: written.project,
        pool: written.pool,
        name: written.name,
        created_at: written.created_at,
        archive,
        config,
        ..unread(found.id, Optimized(optimized))
    })
}

/// Whether an archive was asked for in the storage driver's own format.
#[derive(Debug, Clone, Copy)]
pub(in crate::target) struct Optimized(pub(in crate::target) bool);

/// What is known of a version whose manifest is not read yet: its place says so.
pub(in crate::target) fn unread(id: &StoredId, optimized: Optimized) -> Manifest {
    let resource = &id.resource;
    Manifest {
        format: Manifest::LEGACY,
        kind: resource.kind(),
        source: id.source.clone(),
        server_version: String::new(),
        project: resource.project().cloned(),
        pool: resource.pool().cloned(),
        name: resource.name().cloned(),
        version: id.version,
        created_at: id.version.timestamp(),
        run: String::new(),
        consistency: Consistency::Inconsistent,
        method: Method::Live,
        options: ManifestOptions {
            instance_only: false,
            optimized: optimized.0,
        },
        encryption: None,
        archive: None,
        instance: None,
        volume: None,
        moment: None,
        bucket: None,
        image: None,
        config: None,
        retention: None,
        requires: Requires::default(),
    }
}

/// What an archive is compressed with, by its beginning and not by its name.
fn compression(beginning: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 6] = [
        (&[0x1f, 0x8b], "gzip"),
        (b"BZh", "bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (&[0x5d, 0, 0], "lzma"),
        (b"hsqs", "squashfs"),
    ];
    let known = KNOWN.iter().find(|(magic, _)| beginning.starts_with(magic));
    known.map_or("none", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::model::ResourceId;
    use crate::testing::mutation::{Change, mutated};

    const INSTANCE: &str = r#"{ "type": "instance", "project": "default", "name": "web1",
        "createdAt": "2025-09-14T12:13:14.123456789Z",
        "options": { "optimized": "false", "snapshot": "true" } }"#;

    fn found(beginning: &[u8]) -> Found<'static> {
        static ID: LazyLock<StoredId> = LazyLock::new(|| StoredId {
            source: "legacy".parse().unwrap(),
            resource: ResourceId::config(),
            version: "20250914T121314Z".parse().unwrap(),
        });
        Found {
            id: &ID,
            data: Data::Archive {
                file: "export.tar.xz".to_owned(),
                beginning: beginning.to_vec(),
                stored_size: Bytes(7),
                sha256: Sha256::of(b""),
            },
        }
    }

    #[test]
    fn an_instance_keeps_what_is_known_and_claims_no_more() {
        let manifest = convert(INSTANCE.as_bytes(), found(b"\x1f\x8b\x08\0\0\0")).unwrap();
        assert_eq!((manifest.format, manifest.kind), (1, Kind::Instance));
        assert_eq!(manifest.name.unwrap().as_str(), "web1");
        assert_eq!(manifest.version.to_string(), "20250914T121314Z");
        assert_eq!(
            manifest.created_at.to_string(),
            "2025-09-14T12:13:14.123456789Z"
        );
        // A snapshot beside it says nothing of what was exported.
        assert_eq!(manifest.consistency, Consistency::Inconsistent);
        assert_eq!(manifest.method, Method::Live);
        assert!(!manifest.options.optimized);
        let archive = manifest.archive.unwrap();
        assert!(!archive.is_measured());
        assert_eq!(
            (archive.compression.as_str(), archive.stored_size),
            ("gzip", Bytes(7))
        );
    }

    #[rstest]
    #[case(r#""options": {"optimized": "true"}"#, true)]
    #[case(r#""options": {}"#, false)]
    #[case(r#""options": null"#, false)]
    #[case(r#""unknown": 1"#, false)]
    fn a_volume_is_in_a_pool_and_options_may_be_missing(
        #[case] rest: &str,
        #[case] optimized: bool,
    ) {
        let text = format!(
            r#"{{"type":"volume","project":"p","pool":"tank","name":"data",
            "createdAt":"2025-09-14T12:13:14Z",{rest}}}"#
        );
        let manifest = convert(text.as_bytes(), found(b"backup")).unwrap();
        assert_eq!(manifest.kind, Kind::Volume);
        assert_eq!(manifest.pool.unwrap().as_str(), "tank");
        assert_eq!(manifest.options.optimized, optimized);
        assert_eq!(manifest.archive.unwrap().size, Bytes(7));
    }

    #[rstest]
    #[case(b"\x1f\x8b\x08", "gzip")]
    #[case(b"BZh91AY", "bzip2")]
    #[case(b"\xfd7zXZ\0", "xz")]
    #[case(b"\x28\xb5\x2f\xfd\0", "zstd")]
    #[case(b"\x5d\0\0\x80", "lzma")]
    #[case(b"hsqs", "squashfs")]
    #[case(b"backup/index.yaml", "none")]
    fn the_beginning_tells_the_compression(#[case] beginning: &[u8], #[case] name: &str) {
        assert_eq!(compression(beginning), name);
    }

    #[rstest]
    #[case(r#""name": "web1""#, r#""name": "../../etc""#)]
    #[case(r#""name": "web1","#, "")]
    #[case("2025-09-14T12:13:14.123456789Z", "yesterday")]
    #[case(r#""instance""#, r#""thing""#)]
    fn what_that_tool_did_not_write_is_no_manifest(#[case] part: &str, #[case] other: &str) {
        let text = INSTANCE.replace(part, other);
        assert_ne!(text, INSTANCE);
        assert!(matches!(
            convert(text.as_bytes(), found(b"")),
            Err(InvalidManifest::Shape(_) | InvalidManifest::Beside(_))
        ));
    }

    #[rstest]
    #[case(r#"["projects","profiles","networks","storage_pools"]"#, &["storage_pools.json", "projects.json", "networks.json", "profiles.json"])]
    #[case(r#"["projects"]"#, &["projects.json"])]
    #[case(r#"["../../etc/passwd"]"#, &[])]
    fn a_configuration_consists_of_what_it_includes(
        #[case] includes: &str,
        #[case] files: &[&str],
    ) {
        let text = format!(
            r#"{{"type":"config","createdAt":"2025-09-14T12:13:14Z","includes":{includes}}}"#
        );
        let found = super::includes(text.as_bytes()).unwrap();
        let named: Vec<&str> = found.into_iter().map(|(_, file)| file).collect();
        assert_eq!(named, files);
    }

    proptest! {
        #[test]
        fn a_manifest_that_was_tampered_with_is_refused_or_names_what_it_may(
            changes in vec(any::<Change>(), 0..5),
        ) {
            let bytes = mutated(INSTANCE.as_bytes(), &changes);
            if let Ok(manifest) = convert(&bytes, found(b"")) {
                let name = manifest.name.unwrap();
                prop_assert!(!name.as_str().contains('/') && name.as_str() != "..");
            }
        }
    }
}
