//! What the earlier tool stored in a repository, from one listing of its snapshots (pure).
//!
//! It made a snapshot of each file of a version, one after the other, with the tags `schema=v1 type
//! project pool name timestamp part`, whose values stand there as they are:
//!
//! ```text
//! /export.tar | /volume.tar                                part=data
//! /projects.json /profiles.json /networks.json /storage_pools.json    part=projects, …
//! /manifest.json                                           part=manifest
//! /checksums.txt                                           part=checksums, written last
//! ```
//!
//! # Design
//!
//! What its manifests say is not in the snapshots themselves, and reading one takes two starts of restic:
//! a listing gives what the tags tell, and whoever needs more opens the version.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::bundle::Files;
use super::snapshot::Snapshot;
use crate::model::{Bytes, Checks, Kind, ResourceId, SourceName, Version};
use crate::target::legacy::{CONFIG, Optimized, SOURCE, unread};
use crate::target::{State, Stored, StoredId};

/// The tag of everything that it stored.
const SCHEMA: &str = "schema=v1";
/// The tags that are names, in which it left commas: restic makes two tags of such a one.
const NAMES: [&str; 3] = ["project=", "pool=", "name="];

/// The parts of a version.
pub(super) const DATA: &str = "data";
/// What describes it.
pub(super) const MANIFEST: &str = "manifest";
/// The checksums of its files.
pub(super) const CHECKSUMS: &str = "checksums";

/// The versions of the earlier tool.
pub(super) type Versions = BTreeMap<StoredId, Set>;

/// A version.
#[derive(Debug, Default)]
pub(super) struct Set {
    parts: BTreeMap<String, Part>,
    optimized: bool,
    /// Its small files, once they are read.
    pub(super) read: OnceLock<Arc<Files>>,
}

/// A part of a version.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The snapshot that holds it.
    pub(super) snapshot: String,
    /// The path in it.
    pub(super) path: String,
    /// Its size, where restic says it.
    pub(super) size: Option<Bytes>,
    made_at: Timestamp,
}

/// Takes a snapshot for what it is of, if the earlier tool made it.
pub(super) fn add(versions: &mut Versions, snapshot: &Snapshot) {
    let Some((id, part)) = read(snapshot) else {
        return;
    };
    let set = versions.entry(id).or_default();
    set.optimized |= snapshot.tags.iter().any(|tag| tag == "optimized=true");
    let one = Part {
        snapshot: snapshot.id.clone(),
        path: snapshot.paths.first().cloned().unwrap_or_default(),
        size: snapshot
            .summary
            .as_ref()
            .map(|it| Bytes(it.total_bytes_processed)),
        made_at: snapshot.made_at(),
    };
    // Two runs of one second wrote the same version: the later one went over the earlier one.
    let later = |known: &Part| (known.made_at, &known.snapshot) < (one.made_at, &one.snapshot);
    if set.parts.get(&part).is_none_or(later) {
        set.parts.insert(part, one);
    }
}

/// Which version a snapshot is of, and which part of it.
fn read(snapshot: &Snapshot) -> Option<(StoredId, String)> {
    let tags = &snapshot.tags;
    if !tags.iter().any(|tag| tag == SCHEMA) {
        return None;
    }
    let kind: Kind = value(tags, "type=")?.parse().ok()?;
    let project = || value(tags, NAMES[0])?.parse().ok();
    let pool = || value(tags, NAMES[1])?.parse().ok();
    let name = || value(tags, NAMES[2])?.parse().ok();
    let resource = match kind {
        Kind::Config => ResourceId::config(),
        Kind::Instance => ResourceId::stored_instance(project()?, name()?),
        Kind::Volume => ResourceId::in_pool(kind, project()?, pool()?, name()?),
        // It stored none.
        Kind::Bucket | Kind::Image => return None,
    };
    let version = match value(tags, "timestamp=") {
        Some(version) => version.parse::<Version>().ok()?,
        None => Version::at(snapshot.time),
    };
    let source = SOURCE.parse().ok()?;
    let id = StoredId {
        source,
        resource,
        version,
    };
    Some((id, value(tags, "part=")?))
}

/// The value of a tag. What follows that of a name and has no key of its own is the rest of that name.
fn value(tags: &[String], key: &str) -> Option<String> {
    let mut tags = tags.iter();
    let mut value = tags.find_map(|tag| tag.strip_prefix(key))?.to_owned();
    if NAMES.contains(&key) {
        for rest in tags.take_while(|tag| !tag.contains('=')) {
            value.push(',');
            value.push_str(rest);
        }
    }
    Some(value)
}

impl Part {
    /// The name of its file.
    pub(super) fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a plain tar: the server was asked for one, but for the very first versions, which
    /// have another name.
    pub(super) fn is_plain(&self) -> bool {
        self.file() == "export.tar" || self.file() == "volume.tar"
    }
}

impl Set {
    /// One of its parts.
    pub(super) fn part(&self, part: &str) -> Option<&Part> {
        self.parts.get(part)
    }

    /// The part that holds a file of a configuration: it is called after it.
    pub(super) fn config_part(&self, file: &str) -> Option<&Part> {
        self.parts.get(file.trim_end_matches(".json"))
    }

    /// What is known of it without reading anything.
    pub(super) fn stored(&self, id: &StoredId) -> Stored {
        let is_there = |part: &str| self.parts.contains_key(part);
        let has_data = id.resource.kind() == Kind::Config || is_there(DATA);
        let state = if !is_there(CHECKSUMS) {
            State::Incomplete
        } else if is_there(MANIFEST) && has_data {
            State::Complete
        } else {
            State::Damaged
        };
        let files = CONFIG.iter().filter_map(|(_, file)| self.config_part(file));
        let stored_size: Bytes = match self.part(DATA) {
            Some(data) => data.size.unwrap_or_default(),
            None => Bytes(files.filter_map(|part| part.size).map(|it| it.0).sum()),
        };
        let is_measured = self.part(DATA).is_none_or(Part::is_plain);
        Stored {
            id: id.clone(),
            size: if is_measured { stored_size } else { Bytes(0) },
            stored_size,
            state,
            legacy: true,
            // Nothing of it is ever deleted here.
            protected: true,
            checks: Checks::default(),
            manifest: (state == State::Complete)
                .then(|| Box::new(unread(id, Optimized(self.optimized)))),
        }
    }
}

/// Whether a source is what all versions of the earlier tool are of.
pub(super) fn is_its(versions: &Versions, source: &SourceName) -> bool {
    !versions.is_empty() && source.as_str() == SOURCE
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn snapshot(id: &str, tags: &[&str], path: &str) -> Snapshot {
        let text = serde_json::json!({ "id": id, "time": "2025-09-14T12:13:14.5Z", "paths": [path],
            "tags": tags });
        serde_json::from_value(text).unwrap()
    }

    const WEB: [&str; 5] = [
        "type=instance",
        "schema=v1",
        "project=default",
        "name=web",
        "timestamp=20250914T121314Z",
    ];

    fn of(more: &[&str]) -> Snapshot {
        snapshot("aa", &[&WEB[..], more].concat(), "/export.tar")
    }

    #[test]
    fn the_parts_of_a_version_are_found_by_their_tags() {
        let mut versions = Versions::new();
        for part in ["part=data", "part=manifest"] {
            add(&mut versions, &of(&[part, "optimized=true"]));
        }
        let (id, set) = versions.first_key_value().unwrap();
        assert_eq!(id.version.to_string(), "20250914T121314Z");
        assert_eq!(set.part(DATA).unwrap().file(), "export.tar");
        assert_eq!(set.stored(id).state, State::Incomplete);
        add(&mut versions, &of(&["part=checksums"]));
        let (id, set) = versions.first_key_value().unwrap();
        let stored = set.stored(id);
        assert_eq!((versions.len(), stored.state), (1, State::Complete));
        let manifest = stored.manifest.unwrap();
        assert!(manifest.options.optimized && manifest.is_legacy());
        assert_eq!(manifest.archive, None, "nobody has read it");
    }

    #[test]
    fn of_two_that_wrote_the_same_second_the_later_one_counts() {
        let mut versions = Versions::new();
        let one = |id: &str, time: &str| {
            let mut one = of(&["part=data"]);
            (one.id, one.time) = (id.to_owned(), time.parse().unwrap());
            one
        };
        add(&mut versions, &one("bb", "2025-09-14T12:13:14.9Z"));
        add(&mut versions, &one("cc", "2025-09-14T12:13:14.1Z"));
        let (_, set) = versions.first_key_value().unwrap();
        assert_eq!(set.part(DATA).unwrap().snapshot, "bb");
    }

    #[rstest]
    #[case(&["project=a", "b", "name=web", "part=data"], "project=", Some("a,b"))]
    #[case(&["name=web", "part=data", "mine"], "name=", Some("web"))]
    #[case(&["name=web", "part=data", "mine"], "part=", Some("data"))]
    #[case(&["name=web"], "pool=", None)]
    fn a_name_with_a_comma_is_two_tags(
        #[case] tags: &[&str],
        #[case] key: &str,
        #[case] is: Option<&str>,
    ) {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(value(&tags, key).as_deref(), is);
    }

    #[rstest]
    #[case(&["type=instance", "project=default", "name=web", "part=data"])]
    #[case(&["type=image", "schema=v1", "name=web", "part=data"])]
    #[case(&["type=instance", "schema=v1", "project=default", "name=../x", "part=data"])]
    #[case(&["type=instance", "schema=v1", "project=default", "name=web", "timestamp=x", "part=data"])]
    #[case(&["type=instance", "schema=v1", "project=default", "name=web"])]
    fn what_it_did_not_make_is_passed_over(#[case] tags: &[&str]) {
        assert!(read(&snapshot("aa", tags, "/x")).is_none());
    }

    #[test]
    fn without_a_time_in_the_tags_that_of_the_snapshot_is_taken() {
        let mut tags = WEB.to_vec();
        tags[4] = "part=data";
        let (id, _) = read(&snapshot("aa", &tags, "/export.tar")).unwrap();
        assert_eq!(id.version.to_string(), "20250914T121314Z");
    }
}
