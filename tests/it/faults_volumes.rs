//! Every fault that can strike a custom volume, by its name, on both series: the volume is the old or
//! the new one, whole; the instance that mounts it runs and mounts it still; after the next run nothing
//! is left.

use std::process::Stdio;
use std::time::Duration;

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;
use serde_json::json;

use crate::fake::World;
use crate::faults::run;
use crate::lab::until;
use crate::real_bad_days::signal;

/// What is being done when something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A volume that a running container mounts is backed up, by way of a copy while that is paused.
    Create,
    /// It is gone, and restored.
    Restore,
    /// It is replaced; the container that mounts it is stopped for it.
    Replace,
}
use Operation::{Create, Replace, Restore};

const OLD: &[u8] = b"old";
const STORED: &[u8] = b"stored";
const ID: &str = "tank/data";

impl Operation {
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Create => &["create", ID, "--yes", "-q"],
            Restore => &["restore", ID, "--yes", "-q"],
            Replace => &["restore", ID, "--replace", "--force", "--yes", "-q"],
        }
    }

    /// A server and a target as they are before it.
    pub fn world(self, series: Series) -> World {
        let world = World::with_web(series, "dir");
        {
            let mut state = world.incus.state();
            let data = state.add_volume("tank", "data");
            data.files.insert("large".into(), vec![7; 70_000]);
            let snapshot = json!({ "name": "s0", "expires_at": "2077-01-02T03:04:05Z" });
            data.snapshots.push(snapshot.as_object().unwrap().clone());
            let device =
                json!({ "type": "disk", "pool": "tank", "source": "data", "path": "/mnt" });
            let web = state.instance("web").unwrap();
            for devices in ["devices", "expanded_devices"] {
                web.object[devices]["data"] = device.clone();
            }
        }
        let write = |content: &[u8]| {
            let mut state = world.incus.state();
            let data = state.volume("tank", "data").unwrap();
            data.files.insert("generation".into(), content.to_vec());
        };
        if self != Create {
            write(STORED);
            world.run_for("volume", Create.arguments()).exits(0);
        }
        write(OLD);
        if self == Restore {
            let mut state = world.incus.state();
            state.custom.clear();
            let web = state.instance("web").unwrap();
            for devices in ["devices", "expanded_devices"] {
                web.object[devices].as_object_mut().unwrap().remove("data");
            }
        }
        world.incus.state().requests.clear();
        world
    }
}

/// What the server has of the volume: `old`, `new`, or nothing.
pub fn found(world: &World) -> &'static str {
    let mut state = world.incus.state();
    let Some(data) = state.volume("tank", "data") else {
        return "nothing";
    };
    let is_whole = data.files["large"] == vec![7; 70_000]
        && data.files["a b"] == b"content"
        && data.snapshots.len() == 1
        && data.object["config"]["user.note"] == "x"
        && data.object["description"] == "the data";
    match data.files.get("generation").map(Vec::as_slice) {
        Some(STORED) if is_whole => "new",
        Some(OLD) if is_whole => "old",
        _ => panic!("neither the old nor the new one: {data:?}"),
    }
}

/// What is not as it was: temporary volumes, backups on the server, marks, the instance and its device.
pub fn left_over(world: &World, mounted: bool) -> Vec<String> {
    let mut found = world.left_over();
    let mut state = world.incus.state();
    for ((_, pool, name), volume) in &state.custom {
        if name != "data" {
            found.push(format!("{pool}/{name}"));
        }
        found.extend(volume.backups.keys().cloned());
        if volume.object["config"].to_string().contains("incus-backup") {
            found.push(format!("the mark of {name}"));
        }
    }
    let web = state.instance("web").unwrap();
    if web.status != "Running" {
        found.push(format!("web is {}", web.status));
    }
    if web.object["config"].to_string().contains("incus-backup") {
        found.push("the mark of web".to_owned());
    }
    if (web.object["devices"]["data"]["source"] == "data") != mounted {
        found.push(format!("web has {}", web.object["devices"]));
    }
    found
}

/// The command of an operation, which says nothing: what guards a pause outlives it.
fn quiet(world: &World, operation: Operation) -> std::process::Command {
    let mut command = world.command_for("volume", operation.arguments());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[track_caller]
fn check(series: Series, operation: Operation, fault: &'static str, code: i32) {
    let world = operation.world(series);
    world.incus.inject(Fault::parse(fault).unwrap());
    let ran = run(
        &world,
        world.command_for("volume", operation.arguments()),
        code == 130,
    );
    let what = format!("{fault}, {operation:?}, {series:?}: {}", ran.stderr);
    assert_eq!(ran.code, Some(code), "{what}");
    for never in ["panicked", "Some(", "Err(", "{ "] {
        assert!(!ran.stderr.contains(never), "{what}");
    }
    assert_eq!(world.incus.state().faults, [], "{what}");
    let expected = match (operation, code) {
        (Create, _) | (Replace, 1 | 130) => "old",
        (Restore, 1 | 130) => "nothing",
        _ => "new",
    };
    assert_eq!(found(&world), expected, "{what}");
    next_run(&world, operation, &what);
}

/// Whatever the fault was, the next run does its work and leaves nothing.
fn next_run(world: &World, operation: Operation, what: &str) {
    let socket = world.folder.path().join("unix.socket");
    until(30, "the daemon to be back", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    let again = if found(world) == "nothing" {
        Restore
    } else {
        Create
    };
    let ran = world.run_for("volume", again.arguments());
    assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
    let mounted = operation != Restore;
    let left = left_over(world, mounted);
    assert_eq!(left, Vec::<String>::new(), "after {what}\n{}", ran.stderr);
    assert_ne!(found(world), "nothing", "after {what}");
    let listed = world
        .run_for("volume", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let complete = listed.iter().all(|row| row["state"] == "complete");
    assert!(complete, "after {what}: {listed:?}");
    world.run_for("verify", &["--level", "full"]).exits(0);
}

#[rstest]
#[case::truncated("truncated:9000", 0, 0)]
#[case::clean_after_an_error("error-in-body:9000", 0, 1)]
#[case::flipped("flipped:150", 1, 1)]
#[case::copy_refused("refuse:POST /volumes/custom$:500:not today", 1, 1)]
#[case::copy_error_in_200("error-in-200:POST /volumes/custom$:not today", 1, 1)]
#[case::copy_reset("reset:POST /volumes/custom$", 0, 0)]
#[case::copy_vanished("vanished:Copying storage volume", 0, 0)]
#[case::copy_disk_full("disk-full:Copying storage volume", 1, 1)]
#[case::restart_at_the_copy("restart:POST /volumes/custom$", 0, 0)]
#[case::restart_during_the_copy("restart:GET /wait", 0, 0)]
#[case::pause_fails("fail:Freezing instance:not today", 1, 1)]
#[case::pause_reset("reset:PUT /web/state$", 0, 0)]
#[case::export_error_in_200("error-in-200:POST /backups$:not today", 1, 1)]
#[case::export_vanished("vanished:Creating custom volume backup", 1, 0)]
#[case::export_disk_full("disk-full:Creating custom volume backup", 1, 1)]
#[case::export_reset("reset:POST /backups$", 0, 0)]
#[case::restart_at_the_export("restart:POST /backups$", 0, 0)]
#[case::deletion_reset("reset:DELETE /volumes/custom", 0, 0)]
#[case::restart_at_the_deletion("restart:DELETE /volumes/custom", 0, 0)]
#[case::interrupted_in_the_export("stall:9000", 130, 130)]
fn create(#[case] fault: &'static str, #[case] lts60: i32, #[case] lts70: i32) {
    check(Series::Lts60, Create, fault, lts60);
    check(Series::Lts70, Create, fault, lts70);
}

#[rstest]
#[case::refused_half_way("import-refused:30000", 1)]
#[case::disk_full("disk-full:Creating custom volume from backup", 1)]
#[case::error_in_200("error-in-200:POST /volumes/custom$:not today", 1)]
#[case::wait_error_in_200("error-in-200:GET /wait:database is locked", 0)]
#[case::vanished("vanished:Creating custom volume from backup", 0)]
#[case::reset("reset:POST /volumes/custom$", 0)]
#[case::wait_reset("reset:GET /wait", 0)]
#[case::unavailable("unavailable:3", 0)]
#[case::restart_at_the_import("restart:POST /volumes/custom$", 0)]
#[case::restart_during_the_import("restart:GET /wait", 0)]
#[case::import_fails("fail:Creating custom volume from backup:the disk is on fire", 1)]
#[case::interrupted_when_all_is_sent("late:POST /volumes/custom$", 130)]
fn restores(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[values(Restore, Replace)] operation: Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    check(series, operation, fault, code);
}

/// Between the import and the new one's place.
#[rstest]
#[case::mark_reset("reset:PUT /custom/data$", 0)]
#[case::mark_restart("restart:PUT /custom/data$", 0)]
#[case::stop_fails("fail:Stopping instance:not today", 0)]
#[case::stop_vanished("vanished:Stopping instance", 0)]
#[case::stop_reset("reset:PUT /web/state$", 0)]
#[case::detach_refused("refuse:PUT /instances/web$:500:not today", 1)]
#[case::detach_reset("reset:PUT /instances/web$", 0)]
#[case::first_rename_refused("refuse:POST /custom/data$:500:not today", 1)]
#[case::first_rename_reset("reset:POST /custom/data$", 0)]
#[case::first_rename_restart("restart:POST /custom/data$", 0)]
#[case::second_rename_refused("refuse:POST /custom/incus-backup-tmp:500:not today", 1)]
#[case::second_rename_restart("restart:POST /custom/incus-backup-tmp", 0)]
#[case::deletion_refused("refuse:DELETE /custom/incus-backup-tmp:500:not today", 0)]
#[case::deletion_restart("restart:DELETE /custom/incus-backup-tmp", 0)]
fn replace(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    check(series, Replace, fault, code);
}

/// What was stopped and does not start again is told of, and started by the next run.
#[rstest]
fn a_container_that_does_not_start_again_is_started_by_the_next_run(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = Replace.world(series);
    world
        .incus
        .inject(Fault::parse("fail:Starting instance:not today").unwrap());
    let ran = run(
        &world,
        world.command_for("volume", Replace.arguments()),
        false,
    )
    .exits(1);
    let told = "is restored, but not everything that was stopped for it runs again";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(
        world.incus.state().instance("web").unwrap().status,
        "Stopped"
    );
    next_run(&world, Replace, told);
    assert_eq!(found(&world), "new");
}

/// However long the server copies: who was paused for it goes on at once when the run is given up.
#[rstest]
fn a_container_goes_on_when_the_copy_that_it_is_paused_for_is_given_up(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = Create.world(series);
    world
        .incus
        .inject(Fault::parse("hang:Copying storage volume").unwrap());
    let mut child = quiet(&world, Create).spawn().unwrap();
    let status = || world.incus.state().instance("web").unwrap().status;
    until(30, "the copy", || world.incus.state().faults.is_empty());
    assert_eq!(status(), "Frozen");
    signal(child.id(), "INT");
    until(30, "the container to go on", || status() == "Running");
    signal(child.id(), "KILL");
    child.wait().unwrap();
    next_run(&world, Create, "a copy that does not end");
}

/// Wherever a run is killed, the next one puts everything right.
#[rstest]
#[case::in_the_copy(Create, "hang:Copying storage volume", "old")]
#[case::in_the_pause(Create, "hang:Freezing instance", "old")]
#[case::in_the_export(Create, "hang:Creating custom volume backup", "old")]
#[case::in_the_import(Replace, "hang:Creating custom volume from backup", "old")]
#[case::in_the_stop(Replace, "hang:Stopping instance", "old")]
#[case::in_the_detachment(Replace, "hang:Updating instance", "old")]
#[case::in_the_start(Replace, "hang:Starting instance", "new")]
fn what_a_killed_run_leaves_is_put_right_by_the_next(
    #[case] operation: Operation,
    #[case] fault: &'static str,
    #[case] expected: &str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = operation.world(series);
    world.incus.inject(Fault::parse(fault).unwrap());
    let mut child = quiet(&world, operation).spawn().unwrap();
    until(30, "the fault to strike", || {
        world.incus.state().faults.is_empty() || child.try_wait().unwrap().is_some()
    });
    std::thread::sleep(Duration::from_millis(100));
    signal(child.id(), "KILL");
    child.wait().unwrap();
    // What hung ends some time.
    world.incus.state().give_up();
    next_run(&world, operation, fault);
    assert_eq!(found(&world), expected, "{fault}");
}

/// A device of a profile follows no rename: it is taken out, and put back whatever happens.
#[rstest]
#[case::replaced(&[], None, "new")]
#[case::not_taken_out(
    &["refuse:PUT /profiles/mounts$:500:no change"],
    Some("cannot replace `tank/data`; it is as it was"),
    "old"
)]
#[case::not_put_back(
    &[
        "refuse:POST /custom/incus-backup-tmp:500:no name",
        "spare:PUT /profiles/mounts$",
        "refuse:PUT /profiles/mounts$:500:no change",
    ],
    Some("which is there but not as it was ("),
    "old"
)]
fn a_volume_that_a_profile_mounts_is_mounted_again(
    #[case] faults: &[&'static str],
    #[case] told: Option<&str>,
    #[case] expected: &str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = Replace.world(series);
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        let device = web.object["devices"]
            .as_object_mut()
            .unwrap()
            .remove("data");
        web.object["profiles"] = json!(["default", "mounts"]);
        let content = json!({ "config": {}, "devices": { "data": device } });
        state.profiles.push("mounts".to_owned());
        state.profile_contents.insert("mounts".to_owned(), content);
        let faults = faults.iter().map(|it| Fault::parse(it).unwrap());
        state.faults = faults.collect();
    }
    let ran = run(
        &world,
        world.command_for("volume", Replace.arguments()),
        false,
    );
    assert_eq!(world.incus.state().faults, [], "{}", ran.stderr);
    assert_eq!(ran.code, Some(i32::from(told.is_some())), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(told.unwrap_or_default()),
        "{}",
        ran.stderr
    );
    world.run_for("volume", Create.arguments()).exits(0);
    assert_eq!(found(&world), expected, "{}", ran.stderr);
    assert_eq!(left_over(&world, false), Vec::<String>::new());
    let state = world.incus.state();
    let device = &state.profile_contents["mounts"]["devices"]["data"];
    assert_eq!(device["source"], "data", "{}", ran.stderr);
}
