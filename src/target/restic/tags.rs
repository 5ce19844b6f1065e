//! Names and tags of snapshots: what tells people, and this program, what a snapshot is.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::model::{
    Kind, PoolName, ProjectName, ResourceId, ResourceName, SourceName, Version, decode_component,
    encode_component,
};
use crate::target::{InvalidManifest, Manifest, StoredId};

/// The schema that this program writes. The earlier tool's is `v1`.
pub(super) const SCHEMA: &str = "v2";
/// How long a tag may be: what is longer does not fit into a command line.
const LONGEST: usize = 100_000;
/// How large a manifest may be.
const LARGEST: usize = 16 * 1024 * 1024;

/// Which part of a version a snapshot is.
pub(super) const DATA: &str = "data";
/// What describes it, written last.
pub(super) const MANIFEST: &str = "manifest";
/// Which server a source is.
pub(super) const SOURCE: &str = "source";
/// What a command did.
pub(super) const RUN: &str = "run";

/// The tags of a snapshot of this program, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of a part of a version.
    pub(super) fn of_part(id: &StoredId, part: &str) -> Self {
        let resource = &id.resource;
        let mut tags = Self::of_source(&id.source, &resource.kind().to_string(), part);
        let names = [
            ("project", resource.project().map(ProjectName::as_str)),
            ("pool", resource.pool().map(PoolName::as_str)),
            ("name", resource.name().map(ResourceName::as_str)),
        ];
        for (key, name) in names {
            if let Some(name) = name {
                tags.set(key, name);
            }
        }
        tags.set("timestamp", &id.version.to_string());
        tags
    }

    /// The tags of something that is no part of a version.
    pub(super) fn of_source(source: &SourceName, kind: &str, part: &str) -> Self {
        let mut tags = Self::default();
        tags.set("type", kind);
        tags.set("schema", SCHEMA);
        tags.set("source", source.as_str());
        tags.set("part", part);
        tags
    }

    /// Adds one.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// The value of one.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Reads those of a snapshot; nothing where it is not of this program.
    pub(super) fn read(tags: &[String]) -> Option<Self> {
        let schema = format!("schema={SCHEMA}");
        if !tags.contains(&schema) {
            return None;
        }
        let mut read = Self::default();
        for tag in tags {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            // What is not written so by this program is somebody else's tag.
            if let Ok(value) = decode_component(if value.is_empty() { "%" } else { value }) {
                read.0.insert(key.to_owned(), value);
            }
        }
        Some(read)
    }

    /// The version that a part is of.
    pub(super) fn id(&self) -> Option<StoredId> {
        let kind: Kind = self.get("type")?.parse().ok()?;
        let project = || self.get("project")?.parse().ok();
        let name = || self.get("name")?.parse().ok();
        let resource = match kind {
            Kind::Config => ResourceId::config(),
            Kind::Instance => ResourceId::stored_instance(project()?, name()?),
            Kind::Image => ResourceId::image(project()?, name()?),
            Kind::Volume | Kind::Bucket => {
                ResourceId::in_pool(kind, project()?, self.get("pool")?.parse().ok()?, name()?)
            }
        };
        Some(StoredId {
            source: self.get("source")?.parse().ok()?,
            resource,
            version: self.get("timestamp")?.parse::<Version>().ok()?,
        })
    }

    /// The tags as arguments of `restic backup`, in the order in which people look for them.
    pub(super) fn arguments(&self) -> Vec<String> {
        let first = [
            "type",
            "source",
            "project",
            "pool",
            "name",
            "timestamp",
            "part",
        ];
        let of = |(key, value): (&str, &str)| format!("--tag={}", tag(key, value));
        let head = first.iter().filter_map(|key| Some((*key, self.get(key)?)));
        let rest = self
            .0
            .iter()
            .filter(|(key, _)| !first.contains(&key.as_str()));
        let rest = rest.map(|(key, value)| (key.as_str(), value.as_str()));
        head.chain(rest).map(of).collect()
    }
}

/// A tag: no comma, which would make two of it, and nothing that a shell takes amiss.
pub(super) fn tag(key: &str, value: &str) -> String {
    format!("{key}={}", encode_component(value))
}

/// What the files of a resource are called: `instance_PROJECT_NAME`. Each part is percent-encoded,
/// and the underscores in it too, so that no two resources have one name.
pub(super) fn stem(resource: &ResourceId) -> String {
    let names = [
        resource.project().map(ProjectName::as_str),
        resource.pool().map(PoolName::as_str),
        resource.name().map(ResourceName::as_str),
    ];
    let mut stem = resource.kind().to_string();
    for name in names.into_iter().flatten() {
        stem.push('_');
        stem.push_str(&encode_component(name).replace('_', "%5F"));
    }
    stem
}

/// What a file of data is called in a snapshot: `export.tar` is `instance_PROJECT_NAME.tar`, and
/// `rootfs.squashfs` is `image_PROJECT_FINGERPRINT.rootfs.squashfs`.
pub(super) fn data_name(resource: &ResourceId, file: &str) -> String {
    let rest = ["export.", "volume.", "bucket."]
        .iter()
        .find_map(|main| file.strip_prefix(main))
        .unwrap_or(file);
    format!("{}.{rest}", stem(resource))
}

/// What the file of everything that describes a version is called.
pub(super) fn manifest_name(resource: &ResourceId) -> String {
    format!("{}.manifest.tar", stem(resource))
}

/// Packs a manifest into the value of a tag; nothing where it is too large for one.
pub(super) fn pack(manifest: &Manifest) -> Option<String> {
    pack_text(&serde_json::to_vec(manifest).ok()?)
}

/// Packs a text into the value of a tag; nothing where it is too large for one.
pub(super) fn pack_text(text: &[u8]) -> Option<String> {
    let packed = BASE64.encode(zstd::bulk::compress(text, 19).ok()?);
    (packed.len() < LONGEST).then_some(packed)
}

/// Reads a manifest back from the value of a tag.
pub(super) fn unpack(value: &str) -> Result<Manifest, InvalidManifest> {
    let broken = |why: &str| InvalidManifest::Beside(format!("its tag cannot be read: {why}"));
    Manifest::parse(&unpack_text(value).map_err(broken)?)
}

/// Reads a text back from the value of a tag, or says what that is not.
pub(super) fn unpack_text(value: &str) -> Result<Vec<u8>, &'static str> {
    let packed = BASE64.decode(value).map_err(|_| "it is not base64")?;
    // A buffer of the largest size for each of thousands is what a listing would be busy with.
    let said = zstd::zstd_safe::get_frame_content_size(&packed)
        .ok()
        .flatten();
    let size = said.and_then(|size| usize::try_from(size).ok());
    let room = size.unwrap_or(LARGEST).min(LARGEST);
    zstd::bulk::decompress(&packed, room).map_err(|_| "it is not zstd")
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::target::manifest::tests::EXAMPLE;
    use crate::testing::mutation::{Change, mutated_text};

    fn volume(project: &str, pool: &str, name: &str) -> ResourceId {
        let (project, pool) = (project.parse().unwrap(), pool.parse().unwrap());
        ResourceId::in_pool(Kind::Volume, project, pool, name.parse().unwrap())
    }

    #[test]
    fn files_are_called_after_what_they_are_of() {
        let web =
            ResourceId::stored_instance(ProjectName::default_project(), "web".parse().unwrap());
        assert_eq!(data_name(&web, "export.tar"), "instance_default_web.tar");
        assert_eq!(manifest_name(&web), "instance_default_web.manifest.tar");
        let data = volume("a b", "tank", "d_1");
        assert_eq!(
            data_name(&data, "volume.iso"),
            "volume_a%20b_tank_d%5F1.iso"
        );
        let image = ResourceId::image(ProjectName::default_project(), "abc".parse().unwrap());
        let name = data_name(&image, "rootfs.squashfs");
        assert_eq!(name, "image_default_abc.rootfs.squashfs");
        assert_eq!(manifest_name(&ResourceId::config()), "config.manifest.tar");
    }

    #[rstest]
    #[case("default", "tank", "data")]
    #[case("a,b", ".pool", "ünï=文")]
    #[case("%41", "a b", "$(id)")]
    fn what_a_part_is_of_comes_back(#[case] project: &str, #[case] pool: &str, #[case] name: &str) {
        let id = StoredId {
            source: "pröd,1".parse().unwrap(),
            resource: volume(project, pool, name),
            version: "20260131T235959Z".parse().unwrap(),
        };
        let arguments = Tags::of_part(&id, DATA).arguments();
        let tags: Vec<String> = arguments
            .iter()
            .map(|it| it.strip_prefix("--tag=").unwrap().to_owned())
            .collect();
        assert!(tags.iter().all(|tag| !tag.contains(',')), "{tags:?}");
        assert_eq!(tags[0], "type=volume");
        let read = Tags::read(&tags).unwrap();
        assert_eq!(read.id(), Some(id));
        assert_eq!(read.get("part"), Some("data"));
    }

    #[test]
    fn what_is_not_of_this_program_is_passed_over() {
        assert_eq!(Tags::read(&["schema=v1".to_owned()]), None);
        assert_eq!(Tags::read(&[]), None);
        let tags = ["schema=v2", "type=instance", "name=web"].map(str::to_owned);
        assert_eq!(Tags::read(&tags).unwrap().id(), None);
    }

    #[test]
    fn a_manifest_fits_into_a_tag() {
        let manifest = Manifest::parse(EXAMPLE.as_bytes()).unwrap();
        let packed = pack(&manifest).unwrap();
        assert!(packed.len() < 1000, "{}", packed.len());
        assert_eq!(unpack(&packed).unwrap(), manifest);
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
        assert!(unpack("!").is_err());
    }

    proptest! {
        #[test]
        fn a_packed_manifest_that_was_tampered_with_is_refused_or_is_one(
            changes in vec(any::<Change>(), 0..4),
        ) {
            let packed = pack(&Manifest::parse(EXAMPLE.as_bytes()).unwrap()).unwrap();
            match unpack(&mutated_text(&packed, &changes)) {
                Ok(manifest) => prop_assert_eq!(manifest.format, Manifest::FORMAT),
                Err(error) => prop_assert!(error.to_string().len() < 500),
            }
        }
    }

    /// A tag of a few bytes stands for no more than a manifest may have.
    #[test]
    fn a_packed_manifest_that_unfolds_is_refused() {
        let bomb = zstd::bulk::compress(&vec![b' '; LARGEST + 1], 19).unwrap();
        assert!(bomb.len() < 10_000, "{}", bomb.len());
        assert!(unpack(&BASE64.encode(bomb)).is_err());
    }
}
