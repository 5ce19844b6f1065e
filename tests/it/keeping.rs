//! What becomes of stored versions: verified, protected, pruned. The fake daemon makes them.

use std::fs;
use std::path::{Path, PathBuf};

use incus_backup::model::Version;
use incus_backup::plan::{Consent, Status};
use incus_backup::progress::Cancel;
use incus_backup::prune::{self, Request};
use incus_backup::retention::Rules;
use incus_backup::target::{Protection, Stored};
use incus_backup::testing::fake::Series;
use incus_backup::testing::target_suite::all;
use rstest::rstest;
use serde_json::Value;

use crate::fake::World;
use crate::lab::{Bare as _, Ran, command};

/// A server with the container `web`, and versions of it that were made at these seconds.
struct History {
    world: World,
}

impl History {
    fn of(versions: &[&str]) -> Self {
        let world = World::new(Series::Lts70);
        {
            let mut state = world.incus.state();
            state.add_pool("tank", "dir");
            state.add_instance("web", "tank", "Stopped", "container");
        }
        let history = Self { world };
        for version in versions {
            history.add(version);
        }
        history
    }

    /// Backs up, and has the version look as if it had been made earlier.
    fn add(&self, version: &str) {
        let made = self
            .world
            .run(&["create", "web", "--yes", "-f", "json"])
            .exits(0);
        let made = made.rows()[0]["version"].as_str().unwrap().to_owned();
        let (from, to) = (self.folder().join(&made), self.folder().join(version));
        fs::rename(from, &to).unwrap();
        edit(&to.join("manifest.json"), |manifest| {
            manifest["version"] = version.into();
        });
    }

    fn folder(&self) -> PathBuf {
        self.world.root().join("fake/instances/default/web")
    }

    /// The versions that are there, oldest first.
    fn versions(&self) -> Vec<String> {
        let mut found: Vec<String> = fs::read_dir(self.folder())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        found
    }

    fn archive(&self, version: &str) -> PathBuf {
        self.folder().join(version).join("export.tar.zst")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let mut command = command(program);
        command
            .args(arguments)
            .bare()
            .env("TZ", "UTC")
            .env("INCUS_CONF", self.world.folder.path().join("conf"))
            .env(
                "INCUS_BACKUP_TARGET",
                format!("dir:{}", self.world.root().display()),
            );
        Ran::of(&command.output().unwrap())
    }

    fn prune(&self, arguments: &[&str]) -> Ran {
        self.run(env!("CARGO_BIN_EXE_incus-backup-prune"), arguments)
    }

    fn verify(&self, arguments: &[&str]) -> Ran {
        self.run(env!("CARGO_BIN_EXE_incus-backup-verify"), arguments)
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn flip(path: &Path, from_end: u64) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - 1 - usize::try_from(from_end).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

const DAYS: [&str; 4] = [
    "20260101T000000Z",
    "20260102T000000Z",
    "20260103T000000Z",
    "20260104T000000Z",
];

#[test]
fn prune_shows_what_goes_and_stays_and_why_and_then_does_that() {
    let history = History::of(&DAYS);
    let rules = ["--keep-last", "1", "--keep-daily", "2"];
    let plan = history
        .prune(&[&rules[..], &["--dry-run", "-f", "json"]].concat())
        .exits(0);
    let told: Vec<(String, String)> = plan
        .rows()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("action"), text("version") + " " + &text("reason"))
        })
        .collect();
    assert_eq!(told[0].0, "keep");
    assert_eq!(
        told[0].1,
        "20260104T000000Z newest, newest good one, last, daily"
    );
    assert_eq!(told[1], ("keep".into(), "20260103T000000Z daily".into()));
    assert_eq!(told[2].0, "delete");
    assert!(
        told[2].1.starts_with("20260102T000000Z frees "),
        "{}",
        told[2].1
    );
    assert_eq!(history.versions(), DAYS);
    history.prune(&rules).exits(5);
    assert_eq!(history.versions(), DAYS, "nobody agreed");
    history.prune(&[&rules[..], &["--yes"]].concat()).exits(0);
    assert_eq!(history.versions(), DAYS[2..]);
    let again = history
        .prune(&[&rules[..], &["--yes", "-f", "json"]].concat())
        .exits(0);
    assert!(again.rows().iter().all(|row| row["action"] == "keep"));
}

#[test]
fn without_a_rule_nothing_is_pruned_and_the_way_to_say_one_is_told() {
    let history = History::of(&DAYS);
    let ran = history.prune(&["--yes"]).exits(2);
    assert!(
        ran.stderr.contains("no retention rule says what stays"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: say it with --keep-daily 7"),
        "{}",
        ran.stderr
    );
    history.prune(&["--keep-last", "0", "--yes"]).exits(0);
    assert_eq!(history.versions(), DAYS);
    history
        .prune(&["--keep-last", "0", "--force", "--yes"])
        .exits(0);
    assert_eq!(history.versions(), [""; 0]);
}

#[test]
fn the_resource_s_own_rules_beat_the_settings_and_flags_beat_both() {
    let history = History::of(&DAYS[..3]);
    let conf = history.world.folder.path().join("conf");
    fs::create_dir(&conf).unwrap();
    fs::write(conf.join("backup.yml"), "retention: { keep-last: 3 }\n").unwrap();
    let deleted = |arguments: &[&str]| {
        let plan = history
            .prune(&[&["--dry-run", "-f", "json"], arguments].concat())
            .exits(0);
        plan.rows()
            .iter()
            .filter(|row| row["action"] == "delete")
            .count()
    };
    assert_eq!(deleted(&[]), 0);
    history
        .world
        .incus
        .state()
        .instance("web")
        .unwrap()
        .object
        .entry("config")
        .or_insert_with(|| serde_json::json!({}))["user.backup.retention"] = "last:2".into();
    history.add(DAYS[3]);
    assert_eq!(deleted(&[]), 2);
    assert_eq!(deleted(&["--keep-last", "1"]), 3);
    let manifest = history.folder().join(DAYS[3]).join("manifest.json");
    edit(&manifest, |manifest| {
        manifest["retention"] = "fortnightly:2".into();
    });
    let ran = history.prune(&["--yes"]).exits(1);
    assert!(
        ran.stderr.contains("`fortnightly` is not a retention rule"),
        "{}",
        ran.stderr
    );
    assert_eq!(history.versions(), DAYS);
}

#[test]
fn what_is_protected_or_damaged_is_treated_as_such() {
    let history = History::of(&DAYS);
    let own = |arguments: &[&str]| history.world.run(arguments);
    own(&["protect", "web", "--version", DAYS[0], "--yes"]).exits(0);
    let listed = own(&["list", "-f", "json"]).exits(0).rows();
    let protected: Vec<bool> = listed.iter().map(|row| row["protected"] == true).collect();
    assert_eq!(protected, [true, false, false, false]);
    let refused = own(&["delete", "web", "--version", DAYS[0], "--force", "--yes"]).exits(1);
    assert!(
        refused
            .stderr
            .contains("it is protected; `unprotect` lets it go")
    );
    // The newest one has lost its end: it takes no place, and stays while nothing is newer.
    let archive = history.archive(DAYS[3]);
    let bytes = fs::read(&archive).unwrap();
    fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
    history.prune(&["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(history.versions(), [DAYS[0], DAYS[2], DAYS[3]]);
    own(&["unprotect", "web", "--version", DAYS[0], "--yes"]).exits(0);
    history.prune(&["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(history.versions(), [DAYS[2], DAYS[3]]);
}

#[test]
fn prune_clears_what_a_killed_run_left_and_says_so() {
    let history = History::of(&DAYS[..1]);
    let partial = history.folder().join(".partial-20260102T000000Z-0badcafe");
    let deleting = history.folder().join(".deleting-20260101T000000Z-17");
    fs::create_dir(&partial).unwrap();
    fs::create_dir(&deleting).unwrap();
    history.prune(&["--keep-last", "1", "--dry-run"]).exits(0);
    assert!(
        partial.exists() && deleting.exists(),
        "a dry run changes nothing"
    );
    let ran = history.prune(&["--keep-last", "1", "--yes"]).exits(0);
    assert!(
        ran.stderr
            .contains("removed 2 unfinished versions and files of `fake`"),
        "{}",
        ran.stderr
    );
    assert_eq!(history.versions(), DAYS[..1]);
}

/// A first backup that was killed leaves a source without any version.
#[test]
fn prune_clears_a_source_that_holds_nothing_but_what_a_killed_run_left() {
    let history = History::of(&DAYS[..1]);
    let resource = history.world.root().join("other/instances/default/db");
    let partial = resource.join(".partial-20260102T000000Z-0badcafe");
    fs::create_dir_all(&partial).unwrap();
    let entered = history.world.root().join("fake/source.json");
    fs::copy(entered, history.world.root().join("other/source.json")).unwrap();
    let only = ["--keep-last", "1", "--yes", "--type", "instance"];
    history.prune(&only).exits(0);
    assert!(partial.exists(), "what is chosen is of another source");
    let ran = history.prune(&["--keep-last", "1", "--yes"]).exits(0);
    assert!(!partial.exists(), "{}", ran.stderr);
    let said = "removed 1 unfinished versions and files of `other`";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(history.versions(), DAYS[..1]);
}

/// The world moves between the plan and its work: what was to survive is gone.
#[test]
fn nothing_is_pruned_where_what_was_to_stay_is_gone_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let target = crate::transfer_faults::stored(&folder.path().join("target"));
    let web = |stored: &Stored| stored.id.resource.name().unwrap().as_str() == "web";
    let versions = || -> Vec<Stored> { all(&*target).into_iter().filter(web).collect() };
    let request = Request {
        flags: "last:1".parse().unwrap(),
        settings: Rules::default(),
        force: false,
        now: Version::now().timestamp(),
        zone: jiff::tz::TimeZone::UTC,
    };
    let before = versions();
    target.protect(&before[1].id, Protection::Off).unwrap();
    let approved = prune::plan(&request, &versions()).approve(Consent::given_by_yes());
    let lock = target
        .lock(&before[1].id.source, &before[1].id.resource)
        .unwrap();
    lock.delete(before[1].id.version).unwrap();
    drop(lock);
    let report = prune::apply(&target, approved, &Cancel::new());
    let failed = report
        .outcomes
        .iter()
        .filter(|it| it.status == Status::Failed);
    assert_eq!(failed.count(), 1);
    let left: Vec<_> = versions().into_iter().map(|stored| stored.id).collect();
    assert_eq!(left, [before[0].id.clone()]);
}

/// A typing error must not end in success.
#[test]
fn a_source_of_which_nothing_is_stored_is_told_by_verify_and_prune() {
    let history = History::of(&DAYS[..1]);
    let from = ["--from", "fakee"];
    let verified = history.verify(&from);
    let pruned = history.prune(&[&from[..], &["--keep-last", "1", "--yes"]].concat());
    for ran in [verified, pruned] {
        assert_eq!(ran.code, Some(10), "{}", ran.stderr);
        let said = "holds no backups of source `fakee`";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(ran.stderr.contains("--from fake\n"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    history.verify(&["--from", "fake"]).exits(0);
}

#[test]
fn verify_finds_everything_good_and_remembers_when() {
    let history = History::of(&DAYS[..2]);
    let found = history.verify(&["-f", "json"]).exits(0);
    assert!(
        found.stderr.contains("2 versions checked, 2 good"),
        "{}",
        found.stderr
    );
    for row in found.rows() {
        assert_eq!(
            (&row["verdict"], &row["level"]),
            (&"good".into(), &"full".into())
        );
    }
    let listed = history.world.run(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed[0]["verified"], "full");
    let due = |arguments: &[&str]| {
        history
            .verify(&[arguments, &["-f", "json"]].concat())
            .exits(0)
    };
    assert_eq!(due(&["--older-than", "7d"]).rows().len(), 0);
    assert_eq!(due(&["--older-than", "0d"]).rows().len(), 2);
    history.add(DAYS[2]);
    assert_eq!(due(&["--older-than", "7d"]).rows().len(), 1);
    assert_eq!(due(&["--latest"]).rows().len(), 1);
    assert_eq!(due(&["--version", DAYS[0], "web"]).rows().len(), 1);
    // A quick look does not stand for a full one.
    history.add(DAYS[3]);
    assert_eq!(due(&["--latest", "--level", "quick"]).rows().len(), 1);
    assert_eq!(due(&["--older-than", "7d"]).rows().len(), 1);
}

/// Damages a version in a way that its name tells.
fn damage(history: &History, version: &str, how: &str) {
    let folder = history.folder().join(version);
    let archive = history.archive(version);
    match how {
        "bit in the archive" => flip(&archive, 100),
        "bit in the seek table" => flip(&archive, 0),
        "bit in the description" => flip(&folder.join("instance.json"), 20),
        "archive cut" => {
            let bytes = fs::read(&archive).unwrap();
            fs::write(&archive, &bytes[..bytes.len() - 1]).unwrap();
        }
        "archive gone" => fs::remove_file(&archive).unwrap(),
        "description gone" => fs::remove_file(folder.join("instance.json")).unwrap(),
        "checksums gone" => fs::remove_file(folder.join("checksums.txt")).unwrap(),
        "manifest gone" => fs::remove_file(folder.join("manifest.json")).unwrap(),
        "manifest cut" => fs::write(folder.join("manifest.json"), "{").unwrap(),
        "other members" => edit(&folder.join("manifest.json"), |manifest| {
            let members = manifest["archive"]["members"].as_u64().unwrap();
            manifest["archive"]["members"] = (members + 1).into();
        }),
        "another's archive" => edit(&folder.join("manifest.json"), |manifest| {
            manifest["instance"]["snapshots"] = serde_json::json!(["s9"]);
        }),
        other => panic!("{other}"),
    }
}

#[rstest]
#[case("bit in the archive", "full", "`export.tar.zst`:")]
#[case("bit in the seek table", "full", "`export.tar.zst`: its SHA-256")]
#[case("bit in the description", "full", "`instance.json`: its SHA-256")]
#[case("other members", "full", "members, and its manifest gives")]
#[case("another's archive", "full", "other snapshots")]
#[case("archive cut", "quick", "and its manifest gives")]
#[case("archive gone", "quick", "`export.tar.zst` is missing")]
#[case("description gone", "quick", "`instance.json` is missing")]
#[case("checksums gone", "quick", "`checksums.txt` is missing")]
#[case("manifest gone", "quick", "`manifest.json` is missing")]
#[case("manifest cut", "quick", "it is not a manifest")]
fn damage_is_found_named_and_shown_beside_a_version_that_restores(
    #[case] how: &str,
    #[case] level: &str,
    #[case] said: &str,
) {
    let history = History::of(&DAYS[..2]);
    damage(&history, DAYS[1], how);
    let found = history.verify(&["--level", level, "-f", "json"]).exits(4);
    let rows = found.rows();
    assert_eq!(rows[0]["verdict"], "good");
    assert_eq!(rows[1]["verdict"], "damaged");
    let error = rows[1]["error"].as_str().unwrap();
    assert!(error.contains(said), "{error}");
    assert_eq!(rows[1]["good_version"], DAYS[0]);
    assert!(
        found
            .stderr
            .contains(&format!("version {} is damaged", DAYS[1])),
        "{}",
        found.stderr
    );
    assert!(
        found.stderr.contains(&format!("--version {}", DAYS[0])),
        "{}",
        found.stderr
    );
    // What was found is remembered: it is listed as damaged, and not what is restored by default.
    let listed = history.world.run(&["list", "-f", "json"]).exits(0).rows();
    assert_ne!(listed[1]["state"], "complete");
    let shown = history.world.run(&["show", "web", "-f", "json"]).exits(0);
    assert!(shown.stdout.contains(DAYS[0]));
}

#[test]
fn a_quick_check_reads_no_data_and_a_full_one_does() {
    let history = History::of(&DAYS[..1]);
    damage(&history, DAYS[0], "bit in the archive");
    history.verify(&["--level", "quick"]).exits(0);
    let ran = history.verify(&[]).exits(4);
    assert!(
        ran.stderr.contains("no other version of it is complete"),
        "{}",
        ran.stderr
    );
}

#[test]
fn verify_changes_nothing_but_its_record() {
    let history = History::of(&DAYS[..1]);
    let files = || {
        let folder = history.folder().join(DAYS[0]);
        let mut files: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap() != "checks.json")
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    history.verify(&[]).exits(0);
    assert_eq!(files(), before);
    let ran = history.verify(&["db"]).exits(1);
    assert!(
        ran.stderr.contains("the target holds no version of `db`"),
        "{}",
        ran.stderr
    );
}
