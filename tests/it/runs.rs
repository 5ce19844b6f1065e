//! What is kept of each run in the target: `SOURCE/runs/RUN.json`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use incus_backup::testing::fake::{Fault, Series};
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;
use crate::restic::{Repository, needs_restic};
use crate::restic_commands::Site;

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

/// What `list --runs` tells of each run, the newest first.
fn told(ran: &Ran) -> Vec<String> {
    let rows = ran.rows();
    let told = rows.iter().map(|row| {
        let words = row["command"].as_array().unwrap();
        let verb = words[1].as_str().unwrap();
        let of = |key: &str| row[key].as_u64().unwrap();
        format!(
            "{} {verb} {}: {} {} {}",
            row["source"].as_str().unwrap(),
            of("exit_code"),
            of("done"),
            of("failed"),
            of("refused")
        )
    });
    told.collect()
}

/// Makes four runs, each of a second of its own: one goes well, one in part, one not at all, and the last is
/// refused.
fn make_runs(command: &dyn Fn(&str, &[&str]) -> Command, world: &World) {
    let seconds = std::cell::Cell::new(0);
    let run = |kind: &str, arguments: &[&str]| {
        seconds.set(seconds.get() + 1);
        let moment = format!("2026-01-01T00:00:{:02}Z", seconds.get());
        let mut command = command(kind, arguments);
        command.env("INCUS_BACKUP_TEST_CLOCK", moment);
        Ran::of(&command.output().unwrap())
    };
    run("instance", &["create", "web", "--yes"]).exits(0);
    let broken = || Fault::Refuse("POST", "/web/backups", 403, "not today");
    world.incus.inject(broken());
    let all = ["create", "--skip", "image", "--yes"];
    run("all", &all).exits(3);
    world.incus.inject(broken());
    run("instance", &["create", "web", "--yes"]).exits(1);
    run("instance", &["restore", "web", "--yes"]).exits(1);
}

const MADE: [&str; 4] = [
    "fake restore 1: 0 0 1",
    "fake create 1: 0 1 0",
    "fake create 3: 1 1 0",
    "fake create 0: 1 0 0",
];

#[track_caller]
fn are_listed(run: &dyn Fn(&str, &[&str]) -> Ran) {
    let listed = run("all", &["list", "--runs", "-f", "json"]).exits(0);
    assert_eq!(told(&listed), MADE);
    let rows = listed.rows();
    let errors = rows[1]["errors"].as_array().unwrap();
    let error = errors[0].as_str().unwrap();
    assert!(error.starts_with("instance web: "), "{error}");
    assert!(error.contains("not today"), "{error}");
    assert_eq!(rows[3]["errors"], json!([]));
    let table = run("all", &["list", "--runs"]).exits(0).stdout;
    assert!(
        table.contains("incus-backup-instance create web"),
        "{table}"
    );
    assert!(table.contains("EXIT CODE"), "{table}");
    let of = |source: &str| run("all", &["list", "--runs", "--from", source, "-f", "json"]);
    assert_eq!(told(&of("fake").exits(0)), MADE);
    of("fkae").exits(10);
    run("all", &["list", "web", "--runs"]).exits(2);
    run("all", &["list", "--runs", "--unprotected"]).exits(2);
}

#[test]
fn runs_are_listed_the_newest_first_with_what_went_wrong() {
    let world = World::with_web(Series::Lts70, "zfs");
    make_runs(
        &|kind, arguments| world.command_for(kind, arguments),
        &world,
    );
    let run = |kind: &str, arguments: &[&str]| world.run_for(kind, arguments);
    are_listed(&run);
    // One that cannot be read takes nothing from the rest.
    let folder = world.root().join("fake/runs");
    std::fs::write(folder.join("20990101T000000Z-00000000.json"), "{").unwrap();
    are_listed(&run);
}

/// Of a repository they are told by one listing of it: no restic reads a record.
#[test]
fn runs_in_a_repository_are_listed_by_the_listing_that_is_made_anyway() {
    needs_restic!();
    let site = Site::with(Repository::new());
    make_runs(
        &|kind, arguments| site.command(kind, arguments),
        &site.world,
    );
    let run = |kind: &str, arguments: &[&str]| site.run(kind, arguments);
    are_listed(&run);
    let counted = site.repository.beside("counted");
    let script = format!("echo \"$1\" >>{}; exec $real \"$@\"", counted.display());
    let wrapper = site.repository.wrapper(&script);
    let mut command = site.command("all", &["list", "--runs"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", wrapper.display()));
    Ran::of(&command.output().unwrap()).exits(0);
    let counted = std::fs::read_to_string(counted).unwrap();
    assert_eq!(counted, "version\nsnapshots\n");
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
