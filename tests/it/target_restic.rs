//! The restic target: the suite that every target must pass, against real restic.

use std::io::Write as _;
use std::time::Duration;

use incus_backup::model::{Owner, ResourceId, RunId, SourceName};
use incus_backup::progress::{Cancel, Silent};
use incus_backup::target::{Location, Opening, ResticTarget, StoredId, Target, TargetError, Tool};
use incus_backup::testing::target_suite::{
    Bench, Damage, all, content, instance, second, server, store,
};
use serde_json::Value;

use crate::restic::{Repository, binary, needs_restic, tag, tags};

/// A repository on the bench.
struct Bed(Repository);

impl Bed {
    fn new() -> Self {
        Self(Repository::new())
    }

    fn opened(&self) -> Result<ResticTarget, TargetError> {
        self.opened_for(Duration::ZERO)
    }

    /// A listing is good for so long.
    fn opened_for(&self, fresh: Duration) -> Result<ResticTarget, TargetError> {
        let Location::Restic(repository) = Location::parse(&self.0.uri()).unwrap() else {
            unreachable!()
        };
        let opening = Opening {
            tool: Tool::new(binary().unwrap(), false),
            owner: Owner::current(&RunId::begin()),
            state: self.0.beside("state"),
            patience: Duration::ZERO,
            fresh,
            progress: std::sync::Arc::new(Silent),
            cancel: Cancel::new(),
        };
        ResticTarget::open(&repository, opening)
    }

    /// The snapshots of a part of a version.
    fn of(&self, id: &StoredId, part: &str) -> Vec<Value> {
        let mut found = self.0.snapshots();
        let (version, name) = (id.version.to_string(), id.resource.name().unwrap().as_str());
        found.retain(|it| {
            tag(it, "timestamp").as_deref() == Some(version.as_str())
                && tag(it, "name").as_deref() == Some(name)
                && tag(it, "part").as_deref() == Some(part)
        });
        found
    }

    fn forget(&self, snapshots: &[Value]) {
        for snapshot in snapshots {
            self.0.restic(&["forget", snapshot["id"].as_str().unwrap()]);
        }
    }

    /// Puts another tag in the place of one of a snapshot.
    fn retag(&self, snapshot: &Value, key: &str, value: &str) {
        let mut set: Vec<String> = tags(snapshot);
        set.retain(|tag| !tag.starts_with(&format!("{key}=")));
        set.push(format!("{key}={value}"));
        let set: Vec<String> = set.iter().map(|tag| format!("--set={tag}")).collect();
        let mut arguments = vec!["tag"];
        arguments.extend(set.iter().map(String::as_str));
        arguments.push(snapshot["id"].as_str().unwrap());
        self.0.restic(&arguments);
    }
}

impl Bench for Bed {
    fn open(&self) -> Box<dyn Target> {
        Box::new(self.opened().unwrap())
    }

    fn open_alone(&self) -> Box<dyn Target> {
        Box::new(self.opened_for(Duration::from_secs(3600)).unwrap())
    }

    fn vanishes(&self) -> bool {
        true
    }

    fn damage(&self, id: &StoredId, damage: Damage) {
        let (data, manifest) = (self.of(id, "data"), self.of(id, "manifest"));
        match damage {
            Damage::CutArchive => {
                self.forget(&data);
                let name = data[0]["paths"][0]
                    .as_str()
                    .unwrap()
                    .trim_start_matches('/');
                self.0.backup(name, &tags(&data[0]), b"half");
            }
            Damage::NoArchive => self.forget(&data),
            Damage::CutManifest => {
                let packed = tag(&manifest[0], "manifest").unwrap();
                self.retag(&manifest[0], "manifest", &packed[..packed.len() / 2]);
            }
            Damage::NoManifest => self.forget(&manifest),
            Damage::ManifestOf(version) => {
                let other = StoredId {
                    version,
                    ..id.clone()
                };
                let packed = tag(&self.of(&other, "manifest")[0], "manifest").unwrap();
                self.retag(&manifest[0], "manifest", &packed);
            }
        }
    }

    fn abandon(&self, source: &SourceName, resource: &ResourceId) {
        let id = StoredId {
            source: source.clone(),
            resource: resource.clone(),
            version: second(5),
        };
        let name = resource.name().unwrap();
        // A process of this boot and machine that is not there: no start time is 1.
        let owner = Owner::current(&RunId::begin()).to_string();
        let mut owner: Vec<&str> = owner.split(' ').collect();
        owner[5] = "1";
        let tags = [
            "type=instance",
            "schema=v2",
            "part=data",
            "project=default",
            "file=export.tar",
            "draft=0badcafe",
        ];
        let mut tags: Vec<String> = tags.map(str::to_owned).into();
        tags.push(format!("source={source}"));
        tags.push(format!("name={name}"));
        tags.push(format!("timestamp={}", id.version));
        let owner = incus_backup::model::encode_component(&owner.join(" "));
        tags.push(format!("owner={owner}"));
        self.0
            .backup(&format!("instance_default_{name}.tar"), &tags, b"half");
    }

    fn litter(&self, source: &SourceName, resource: &ResourceId) {
        let name = resource.name().unwrap();
        let whole = [
            format!("source={source}"),
            format!("name={name}"),
            "type=instance".to_owned(),
            "part=manifest".to_owned(),
            "project=default".to_owned(),
            "timestamp=20260102T030405Z".to_owned(),
        ];
        let with = |tag: &str| [&whole[..], &[tag.to_owned()]].concat();
        for tags in [
            Vec::new(),
            vec!["schema=v2".to_owned()],
            with("schema=v3"),
            with("schema=v3"),
            [&whole[1..], &["schema=v2".to_owned()]].concat(),
            vec![
                "schema=v2".to_owned(),
                "part=source".to_owned(),
                "source=../x/".to_owned(),
            ],
        ] {
            self.0.backup("other.txt", &tags, b"x");
        }
    }

    fn left_over(&self) -> Vec<String> {
        self.0.orphans()
    }
}

macro_rules! suite {
    ($($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                needs_restic!();
                incus_backup::testing::target_suite::$case(&Bed::new());
            }
        )+
    };
}
incus_backup::for_each_case!(suite);

/// One listing is enough for the plan of a command, and what this process changes is seen at once.
#[test]
fn a_listing_is_good_until_something_changes() {
    needs_restic!();
    let bed = Bed::new();
    let target = bed.opened_for(Duration::from_secs(3600)).unwrap();
    let here = server("here", 1);
    let one = store(&target, &here, (&instance("web"), second(1)), b"one").unwrap();
    assert_eq!(all(&target).len(), 1);
    let other = bed.opened().unwrap();
    store(&other, &here, (&instance("web"), second(2)), b"two").unwrap();
    assert_eq!(all(&target).len(), 1, "it is the listing of before");
    target.lock(&here.name, &instance("web")).unwrap();
    assert_eq!(all(&target).len(), 2, "whoever has locked looks again");
    assert_eq!(content(&target, &one.id), b"one");
    bed.0.is_clean();
}

/// Whoever has lost the source of a file leaves nothing of it, and restic nothing behind.
#[test]
fn a_file_that_is_given_up_is_no_snapshot() {
    needs_restic!();
    let bed = Bed::new();
    let target = bed.opened().unwrap();
    let here = server("here", 1);
    target.enter_source(&here).unwrap();
    let before = bed.0.snapshots().len();
    let mut draft = target
        .begin(&here.name, &instance("web"), second(1))
        .unwrap();
    let mut file = draft.create("export.tar").unwrap();
    file.write_all(&vec![7; 3_000_000]).unwrap();
    drop(file);
    assert_eq!(bed.0.snapshots().len(), before);
    drop(draft);
    let locks = bed.0.restic(&["list", "locks", "--no-lock"]).stdout;
    assert_eq!(String::from_utf8(locks).unwrap(), "");
    bed.0.is_clean();
}
