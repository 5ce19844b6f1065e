//! `incus-backup-config` against the fake daemon: what faults must not do.

use std::path::PathBuf;

use incus_backup::testing::fake::{FakeIncus, Fault, Series};
use tempfile::TempDir;

use crate::lab::{Bare as _, Ran, command};

struct World {
    incus: FakeIncus,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let incus = FakeIncus::start(folder.path(), Series::Lts60).unwrap();
        Self { incus, folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = command(env!("CARGO_BIN_EXE_incus-backup-config"));
        command
            .args(arguments)
            .bare()
            .env("INCUS_DIR", self.folder.path())
            .env("INCUS_CONF", self.folder.path().join("none"))
            .env(
                "INCUS_BACKUP_TARGET",
                format!("dir:{}", self.root().display()),
            );
        Ran::of(&command.output().unwrap())
    }

    /// Has every request for a path refused from now on.
    fn refuse(&self, path: &'static str) {
        let fault = Fault::Refuse("GET", path, 500, "database is on fire");
        let mut state = self.incus.state();
        state.faults.extend(vec![fault; 20]);
    }

    /// The folder of the only version.
    fn version(&self) -> PathBuf {
        let folder = self.root().join("fake/config");
        let mut inside = std::fs::read_dir(folder).unwrap();
        inside.next().unwrap().unwrap().path()
    }
}

#[test]
fn a_kind_that_cannot_be_read_is_not_recorded_as_empty() {
    let world = World::new();
    world.refuse("profiles");
    let ran = world.run(&["create", "--yes", "-f", "json"]).exits(3);
    let rows = ran.rows();
    assert_eq!(rows[0]["status"], "done");
    assert_eq!(rows[1]["status"], "refused");
    assert_eq!(rows[1]["object"]["kind"], "profile");
    assert!(ran.stderr.contains("database is on fire"), "{}", ran.stderr);
    assert!(!world.version().join("profiles.json").exists());
    assert!(world.version().join("projects.json").exists());
    let shown = world.run(&["show", "-f", "json"]).exits(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["config"]["unreadable"][0]["kind"], "profile");
    world.incus.state().faults.clear();
    // Nothing is said of the profiles that the server has: they may have been in the backup too.
    let compared = world.run(&["diff", "-f", "json"]).exits(3);
    assert_eq!(compared.stdout.trim(), "[]");
    assert!(
        compared.stderr.contains("the profiles are not compared"),
        "{}",
        compared.stderr
    );
}

#[test]
fn a_dry_run_says_what_cannot_be_read_and_stores_nothing() {
    let world = World::new();
    world.refuse("profiles");
    world.run(&["create", "--dry-run"]).exits(3);
    assert!(!world.root().exists());
}

#[test]
fn an_error_that_passes_is_read_over() {
    let world = World::new();
    let fault = Fault::Refuse("GET", "profiles", 500, "database is locked");
    world.incus.inject(fault);
    world.run(&["create", "--yes"]).exits(0);
    assert!(world.version().join("profiles.json").exists());
}

#[test]
fn damage_is_told_and_nothing_of_the_version_is_used() {
    let world = World::new();
    world.run(&["create", "--yes"]).exits(0);
    let file = world.version().join("networks.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("default", "DEFAULT")).unwrap();
    let verbs = [
        &["show", "--kind", "projects"][..],
        &["diff"],
        &["restore", "--yes"],
    ];
    for verb in verbs {
        let ran = world.run(verb).exits(4);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains("`networks.json`"), "{}", ran.stderr);
    }
}

#[test]
fn a_manifest_of_a_later_format_says_what_is_needed() {
    let world = World::new();
    world.run(&["create", "--yes"]).exits(0);
    let file = world.version().join("manifest.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"format\": 2", "\"format\": 3")).unwrap();
    let version = world.version();
    let version = version.file_name().unwrap().to_str().unwrap();
    for verb in ["diff", "restore"] {
        let ran = world.run(&[verb, "--version", version]).exits(1);
        let needed = "a newer version of this program is needed";
        assert!(ran.stderr.contains(needed), "{}", ran.stderr);
    }
}

#[test]
fn a_version_can_be_verified_protected_and_deleted() {
    let world = World::new();
    world.run(&["create", "--yes"]).exits(0);
    let verify = |code| {
        let mut command = command(env!("CARGO_BIN_EXE_incus-backup-verify"));
        command.args(["--level", "full"]).env(
            "INCUS_BACKUP_TARGET",
            format!("dir:{}", world.root().display()),
        );
        Ran::of(&command.output().unwrap()).exits(code);
    };
    verify(0);
    world.run(&["protect", "--yes"]).exits(0);
    world
        .run(&["delete", "--all-versions", "--force", "--yes"])
        .exits(1);
    world.run(&["unprotect", "--yes"]).exits(0);
    // It is the last one that is complete.
    world.run(&["delete", "--all-versions", "--yes"]).exits(1);
    let file = world.version().join("networks.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("default", "DEFAULT")).unwrap();
    verify(4);
    world
        .run(&["delete", "--all-versions", "--force", "--yes"])
        .exits(0);
    let left = world.run(&["list", "-f", "json"]).exits(0);
    assert_eq!(left.rows(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_project_that_another_run_has_eased_is_stored_as_it_was_before_and_what_runs_use_is_not() {
    let world = World::new();
    let project = |config: serde_json::Value| {
        let config = config.as_object().unwrap().clone();
        world.incus.state().projects.insert("shop".into(), config);
    };
    project(serde_json::json!({ "features.profiles": "true", "restricted": "true" }));
    world.run(&["create", "--yes"]).exits(0);
    let before = std::fs::read_to_string(world.version().join("projects.json")).unwrap();
    assert!(before.contains("\"shop\""));
    // As a run leaves it while it imports something.
    project(
        serde_json::json!({ "features.profiles": "true", "restricted": "true",
        "restricted.containers.lowlevel": "allow", "restricted.virtual-machines.lowlevel": "allow",
        "user.incus-backup.before": "{\"restricted.containers.lowlevel\":null,\
            \"restricted.virtual-machines.lowlevel\":null}",
        "user.incus-backup.holder.x": "y" }),
    );
    {
        let mut state = world.incus.state();
        let name = "incus-backup-tmp-0a1b2c3d-1";
        state.add_instance(name, "default", "Stopped", "container");
        let copy = state.instance(name).unwrap();
        copy.object["config"]["user.incus-backup"] = "x".into();
    }
    std::fs::remove_dir_all(world.root()).unwrap();
    world.run(&["create", "--yes"]).exits(0);
    let file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.version().join("projects.json")).unwrap())
            .unwrap();
    let shop = file["objects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "shop")
        .unwrap();
    let declared = serde_json::json!({ "features.profiles": "true", "restricted": "true" });
    assert_eq!(shop["set"]["config"], declared);
    let instances = std::fs::read_to_string(world.version().join("instances.json")).unwrap();
    assert!(!instances.contains("incus-backup-tmp"), "{instances}");
    // Nor does a comparison, or a restore, see anything to do.
    assert_eq!(
        world.run(&["diff", "-f", "json"]).exits(0).stdout.trim(),
        "[]"
    );
}
