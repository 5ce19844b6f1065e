//! What is copied (pure).

use super::gather::{Facts, Whose};
use super::packing::{Change, Encrypting, Packing, Sealing};
use crate::model::{Bytes, CompressionChoice, Kind, Sha256};
use crate::plan::{Action, Fit, Plan, Room, Row, Step};
use crate::target::{Manifest, SourceFacts, State, Stored, StoredId};

/// What one step does to the other target.
#[derive(Debug)]
pub enum Work {
    /// A version is copied.
    Copy(Box<Copy>),
    /// The copy of a version is protected, as the version is.
    Protect(StoredId),
}

/// A version that is copied.
#[derive(Debug)]
pub struct Copy {
    pub(super) id: StoredId,
    /// Which server it is of.
    pub(super) source: SourceFacts,
    /// How archives are packed.
    pub(super) packing: Packing,
    /// What becomes of its encryption.
    pub(super) sealing: Sealing,
    /// What may hold the same files already.
    pub(super) alike: Vec<StoredId>,
    pub(super) protected: bool,
    /// How much is read for it.
    pub(super) stored_size: Bytes,
}

/// Plans the copy of every version that is wanted: one row for each.
pub fn plan(packing: Packing, encrypting: Encrypting, facts: &Facts) -> Plan<Work> {
    let mut room = Room::new(facts.free);
    let mut steps = Vec::new();
    for stored in &facts.wanted {
        steps.push(step((packing, encrypting), facts, stored, &mut room));
    }
    Plan::new(steps)
}

fn step(
    (packing, encrypting): (Packing, Encrypting),
    facts: &Facts,
    stored: &Stored,
    room: &mut Room,
) -> Step<Work> {
    let row = |action| {
        let row = Row::new(action, &stored.id.resource).version(stored.id.version);
        row.because(&format!("of {}", stored.id.source))
    };
    let refuse = |reason: &str| Step::rest(row(Action::Refuse).because(reason));
    if stored.is_legacy() {
        return refuse(
            "it was made by the earlier tool, whose backups are restored from where they are",
        );
    }
    let manifest = match (stored.state, &stored.manifest) {
        (State::Complete, Some(manifest)) => manifest,
        (State::Complete | State::Damaged, _) => return refuse("it is damaged"),
        (State::Incomplete, _) => return refuse("it is incomplete"),
    };
    if let Some(there) = facts.there.get(&stored.id) {
        return existing(row, stored, manifest, there);
    }
    let source = match server(facts, stored) {
        Ok(source) => source,
        Err(reason) => return refuse(&reason),
    };
    let locked = facts.locked.contains(&stored.id);
    let sealing = match encrypting.sealing(manifest.is_encrypted(), locked) {
        Ok(sealing) => sealing,
        Err(reason) => return refuse(reason),
    };
    let mut planned = row(Action::Create).because(&stored.stored_size.to_string());
    let mut packed = manifest.clone();
    if sealing == Sealing::Undone {
        packed.decrypt();
    }
    if let Some(reason) = encrypted(encrypting, sealing, manifest) {
        planned = planned.because(reason);
    }
    let files = packed.data_files();
    let changed: Vec<Change> = files
        .map(|archive| packing.change(manifest.kind, archive))
        .filter(|change| *change != Change::None)
        .collect();
    for reason in changed.iter().filter_map(|change| change.reason()) {
        planned = planned.because(&reason);
    }
    // How large it becomes where it is packed in another way nobody knows.
    if changed.is_empty() {
        match room.take(stored.stored_size, Bytes(0)) {
            Fit::Enough => {}
            Fit::Tight { free, needed } => {
                planned = planned.because(&format!("{needed} may not fit into {free}"));
            }
            Fit::Impossible { free, needed } => {
                return refuse(&format!("{needed} do not fit into {free}"));
            }
        }
    }
    let work = Copy {
        id: stored.id.clone(),
        source,
        packing,
        sealing,
        alike: alike(facts, stored),
        protected: stored.protected,
        stored_size: stored.stored_size,
    };
    Step::work(planned, Work::Copy(Box::new(work)))
}

/// What the user should know of the encryption of a copy.
fn encrypted(
    encrypting: Encrypting,
    sealing: Sealing,
    manifest: &Manifest,
) -> Option<&'static str> {
    match (encrypting, sealing, manifest.is_encrypted()) {
        (Encrypting::Anew, Sealing::Undone, _) => Some("encrypted to other recipients"),
        (Encrypting::Anew, Sealing::Kept, false) => Some("encrypted"),
        (Encrypting::Anew, Sealing::Kept, true) => {
            Some("stays encrypted as it is, for no key is given that opens it")
        }
        (Encrypting::Itself, Sealing::Undone, _) => Some("decrypted"),
        (Encrypting::Keeps, _, true) => Some("stays encrypted as it is"),
        _ => None,
    }
}

/// What becomes of a version that is there already: it is never written again.
fn existing(
    row: impl Fn(Action) -> Row,
    stored: &Stored,
    manifest: &Manifest,
    there: &Stored,
) -> Step<Work> {
    let refuse = |reason: &str| Step::rest(row(Action::Refuse).because(reason));
    let (State::Complete, Some(copy)) = (there.state, &there.manifest) else {
        return refuse("the copy there is damaged: delete it there, and copy it again");
    };
    if !is_same(manifest, copy) {
        return refuse("another backup of that second is there");
    }
    if stored.protected && !there.protected {
        let row = row(Action::Update).because("it is there; protected from now on, as here");
        return Step::work(row, Work::Protect(stored.id.clone()));
    }
    Step::rest(row(Action::Skip).because("it is there"))
}

/// Whether two manifests are of the same backup, however its archive is packed and its files encrypted.
fn is_same(one: &Manifest, other: &Manifest) -> bool {
    let either = one.is_encrypted() || other.is_encrypted();
    let unpacked = |manifest: &Manifest| {
        let mut manifest = manifest.clone();
        if either {
            manifest.decrypt();
            let metadata = manifest.image.as_mut().and_then(|it| it.metadata.as_mut());
            if let Some(metadata) = metadata {
                (metadata.stored_size, metadata.sha256) = (Bytes(0), Sha256([0; 32]));
            }
            for part in manifest.config.iter_mut().flat_map(|it| &mut it.files) {
                (part.size, part.sha256) = (Bytes(0), Sha256([0; 32]));
            }
        }
        if let Some(archive) = &mut manifest.archive {
            archive.file = CompressionChoice::without_ending(&archive.file).to_owned();
            archive.compression.clear();
            archive.stored_size = Bytes(0);
            archive.sha256 = Sha256([0; 32]);
        }
        manifest
    };
    unpacked(one) == unpacked(other)
}

/// Which server a version is of, if that is the same in both targets.
fn server(facts: &Facts, stored: &Stored) -> Result<SourceFacts, String> {
    let name = &stored.id.source;
    let of = |whose: Option<&Whose>| match whose {
        Some(Ok(facts)) => Ok(facts.clone()),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(None),
    };
    let own = of(facts.sources.get(name))?
        .ok_or_else(|| format!("nothing says which server `{name}` is"))?;
    match of(facts.sources_there.get(name))? {
        Some(there) if there.fingerprint != own.fingerprint => Err(format!(
            "source `{name}` is another server there, with fingerprint {}",
            there.fingerprint
        )),
        _ => Ok(own),
    }
}

/// The versions there that may hold an image's files already.
fn alike(facts: &Facts, stored: &Stored) -> Vec<StoredId> {
    if stored.id.resource.kind() != Kind::Image {
        return Vec::new();
    }
    let name = stored.id.resource.name();
    let same = facts
        .there
        .keys()
        .filter(|id| id.resource.kind() == Kind::Image && id.resource.name() == name);
    // Those that are copied before this one hold them by then.
    let before = facts.wanted.iter().map(|it| &it.id).filter(|id| {
        id.source == stored.id.source
            && id.resource.kind() == Kind::Image
            && id.resource.name() == name
            && **id != stored.id
    });
    same.chain(before).cloned().collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Checks, CompressionChoice, Version};
    use crate::target::Written;
    use crate::testing::target_suite::{instance, manifest, second, server};

    const KEPT: Packing = Packing::Kept(CompressionChoice::None);

    fn stored(at: Version) -> Stored {
        let id = StoredId {
            source: server("here", 1).name,
            resource: instance("web"),
            version: at,
        };
        let written = Written {
            size: Bytes(100),
            sha256: Sha256::of(b"x"),
        };
        Stored {
            manifest: Some(Box::new(manifest(&id, 100, written))),
            id,
            size: Bytes(100),
            stored_size: Bytes(100),
            state: State::Complete,
            protected: false,
            legacy: false,
            checks: Checks::default(),
        }
    }

    fn facts(wanted: Stored, there: Option<Stored>) -> Facts {
        let here = server("here", 1);
        Facts {
            sources: [(here.name.clone(), Ok(Some(here.clone())))].into(),
            sources_there: [(here.name.clone(), Ok(Some(here)))].into(),
            there: there.into_iter().map(|it| (it.id.clone(), it)).collect(),
            wanted: vec![wanted],
            locked: BTreeSet::new(),
            free: None,
        }
    }

    fn told(facts: &Facts) -> (Action, String) {
        let plan = plan(KEPT, Encrypting::Keeps, facts);
        let row = plan.rows().next().unwrap();
        (row.action, row.reason.clone())
    }

    #[rstest]
    #[case(State::Damaged, "of here; it is damaged")]
    #[case(State::Incomplete, "of here; it is incomplete")]
    fn what_is_not_whole_is_refused(#[case] state: State, #[case] reason: &str) {
        let wanted = Stored {
            state,
            ..stored(second(1))
        };
        assert_eq!(
            told(&facts(wanted, None)),
            (Action::Refuse, reason.to_owned())
        );
    }

    #[test]
    fn a_version_that_is_there_is_never_written_again() {
        let (wanted, mut there) = (stored(second(1)), stored(second(1)));
        let archive = there.manifest.as_mut().unwrap().archive.as_mut().unwrap();
        archive.file = "export.tar.zst".to_owned();
        archive.compression = "zstd".to_owned();
        archive.stored_size = Bytes(7);
        archive.sha256 = Sha256::of(b"packed");
        let same = facts(wanted.clone(), Some(there.clone()));
        let (action, reason) = told(&same);
        assert_eq!((action, &*reason), (Action::Skip, "of here; it is there"));
        let protected = Stored {
            protected: true,
            ..wanted.clone()
        };
        let (action, _) = told(&facts(protected, Some(there.clone())));
        assert_eq!(action, Action::Update);
        let damaged = Stored {
            state: State::Damaged,
            ..there.clone()
        };
        let (action, reason) = told(&facts(wanted.clone(), Some(damaged)));
        assert_eq!(action, Action::Refuse);
        assert!(reason.contains("delete it there"), "{reason}");
        there.manifest.as_mut().unwrap().run = "another".to_owned();
        let (action, reason) = told(&facts(wanted, Some(there)));
        assert_eq!(action, Action::Refuse);
        assert!(reason.contains("another backup"), "{reason}");
    }

    #[test]
    fn a_server_must_be_known_and_the_same_in_both() {
        let name = server("here", 1).name;
        let mut unknown = facts(stored(second(1)), None);
        unknown.sources.insert(name.clone(), Ok(None));
        assert_eq!(told(&unknown).0, Action::Refuse);
        let mut broken = facts(stored(second(1)), None);
        let why = "cannot read it".to_owned();
        broken.sources_there.insert(name.clone(), Err(why));
        let expected = "of here; cannot read it".to_owned();
        assert_eq!(told(&broken), (Action::Refuse, expected));
        let mut other = facts(stored(second(1)), None);
        let there = Ok(Some(server("here", 2)));
        other.sources_there.insert(name.clone(), there);
        assert_eq!(told(&other).0, Action::Refuse);
        let mut new = facts(stored(second(1)), None);
        new.sources_there.insert(name, Ok(None));
        assert_eq!(told(&new), (Action::Create, "of here; 100 B".to_owned()));
    }

    #[test]
    fn what_clearly_does_not_fit_is_refused_before_it_is_begun() {
        let mut facts = facts(stored(second(1)), None);
        facts.free = Some(Bytes(40));
        assert_eq!(told(&facts).0, Action::Refuse);
        facts.free = Some(Bytes(60));
        let (action, reason) = told(&facts);
        assert_eq!(action, Action::Create);
        assert!(reason.contains("may not fit"), "{reason}");
    }
}
