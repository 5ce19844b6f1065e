//! What is kept of each run in the target: `SOURCE/runs/RUN.json`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use incus_backup::testing::fake::{Fault, Series};
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::until;
use crate::real_bad_days::signal;

/// The records, oldest first.
fn files(world: &World) -> Vec<PathBuf> {
    let folder = world.root().join("fake/runs");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // Two may be of one second.
    found.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    found
}

fn newest(world: &World) -> Value {
    let path = files(world).pop().expect("a record");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn each_run_leaves_a_record_of_what_it_was_asked_and_did() {
    let world = World::with_web(Series::Lts60, "btrfs");
    let rows = world
        .run(&["create", "web", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let record = newest(&world);
    let version = rows[0]["version"].as_str().unwrap();
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(record["run"], manifest["run"]);
    assert_eq!(record["rows"], Value::from(rows.clone()));
    assert_eq!(
        (&record["format"], &record["exit_code"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(record["source"], "fake");
    let command: Vec<&str> = record["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert_eq!(command[1..], ["create", "web", "--yes", "-f", "json"]);
    let moment = |key: &str| -> jiff::Timestamp { record[key].as_str().unwrap().parse().unwrap() };
    assert!(moment("begun_at") <= moment("ended_at"));

    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    assert_eq!(newest(&world)["rows"][0]["action"], "replace");
    world
        .run(&["delete", "web", "--version", version, "--force", "--yes"])
        .exits(0);
    assert_eq!(newest(&world)["rows"][0]["action"], "delete");
    assert_eq!(files(&world).len(), 3);
    for path in files(&world) {
        let mode = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.parent().unwrap().to_owned()), 0o700);
        let run: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = format!("{}.json", run["run"].as_str().unwrap());
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
    }
}

#[test]
fn what_failed_and_what_was_refused_is_recorded_and_what_was_only_looked_at_is_not() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    for quiet in [
        ["list", "web"].as_slice(),
        &["create", "web", "--dry-run"],
        &["restore", "web", "--replace", "--dry-run"],
        &["create", "web"],
    ] {
        world.run(quiet);
    }
    assert_eq!(files(&world).len(), 1);
    world
        .incus
        .inject(Fault::Fail("Backing up", "no space left"));
    world
        .run(&["create", "web", "--yes", "--retries", "0"])
        .exits(1);
    let record = newest(&world);
    assert_eq!(record["exit_code"], 1);
    assert!(
        record["rows"][0]["error"]
            .as_str()
            .unwrap()
            .contains("no space left")
    );
    world.run(&["restore", "web", "--yes"]).exits(1);
    let record = newest(&world);
    assert_eq!(record["rows"][0]["status"], "refused");
    world.run(&["create", "no-such", "--yes"]).exits(1);
    assert_eq!(newest(&world)["rows"][0]["name"], "no-such");
    assert_eq!(files(&world).len(), 4);
}

#[test]
fn an_interrupted_run_is_recorded() {
    let world = World::with_web(Series::Lts60, "dir");
    world.hang_before_a_backup();
    let mut child = world
        .command(&["create", "web", "--yes", "-q"])
        .spawn()
        .unwrap();
    until(20, "the command", || {
        let state = world.incus.state();
        state.requests.iter().any(|it| it.starts_with("EXEC"))
    });
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let record = newest(&world);
    assert_eq!(record["exit_code"], 130);
    assert_eq!(record["rows"][0]["status"], "interrupted");
}

#[test]
fn a_record_that_cannot_be_kept_is_a_warning() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let folder = world.root().join("fake/runs");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let ran = world.run(&["create", "web", "--yes"]).exits(0);
    assert!(
        ran.stderr
            .contains("warning: the record of this run is not kept: cannot create `"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.versions(), 2);
}

#[test]
fn what_a_killed_process_was_writing_goes_with_the_next_record() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let folder = world.root().join("fake/runs");
    // A process of this boot whose number began at another time.
    let owner = incus_backup::model::Owner::current(&incus_backup::model::RunId::begin());
    let tag = owner.tag();
    let dead = format!("{}-1", &tag[..tag.rfind('-').unwrap()]);
    let left = |tag: &str| folder.join(format!(".20260131T235959Z-00c0ffee.json-{tag}"));
    std::fs::write(left(&dead), "{").unwrap();
    std::fs::write(left(&tag), "{").unwrap();
    world.run(&["create", "web", "--yes"]).exits(0);
    assert!(!left(&dead).exists());
    assert!(left(&tag).exists(), "a living process still writes it");
}
