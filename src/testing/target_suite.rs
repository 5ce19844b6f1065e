//! What every implementation of [`Target`] must do: one suite, run by [`for_each_case!`](crate::for_each_case) on each.
//!
//! Each case is a sentence. A case is given a [`Bench`] with an empty target on it, and panics
//! where the target breaks its promise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "tests, which every implementation shares"
)]

use std::io::{Read as _, Write as _};

use crate::model::{
    Bytes, Check, CheckLevel, Consistency, Kind, Method, ProjectName, ResourceId, ResourceName,
    Sha256, SourceName, Version,
};
use crate::target::{
    ArchiveFacts, Draft, Filter, Manifest, ManifestOptions, Protection, Requires, RunRecord,
    SourceFacts, State, Stored, StoredId, Target, TargetError, Written,
};

/// An empty target, and what only its implementation can do to it.
pub trait Bench {
    /// Opens the target as another process would. Locks are not waited for.
    fn open(&self) -> Box<dyn Target>;
    /// Opens the target as the only process that changes it.
    fn open_alone(&self) -> Box<dyn Target> {
        self.open()
    }
    /// Spoils a stored version behind the target's back.
    fn damage(&self, id: &StoredId, damage: Damage);
    /// Whether a version without its manifest is none, and is not shown.
    fn vanishes(&self) -> bool {
        false
    }
    /// Leaves what a process leaves that is killed while it writes a version of a resource.
    fn abandon(&self, source: &SourceName, resource: &ResourceId);
    /// Puts things into the target that are no backups, also where versions of `resource` stand.
    fn litter(&self, source: &SourceName, resource: &ResourceId);
    /// What is there that is no complete version: what a draft or a deletion left behind.
    fn left_over(&self) -> Vec<String>;
}

/// How a stored version can be spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The archive has lost its second half.
    CutArchive,
    /// The archive is not there.
    NoArchive,
    /// The manifest has lost its second half.
    CutManifest,
    /// The manifest is not there.
    NoManifest,
    /// The manifest is that of this other version.
    ManifestOf(Version),
}

/// Hands the names of the cases to a macro, which makes tests of them.
#[macro_export]
macro_rules! for_each_case {
    ($make:ident) => {
        $make! {
            nothing_is_listed_before_it_is_complete,
            a_draft_that_is_dropped_leaves_nothing,
            what_is_stored_comes_back_and_is_listed_with_its_sizes,
            two_drafts_of_one_second_get_two_versions,
            versions_are_listed_by_source_resource_and_time,
            a_version_is_deleted_alone_and_is_gone,
            a_file_that_is_shared_outlives_either_version,
            what_is_damaged_or_being_deleted_is_not_shared,
            who_creates_or_reads_keeps_who_deletes_away,
            who_deletes_keeps_everybody_away,
            a_copy_keeps_its_second_or_is_none,
            a_source_says_which_server_it_is,
            another_server_is_refused_under_the_same_name,
            records_of_runs_come_back_newest_first,
            names_of_any_kind_stand_for_themselves,
            what_is_no_backup_is_passed_over,
            a_spoilt_version_is_shown_as_such,
            a_file_name_that_leads_elsewhere_is_refused,
            what_is_protected_is_not_deleted_until_it_may_go,
            checks_are_remembered_and_what_they_found_is_shown,
            what_ended_drafts_left_is_cleared_and_a_living_one_is_not,
        }
    };
}

/// A server of this name.
pub fn server(name: &str, fingerprint: u8) -> SourceFacts {
    SourceFacts {
        name: name.parse().unwrap(),
        label: name.to_owned(),
        fingerprint: Sha256([fingerprint; 32]),
        clustered: false,
    }
}

/// An instance of the project `default`.
pub fn instance(name: &str) -> ResourceId {
    let name: ResourceName = name.parse().unwrap();
    ResourceId::stored_instance(ProjectName::default_project(), name)
}

/// A second of a day long ago.
pub fn second(second: i8) -> Version {
    format!("20260102T0304{second:02}Z").parse().unwrap()
}

/// Every version of the target.
pub fn all(target: &dyn Target) -> Vec<Stored> {
    target.versions(&Filter::default()).unwrap()
}

/// The version that a draft becomes once its archive is written: how it is described.
pub fn manifest(id: &StoredId, plain: u64, written: Written) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        kind: Kind::Instance,
        source: id.source.clone(),
        server_version: "6.0.4".to_owned(),
        project: id.resource.project().cloned(),
        pool: None,
        name: id.resource.name().cloned(),
        version: id.version,
        created_at: id.version.timestamp(),
        run: "a-run".to_owned(),
        consistency: Consistency::Consistent,
        method: Method::Direct,
        options: ManifestOptions {
            instance_only: false,
            optimized: false,
        },
        encryption: None,
        archive: Some(ArchiveFacts {
            file: ARCHIVE.to_owned(),
            compression: "none".to_owned(),
            encryption: None,
            size: Bytes(plain),
            stored_size: written.size,
            sha256: written.sha256,
            members: 1,
        }),
        instance: None,
        volume: None,
        bucket: None,
        moment: None,
        image: None,
        config: None,
        retention: None,
        requires: Requires::default(),
    }
}

/// The file that stands for an archive.
pub const ARCHIVE: &str = "export.tar";

/// Writes the archive of a draft, in pieces.
pub fn fill(draft: &mut dyn Draft, content: &[u8]) -> Result<Written, TargetError> {
    let mut file = draft.create(ARCHIVE)?;
    for piece in content.chunks(100_000) {
        file.write_all(piece).map_err(|cause| TargetError::Io {
            action: "write",
            path: ARCHIVE.into(),
            cause,
        })?;
    }
    file.finish()
}

/// Stores a version from beginning to end.
pub fn store(
    target: &dyn Target,
    source: &SourceFacts,
    (resource, version): (&ResourceId, Version),
    content: &[u8],
) -> Result<Stored, TargetError> {
    target.enter_source(source)?;
    let mut draft = target.begin(&source.name, resource, version)?;
    let written = fill(&mut *draft, content)?;
    let id = StoredId {
        source: source.name.clone(),
        resource: resource.clone(),
        version,
    };
    draft.commit(manifest(&id, content.len() as u64 * 3, written))
}

/// The content of a version's archive, which must be what its manifest says.
pub fn content(target: &dyn Target, id: &StoredId) -> Vec<u8> {
    let opened = target.open(id).unwrap();
    let archive = opened.manifest().archive.clone().unwrap();
    let mut content = Vec::new();
    let mut file = opened.file(&archive.file).unwrap();
    file.read_to_end(&mut content).unwrap();
    let mut stored = Vec::new();
    let mut file = opened.stored(&archive.file).unwrap();
    file.read_to_end(&mut stored).unwrap();
    assert_eq!(Sha256::of(&stored), archive.sha256, "{id:?}");
    assert_eq!(stored == content, archive.encryption.is_none(), "{id:?}");
    content
}

fn stored(bench: &dyn Bench, name: &str, at: i8, bytes: &[u8]) -> StoredId {
    let target = bench.open();
    let resource = instance(name);
    let stored = store(&*target, &server("here", 1), (&resource, second(at)), bytes);
    stored.unwrap().id
}

/// Stores a version whose archive is shared with another's, or stored again where that cannot be.
fn store_shared(bench: &dyn Bench, of: &StoredId, name: &str, bytes: &[u8]) -> StoredId {
    let (target, source, resource) = (bench.open(), server("here", 1), instance(name));
    let mut draft = target.begin(&source.name, &resource, second(1)).unwrap();
    let shared = draft.share(of, ARCHIVE, Sha256::of(bytes)).unwrap();
    let written = match shared {
        Some(written) => written,
        None => fill(&mut *draft, bytes).unwrap(),
    };
    let id = StoredId {
        resource,
        ..of.clone()
    };
    let manifest = manifest(&id, bytes.len() as u64, written);
    draft.commit(manifest).unwrap().id
}

/// Two versions that share a file do not need each other, and a draft that is dropped takes nothing
/// away.
pub fn a_file_that_is_shared_outlives_either_version(bench: &dyn Bench) {
    for (name, first_goes) in [("web", true), ("db", false)] {
        let one = stored(bench, name, 1, b"shared");
        let target = bench.open();
        let other = instance("dropped");
        let mut draft = target.begin(&one.source, &other, second(1)).unwrap();
        draft.share(&one, ARCHIVE, Sha256::of(b"shared")).unwrap();
        drop(draft);
        assert_eq!(bench.left_over(), Vec::<String>::new());
        let two = store_shared(bench, &one, &format!("{name}-copy"), b"shared");
        let (goes, stays) = if first_goes { (one, two) } else { (two, one) };
        let lock = target.lock(&goes.source, &goes.resource).unwrap();
        lock.delete(goes.version).unwrap();
        drop(lock);
        assert_eq!(content(&*target, &stays), b"shared");
        assert_eq!(bench.left_over(), Vec::<String>::new());
    }
}

/// Only what holds what it should is shared, and nobody waits for a deletion.
pub fn what_is_damaged_or_being_deleted_is_not_shared(bench: &dyn Bench) {
    let one = stored(bench, "web", 1, b"shared");
    let target = bench.open();
    let mut draft = target
        .begin(&one.source, &instance("db"), second(1))
        .unwrap();
    assert_eq!(
        draft.share(&one, ARCHIVE, Sha256::of(b"other")).unwrap(),
        None
    );
    let lock = bench.open().lock(&one.source, &one.resource).unwrap();
    assert_eq!(
        draft.share(&one, ARCHIVE, Sha256::of(b"shared")).unwrap(),
        None
    );
    drop(lock);
    bench.damage(&one, Damage::CutArchive);
    assert_eq!(
        draft.share(&one, ARCHIVE, Sha256::of(b"shared")).unwrap(),
        None
    );
    let lock = bench.open().lock(&one.source, &one.resource).unwrap();
    lock.delete(one.version).unwrap();
    assert_eq!(
        draft.share(&one, ARCHIVE, Sha256::of(b"shared")).unwrap(),
        None
    );
    assert!(draft.share(&one, "../x", Sha256::of(b"shared")).is_err());
    fill(&mut *draft, b"again").unwrap();
}

/// A version is listed once it is complete, and not before.
pub fn nothing_is_listed_before_it_is_complete(bench: &dyn Bench) {
    let (target, source, resource) = (bench.open(), server("here", 1), instance("web"));
    target.enter_source(&source).unwrap();
    let mut draft = target.begin(&source.name, &resource, second(1)).unwrap();
    assert!(all(&*bench.open()).is_empty());
    let written = fill(&mut *draft, b"content").unwrap();
    assert!(all(&*bench.open()).is_empty());
    let id = StoredId {
        source: source.name,
        resource,
        version: second(1),
    };
    draft.commit(manifest(&id, 7, written)).unwrap();
    let listed = all(&*bench.open());
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].state), (&id, State::Complete));
}

/// A draft that is dropped, at whatever point, never was.
pub fn a_draft_that_is_dropped_leaves_nothing(bench: &dyn Bench) {
    let (target, source, resource) = (bench.open(), server("here", 1), instance("web"));
    target.enter_source(&source).unwrap();
    drop(target.begin(&source.name, &resource, second(1)).unwrap());
    let mut draft = target.begin(&source.name, &resource, second(1)).unwrap();
    let mut file = draft.create(ARCHIVE).unwrap();
    file.write_all(b"half").unwrap();
    drop((file, draft));
    let mut draft = target.begin(&source.name, &resource, second(1)).unwrap();
    fill(&mut *draft, b"whole").unwrap();
    drop(draft);
    assert!(all(&*bench.open()).is_empty());
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// What is stored comes back, whatever its size.
pub fn what_is_stored_comes_back_and_is_listed_with_its_sizes(bench: &dyn Bench) {
    let sizes = [0, 1, 511, 3 << 20];
    for (at, size) in (1..).zip(sizes) {
        let bytes: Vec<u8> = (0u32..size).map(|at| at.to_le_bytes()[1] ^ 5).collect();
        let id = stored(bench, "web", at, &bytes);
        let target = bench.open();
        assert!(content(&*target, &id) == bytes, "{size} bytes");
        let listed = all(&*target).pop().unwrap();
        assert_eq!((&listed.id, listed.state), (&id, State::Complete));
        let opened = target.open(&id).unwrap();
        assert_eq!(listed.stored_size, opened.size(ARCHIVE).unwrap());
        if !listed.is_encrypted() {
            assert_eq!(listed.stored_size, Bytes(bytes.len() as u64));
        }
        drop(opened);
        assert_eq!(listed.size, Bytes(bytes.len() as u64 * 3));
        let manifest = target.open(&id).unwrap().manifest().clone();
        assert_eq!(listed.manifest.as_deref(), Some(&manifest));
    }
}

/// Neither waits for the other, and neither clears what the other writes.
pub fn two_drafts_of_one_second_get_two_versions(bench: &dyn Bench) {
    let (source, resource) = (server("here", 1), instance("web"));
    let (one, other) = (bench.open(), bench.open());
    one.enter_source(&source).unwrap();
    let mut first = one.begin(&source.name, &resource, second(1)).unwrap();
    let first_written = fill(&mut *first, b"first").unwrap();
    let mut later = other.begin(&source.name, &resource, second(1)).unwrap();
    let later_written = fill(&mut *later, b"later").unwrap();
    let id = StoredId {
        source: source.name,
        resource,
        version: second(1),
    };
    let later = later.commit(manifest(&id, 5, later_written)).unwrap();
    let first = first.commit(manifest(&id, 5, first_written)).unwrap();
    assert_eq!((later.id.version, first.id.version), (second(1), second(2)));
    let target = bench.open();
    let contents: Vec<_> = all(&*target)
        .iter()
        .map(|stored| content(&*target, &stored.id))
        .collect();
    assert_eq!(contents, [b"later", b"first"]);
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// What comes from another target is the very version that it was there, and never another one.
pub fn a_copy_keeps_its_second_or_is_none(bench: &dyn Bench) {
    let (target, here) = (bench.open(), server("here", 1));
    target.enter_source(&here).unwrap();
    let id = StoredId {
        source: here.name,
        resource: instance("web"),
        version: second(1),
    };
    let copy = |target: &dyn Target, content: &[u8]| {
        let mut draft = target.begin_copy(&id)?;
        let written = fill(&mut *draft, content)?;
        draft.commit(manifest(&id, content.len() as u64, written))
    };
    assert_eq!(copy(&*target, b"a copy").unwrap().id, id);
    let again = copy(&*target, b"another").unwrap_err();
    assert!(matches!(again, TargetError::Taken(taken) if *taken == id));
    drop(target);
    let target = bench.open();
    assert!(matches!(copy(&*target, b"x"), Err(TargetError::Taken(_))));
    assert_eq!(all(&*target).len(), 1);
    assert_eq!(content(&*target, &id), b"a copy");
    // What was deleted can be copied again.
    let lock = target.lock(&id.source, &id.resource).unwrap();
    lock.delete(id.version).unwrap();
    drop(lock);
    assert_eq!(copy(&*target, b"once more").unwrap().id, id);
    assert_eq!(content(&*target, &id), b"once more");
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// Whoever copies must know which server it is.
pub fn a_source_says_which_server_it_is(bench: &dyn Bench) {
    let here = SourceFacts {
        label: "its own name".to_owned(),
        clustered: true,
        ..server("here", 7)
    };
    bench.open().enter_source(&here).unwrap();
    let target = bench.open();
    assert_eq!(target.source(&here.name).unwrap(), Some(here));
    assert_eq!(target.source(&"there".parse().unwrap()).unwrap(), None);
}

/// Records come back, the newest first, and no more of them than are asked for.
pub fn records_of_runs_come_back_newest_first(bench: &dyn Bench) {
    let here = server("here", 7);
    let target = bench.open();
    target.enter_source(&here).unwrap();
    assert_eq!(target.runs(&here.name, 9).unwrap(), []);
    let record = |second: i8| RunRecord {
        format: RunRecord::FORMAT,
        run: serde_json::from_value(format!("20260131T0000{second:02}Z-0000000a").into()).unwrap(),
        program: "0.1.0".to_owned(),
        command: vec!["x".to_owned()],
        begun_at: self::second(second).timestamp(),
        ended_at: self::second(second).timestamp(),
        source: here.name.clone(),
        exit_code: 0,
        rows: Vec::new(),
    };
    for second in [2, 1, 3] {
        target.record_run(&here.name, &record(second)).unwrap();
    }
    let runs = bench.open().runs(&here.name, 2).unwrap();
    assert_eq!(runs, [record(3), record(2)]);
    assert_eq!(bench.open().runs(&"there".parse().unwrap(), 2).unwrap(), []);
}

/// A listing is in order, and a filter leaves the others out.
pub fn versions_are_listed_by_source_resource_and_time(bench: &dyn Bench) {
    let target = bench.open();
    for (source, name, at) in [
        ("there", "web", 3),
        ("here", "web", 2),
        ("here", "db", 9),
        ("here", "web", 1),
    ] {
        let source = server(source, 1);
        store(&*target, &source, (&instance(name), second(at)), b"x").unwrap();
    }
    let listed = |filter: Filter| -> Vec<(String, String, Version)> {
        let found = bench.open().versions(&filter).unwrap();
        let told = |stored: Stored| {
            let name = stored.id.resource.name().unwrap().to_string();
            (stored.id.source.to_string(), name, stored.id.version)
        };
        found.into_iter().map(told).collect()
    };
    let row = |source: &str, name: &str, at| (source.to_owned(), name.to_owned(), second(at));
    let here = [
        row("here", "db", 9),
        row("here", "web", 1),
        row("here", "web", 2),
    ];
    let there = row("there", "web", 3);
    assert_eq!(
        listed(Filter::default()),
        [&here[..], std::slice::from_ref(&there)].concat()
    );
    let of = |source: &str| Filter {
        source: Some(source.parse().unwrap()),
        ..Filter::default()
    };
    assert_eq!(listed(of("here")), here);
    assert_eq!(listed(of("there")), [there]);
    assert_eq!(listed(of("nowhere")), []);
    let volumes = Filter {
        kind: Some(Kind::Volume),
        ..Filter::default()
    };
    assert_eq!(listed(volumes), []);
    let name = here[0].1.clone();
    let one = Filter {
        source: Some("here".parse().unwrap()),
        resource: Some(instance(&name)),
        ..Filter::default()
    };
    let mut only = here.to_vec();
    only.retain(|listed| listed.1 == name);
    assert_eq!(listed(one), only);
    let names: Vec<String> = target
        .sources()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["here", "there"]);
}

/// A deletion takes one version, and the same one only once.
pub fn a_version_is_deleted_alone_and_is_gone(bench: &dyn Bench) {
    let gone = stored(bench, "web", 1, b"gone");
    let kept = stored(bench, "web", 2, b"kept");
    let target = bench.open();
    let lock = target.lock(&gone.source, &gone.resource).unwrap();
    lock.delete(gone.version).unwrap();
    let again = lock.delete(gone.version).unwrap_err();
    assert!(matches!(&again, TargetError::NoVersion(id) if **id == gone));
    drop(lock);
    let missing = target.open(&gone).err().unwrap();
    assert!(matches!(&missing, TargetError::NoVersion(id) if **id == gone));
    let listed: Vec<StoredId> = all(&*target).into_iter().map(|it| it.id).collect();
    assert_eq!(listed, std::slice::from_ref(&kept));
    assert_eq!(content(&*target, &kept), b"kept");
    assert_eq!(bench.left_over(), Vec::<String>::new());
    // The last one leaves a place that can be used again.
    let lock = target.lock(&kept.source, &kept.resource).unwrap();
    lock.delete(kept.version).unwrap();
    drop(lock);
    assert!(all(&*target).is_empty());
    assert_eq!(bench.left_over(), Vec::<String>::new());
    stored(bench, "web", 3, b"new");
}

fn is_locked<T>(result: Result<T, TargetError>) -> bool {
    result.is_err_and(|error| error.is_locked())
}

/// Creators and readers share; while one of them is there nobody deletes.
pub fn who_creates_or_reads_keeps_who_deletes_away(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"x");
    let (one, other) = (bench.open(), bench.open());
    let lock = || other.lock(&id.source, &id.resource);
    let draft = one.begin(&id.source, &id.resource, second(2)).unwrap();
    assert!(is_locked(lock()));
    let opened = other.open(&id).unwrap();
    drop(draft);
    assert!(is_locked(lock()));
    // Another resource is another matter.
    one.lock(&id.source, &instance("db")).unwrap();
    drop(opened);
    lock().unwrap();
}

/// While one deletes nobody creates, reads or deletes.
pub fn who_deletes_keeps_everybody_away(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"x");
    let (one, other) = (bench.open(), bench.open());
    let lock = one.lock(&id.source, &id.resource).unwrap();
    assert!(is_locked(other.begin(&id.source, &id.resource, second(2))));
    assert!(is_locked(other.open(&id)));
    assert!(is_locked(other.lock(&id.source, &id.resource)));
    assert_eq!(all(&*other).len(), 1, "a listing waits for nobody");
    drop(lock);
    assert_eq!(content(&*other, &id), b"x");
}

/// Two servers do not mix under one name.
pub fn another_server_is_refused_under_the_same_name(bench: &dyn Bench) {
    let target = bench.open();
    target.enter_source(&server("here", 1)).unwrap();
    target.enter_source(&server("here", 1)).unwrap();
    let refused = target.enter_source(&server("here", 2)).unwrap_err();
    let TargetError::OtherServer { stored, now, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((stored, now), ("01".repeat(32), "02".repeat(32)));
    target.enter_source(&server("there", 2)).unwrap();
}

/// No name is taken for another, or for a place.
pub fn names_of_any_kind_stand_for_themselves(bench: &dyn Bench) {
    let names = [
        "web",
        "Web",
        ".hidden",
        "a b",
        "ünï-文",
        "%41",
        "A",
        "a%2Fb",
        "...",
        "~",
        "-rf",
        "\\",
        "*",
        "$(id)",
        "20260102T030401Z",
        "web.lock",
    ];
    let target = bench.open_alone();
    let all_names = names.len();
    for (source, count) in [("here", all_names), ("…", 2), (".x", 2)] {
        let source = server(source, 1);
        for name in names.into_iter().take(count) {
            let project: ProjectName = format!("p {name}").parse().unwrap();
            let resource = ResourceId::stored_instance(project, name.parse().unwrap());
            let text = format!("{} {name}", source.name);
            store(&*target, &source, (&resource, second(1)), text.as_bytes()).unwrap();
        }
    }
    let listed = all(&*bench.open());
    assert_eq!(listed.len(), all_names + 4);
    for stored in listed {
        let name = stored.id.resource.name().unwrap();
        let project = stored.id.resource.project().unwrap();
        assert_eq!(project.as_str(), format!("p {name}"));
        let text = format!("{} {name}", stored.id.source);
        assert_eq!(content(&*target, &stored.id), text.as_bytes());
    }
}

/// What somebody else put there is neither listed nor in the way.
pub fn what_is_no_backup_is_passed_over(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"x");
    bench.litter(&id.source, &id.resource);
    let target = bench.open();
    let listed = all(&*target);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!((&listed[0].id, listed[0].state), (&id, State::Complete));
    assert_eq!(content(&*target, &id), b"x");
    stored(bench, "web", 2, b"y");
    let names: Vec<String> = target
        .sources()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["here"]);
}

/// A look tells that something is missing, and the others are not the worse for it.
pub fn a_spoilt_version_is_shown_as_such(bench: &dyn Bench) {
    let good = stored(bench, "web", 1, b"good");
    let cases = [
        (Damage::CutArchive, State::Damaged),
        (Damage::NoArchive, State::Damaged),
        (Damage::CutManifest, State::Damaged),
        (Damage::ManifestOf(good.version), State::Damaged),
        (Damage::NoManifest, State::Incomplete),
    ];
    let vanishes = bench.vanishes();
    for (at, (damage, state)) in (10..).zip(cases) {
        let id = stored(bench, "web", at, &[7; 5000]);
        bench.damage(&id, damage);
        let target = bench.open();
        let listed = all(&*target);
        let found = listed.iter().find(|stored| stored.id == id);
        if damage == Damage::NoManifest && vanishes {
            assert!(found.is_none());
        } else {
            assert_eq!(found.unwrap().state, state, "{damage:?}");
        }
        if matches!(damage, Damage::NoManifest) {
            assert!(matches!(target.open(&id), Err(TargetError::NoVersion(_))));
        } else if !matches!(damage, Damage::CutArchive | Damage::NoArchive) {
            assert!(target.open(&id).is_err(), "{damage:?}");
        }
        let kept = listed.iter().find(|stored| stored.id == good).unwrap();
        assert_eq!(kept.state, State::Complete);
    }
    assert_eq!(content(&*bench.open(), &good), b"good");
    // What is spoilt can still be deleted.
    let target = bench.open();
    let lock = target.lock(&good.source, &good.resource).unwrap();
    for stored in all(&*target) {
        if stored.state != State::Complete {
            lock.delete(stored.id.version).unwrap();
        }
    }
    assert_eq!(all(&*target).len(), 1);
}

/// A file's name is a name.
pub fn a_file_name_that_leads_elsewhere_is_refused(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"x");
    let target = bench.open();
    let mut draft = target.begin(&id.source, &id.resource, second(2)).unwrap();
    let opened = target.open(&id).unwrap();
    for name in [
        "",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        ".hidden",
        "a b",
        "a\0b",
    ] {
        let refused = |error: Option<TargetError>| matches!(error, Some(TargetError::FileName(_)));
        assert!(refused(draft.create(name).err()), "{name:?}");
        assert!(refused(opened.file(name).err()), "{name:?}");
    }
    drop(draft);
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// A protected version stays, whoever asks; nothing else of it changes.
pub fn what_is_protected_is_not_deleted_until_it_may_go(bench: &dyn Bench) {
    let (one, two) = (
        stored(bench, "web", 1, b"one"),
        stored(bench, "web", 2, b"two"),
    );
    let target = bench.open();
    for _ in 0..2 {
        target.protect(&one, Protection::On).unwrap();
    }
    let protected = |target: &dyn Target| -> Vec<bool> {
        all(target).iter().map(|stored| stored.protected).collect()
    };
    assert_eq!(protected(&*bench.open()), [true, false]);
    let lock = target.lock(&one.source, &one.resource).unwrap();
    assert!(matches!(lock.delete(one.version), Err(TargetError::Protected(id)) if *id == one));
    lock.delete(two.version).unwrap();
    drop(lock);
    assert_eq!(content(&*target, &one), b"one");
    for _ in 0..2 {
        target.protect(&one, Protection::Off).unwrap();
    }
    assert_eq!(protected(&*bench.open()), [false]);
    let lock = target.lock(&one.source, &one.resource).unwrap();
    lock.delete(one.version).unwrap();
    drop(lock);
    let gone = target.protect(&one, Protection::On);
    assert!(matches!(gone, Err(TargetError::NoVersion(_))));
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// The latest check of each level is kept, and damage that one found is damage until another as
/// thorough refutes it.
pub fn checks_are_remembered_and_what_they_found_is_shown(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"one");
    let check = |level, second: i8, damage: Option<&str>| Check {
        level,
        at: self::second(second).timestamp(),
        damage: damage.map(str::to_owned),
    };
    let cases = [
        (check(CheckLevel::Full, 1, None), State::Complete),
        (
            check(CheckLevel::Full, 2, Some("a flipped bit")),
            State::Damaged,
        ),
        (check(CheckLevel::Quick, 3, None), State::Damaged),
        (check(CheckLevel::Full, 4, None), State::Complete),
    ];
    for (check, state) in cases {
        let failed = bench.open().record(&[(id.clone(), check.clone())]);
        assert!(failed.is_empty(), "{failed:?}");
        let found = all(&*bench.open()).remove(0);
        assert_eq!(found.state, state, "{check:?}");
        assert_eq!(found.checks.latest(check.level), Some(&check));
    }
    assert_eq!(content(&*bench.open(), &id), b"one");
    assert_eq!(bench.left_over(), Vec::<String>::new());
}

/// What a process that has ended was writing goes; what one that lives is writing does not.
pub fn what_ended_drafts_left_is_cleared_and_a_living_one_is_not(bench: &dyn Bench) {
    let id = stored(bench, "web", 1, b"one");
    let source = server("here", 1);
    let target = bench.open();
    bench.abandon(&id.source, &instance("db"));
    let mut living = target.begin(&source.name, &id.resource, second(2)).unwrap();
    let written = fill(&mut *living, b"two").unwrap();
    assert_eq!(bench.open().clear(&source.name).unwrap(), 1);
    assert_eq!(bench.open().clear(&source.name).unwrap(), 0);
    let new = StoredId {
        version: second(2),
        ..id
    };
    living.commit(manifest(&new, 3, written)).unwrap();
    assert_eq!(content(&*target, &new), b"two");
    assert_eq!(bench.left_over(), Vec::<String>::new());
}
