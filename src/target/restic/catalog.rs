//! What a repository holds, from one listing of its snapshots.

use std::collections::{BTreeMap, BTreeSet, btree_map as map};

use jiff::{SignedDuration, Timestamp};

use super::legacy::{self, Versions};
use super::runs;
use super::snapshot::Snapshot;
use super::tags::{self, DATA, MANIFEST, RUN, SOURCE, Tags, unpack};
use crate::model::{
    Bytes, Check, Checks, Liveness, Owner, ResourceId, Sha256, SourceName, Version,
    decode_component,
};
use crate::target::{Filter, InvalidManifest, Manifest, State, Stored, StoredId};

/// After how long what another machine was writing is taken to be abandoned.
const ABANDONED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many characters are kept of what a check found.
const LONGEST: usize = 300;
/// The tag of a version that must stay.
pub(super) const PROTECTED: &str = "protected";

/// What a repository holds.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// The versions.
    pub(super) versions: BTreeMap<StoredId, Entry>,
    /// Data that no manifest belongs to.
    pub(super) orphans: Vec<Orphan>,
    /// Which servers the sources are; nothing where that is not readable.
    pub(super) sources: BTreeMap<SourceName, Option<Sha256>>,
    /// What is told of the runs of each, packed.
    pub(super) runs: BTreeMap<SourceName, Vec<String>>,
    /// The versions of the earlier tool.
    pub(super) legacy: Versions,
}

/// A version.
#[derive(Debug)]
pub(super) struct Entry {
    /// The snapshots that describe it: one, but for a moment while a tag is changed.
    pub(super) described_by: Vec<String>,
    /// The name of the file in them.
    pub(super) described_in: String,
    /// Its data, by the name of the file.
    pub(super) data: BTreeMap<String, Data>,
    /// Whether it must stay.
    pub(super) protected: bool,
    /// How it was checked.
    pub(super) checks: Checks,
    /// The tags that say so.
    pub(super) check_tags: BTreeSet<String>,
    /// The version that its own manifest gives.
    pub(super) written_as: Version,
    /// Its manifest, or what is wrong with it; nothing where it is too large for a tag.
    pub(super) manifest: Option<Result<Manifest, String>>,
}

/// A file of data.
#[derive(Debug)]
pub(super) struct Data {
    /// The snapshots that hold it: one, but for a moment while a tag is changed.
    pub(super) snapshots: Vec<String>,
    /// The path in them.
    pub(super) path: String,
    /// Its size, where restic says it.
    pub(super) size: Option<Bytes>,
}

/// Data without a manifest: of a version that is being written, or never was.
#[derive(Debug)]
pub(super) struct Orphan {
    /// What it would have become.
    pub(super) id: StoredId,
    /// What belongs to it.
    draft: String,
    /// Its snapshots.
    pub(super) snapshots: Vec<String>,
    owner: Option<Owner>,
    made_at: Timestamp,
}

impl Orphan {
    /// Whether nobody writes it any more.
    pub(super) fn is_abandoned(&self, now: Timestamp) -> bool {
        match self
            .owner
            .as_ref()
            .map_or(Liveness::Unknown, Owner::liveness)
        {
            Liveness::Dead => true,
            Liveness::Own | Liveness::Alive => false,
            Liveness::Unknown => now.duration_since(self.made_at) > ABANDONED,
        }
    }
}

/// A snapshot of a version's part, with what its tags say.
struct Part<'a> {
    snapshot: &'a Snapshot,
    tags: Tags,
    id: StoredId,
}

impl Part<'_> {
    fn draft(&self) -> &str {
        self.tags.get("draft").unwrap_or_default()
    }

    /// Whether it is of everything that its writer had, as far as both say how much that is.
    fn is_whole(&self) -> bool {
        let meant = self.tags.get("size").and_then(|size| size.parse().ok());
        let held = self.snapshot.summary.as_ref();
        meant
            .zip(held)
            .is_none_or(|(meant, held): (u64, _)| held.total_bytes_processed == meant)
    }
}

/// What joins the parts of a version: whose they are, and what its writer called it.
type Key = (SourceName, ResourceId, String);

impl Catalog {
    /// Reads a listing.
    pub(super) fn of(snapshots: &[Snapshot]) -> Self {
        let mut catalog = Self::default();
        let mut data: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
        let mut manifests: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
        for snapshot in snapshots {
            let Some(tags) = Tags::read(&snapshot.tags) else {
                legacy::add(&mut catalog.legacy, snapshot);
                continue;
            };
            if tags.get("part") == Some(SOURCE) {
                catalog.source(&tags);
                continue;
            }
            if tags.get("part") == Some(RUN) {
                catalog.run(&tags);
                continue;
            }
            let Some(id) = tags.id() else { continue };
            let part = Part { snapshot, tags, id };
            let (source, resource) = (part.id.source.clone(), part.id.resource.clone());
            let key = (source, resource, part.draft().to_owned());
            match part.tags.get("part") {
                Some(MANIFEST) if part.is_whole() => manifests.entry(key).or_default().push(part),
                // A short manifest goes with the data that it was to describe.
                Some(DATA | MANIFEST) => data.entry(key).or_default().push(part),
                _ => {}
            }
        }
        // Where two machines took the same second, whoever was through first has it.
        let made_at = |parts: &[Part]| parts.iter().map(|it| it.snapshot.made_at()).min();
        let mut manifests: Vec<(Key, Vec<Part>)> = manifests.into_iter().collect();
        manifests.sort_by_key(|(key, parts)| (made_at(parts), key.2.clone()));
        for (key, parts) in manifests {
            let data = data.remove(&key).unwrap_or_default();
            catalog.version(&parts, &data);
        }
        catalog.orphans = data
            .into_values()
            .filter_map(|parts| orphan(&parts))
            .collect();
        catalog.join_legacy();
        catalog
    }

    /// Gives the earlier tool's versions their source, unless a server has that name.
    fn join_legacy(&mut self) {
        let Some(source) = self.legacy.keys().next().map(|id| id.source.clone()) else {
            return;
        };
        match self.sources.entry(source) {
            map::Entry::Occupied(_) => {
                tracing::warn!(
                    "a source is called `legacy`: the earlier tool's backups are not shown"
                );
                self.legacy.clear();
            }
            map::Entry::Vacant(free) => {
                free.insert(None);
            }
        }
    }

    fn source(&mut self, tags: &Tags) {
        if let Some(name) = tags.get("source").and_then(|it| it.parse().ok()) {
            let fingerprint = tags.get("fingerprint").and_then(|it| it.parse().ok());
            self.sources.insert(name, fingerprint);
        }
    }

    fn run(&mut self, tags: &Tags) {
        let source = tags.get("source").and_then(|it| it.parse().ok());
        if let Some((source, told)) = source.zip(tags.get(runs::TAG)) {
            self.runs.entry(source).or_default().push(told.to_owned());
        }
    }

    fn version(&mut self, parts: &[Part], data: &[Part]) {
        let Some(first) = parts.first() else { return };
        let mut id = first.id.clone();
        while self.versions.contains_key(&id) {
            id.version = id.version.next();
        }
        self.sources.entry(id.source.clone()).or_default();
        let mut entry = Entry {
            described_by: parts.iter().map(|it| it.snapshot.id.clone()).collect(),
            described_in: tags::manifest_name(&id.resource),
            data: BTreeMap::new(),
            protected: false,
            checks: Checks::default(),
            check_tags: BTreeSet::new(),
            manifest: first.tags.get("manifest").map(|packed| {
                let manifest = unpack(packed);
                own(manifest, &first.id, id.version).map_err(|cause| cause.to_string())
            }),
            written_as: first.id.version,
        };
        for tag in parts.iter().flat_map(|it| &it.snapshot.tags) {
            entry.protected |= tag == PROTECTED;
            if let Some(check) = check(tag) {
                entry.check_tags.insert(tag.clone());
                entry.checks.add(check);
            }
        }
        for part in data {
            let Some(file) = part.tags.get("file") else {
                continue;
            };
            let held = entry.data.entry(file.to_owned()).or_insert_with(|| Data {
                snapshots: Vec::new(),
                path: part.snapshot.paths.first().cloned().unwrap_or_default(),
                size: part
                    .snapshot
                    .summary
                    .as_ref()
                    .map(|it| Bytes(it.total_bytes_processed)),
            });
            held.snapshots.push(part.snapshot.id.clone());
        }
        self.versions.insert(id, entry);
    }

    /// The versions that fit, as they are listed.
    pub(super) fn stored(&self, filter: &Filter) -> Vec<Stored> {
        let own = self.versions.iter().filter(|(id, _)| filter.fits(id));
        let mut all: Vec<Stored> = own.map(|(id, entry)| entry.stored(id)).collect();
        if !self.legacy.is_empty() {
            let legacy = self.legacy.iter().filter(|(id, _)| filter.fits(id));
            all.extend(legacy.map(|(id, set)| set.stored(id)));
            all.sort_by(|one, other| one.id.cmp(&other.id));
        }
        all
    }

    /// What nobody writes any more: of a resource, or of all of a source.
    pub(super) fn abandoned(
        &self,
        source: &SourceName,
        resource: Option<&ResourceId>,
        now: Timestamp,
    ) -> Vec<&Orphan> {
        let all = self.orphans.iter().filter(|it| it.id.source == *source);
        let all = all.filter(|it| resource.is_none_or(|resource| it.id.resource == *resource));
        all.filter(|it| it.is_abandoned(now)).collect()
    }
}

/// A manifest that was read, if it is that of the version that was written as `id`; from now on it is
/// of `version`.
pub(super) fn own(
    manifest: Result<Manifest, InvalidManifest>,
    id: &StoredId,
    version: Version,
) -> Result<Manifest, InvalidManifest> {
    let mut manifest = manifest?;
    manifest.belongs_to(&id.resource, id.version)?;
    manifest.version = version;
    Ok(manifest)
}

fn orphan(parts: &[Part]) -> Option<Orphan> {
    let first = parts.first()?;
    Some(Orphan {
        id: first.id.clone(),
        draft: first.draft().to_owned(),
        snapshots: parts.iter().map(|it| it.snapshot.id.clone()).collect(),
        owner: parts
            .iter()
            .find_map(|part| part.tags.get("owner")?.parse().ok()),
        made_at: parts.iter().map(|it| it.snapshot.made_at()).max()?,
    })
}

impl Entry {
    /// Whether all of it is there, as far as a look tells.
    pub(super) fn is_complete(&self, id: &StoredId) -> bool {
        self.stored(id).state == State::Complete
    }

    /// What is known of it without reading its data.
    fn stored(&self, id: &StoredId) -> Stored {
        let (manifest, mut state) = match &self.manifest {
            Some(Ok(manifest)) => (Some(manifest.clone()), State::Complete),
            _ => (None, State::Damaged),
        };
        let (mut size, mut stored_size) = (Bytes(0), Bytes(0));
        for file in manifest.iter().flat_map(Manifest::data_files) {
            size += file.size;
            stored_size += file.stored_size;
            let held = self.data.get(&file.file);
            // Of an empty file there is no snapshot.
            if file.stored_size == Bytes(0) && held.is_none() {
                continue;
            }
            if held.is_none_or(|held| held.size.is_some_and(|size| size != file.stored_size)) {
                state = State::Damaged;
            }
        }
        let config = manifest
            .iter()
            .filter_map(|manifest| manifest.config.as_ref());
        for part in config.flat_map(|config| &config.files) {
            size += part.size;
            stored_size += part.size;
        }
        if self.checks.damage().is_some() {
            state = State::Damaged;
        }
        Stored {
            id: id.clone(),
            size,
            stored_size,
            state,
            protected: self.protected,
            legacy: false,
            checks: if manifest.is_some() {
                self.checks.clone()
            } else {
                Checks::default()
            },
            manifest: manifest.map(Box::new),
        }
    }
}

/// A check as a tag: `check=full:20260131T235959Z`, and what it found after another colon.
pub(super) fn check_tag(check: &Check) -> String {
    let mut value = format!("{}:{}", check.level, Version::at(check.at));
    if let Some(damage) = &check.damage {
        value.push(':');
        value.extend(damage.chars().take(LONGEST));
    }
    tags::tag("check", &value)
}

fn check(tag: &str) -> Option<Check> {
    let value = decode_component(tag.strip_prefix("check=")?).ok()?;
    let mut parts = value.splitn(3, ':');
    Some(Check {
        level: parts.next()?.parse().ok()?,
        at: parts.next()?.parse::<Version>().ok()?.timestamp(),
        damage: parts.next().map(str::to_owned),
    })
}

impl Orphan {
    /// What belongs to it, in the words of its writer.
    pub(super) fn draft(&self) -> &str {
        &self.draft
    }
}
