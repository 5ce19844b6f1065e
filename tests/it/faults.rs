//! Every fault, by its name, in every operation, on both series: the exit code is the documented one,
//! nothing is listed that is not whole, the server's instance is the old or the new one, whole, and
//! after the next run nothing is left.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use incus_backup::testing::fake::{FakeInstance, Fault, Series};
use rstest::rstest;

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

/// What is being done when something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A running container is backed up, by way of a copy.
    Create,
    /// It is gone, and restored.
    Restore,
    /// It runs, and is replaced.
    Replace,
}
use Operation::{Create, Replace, Restore};

const OLD: &[u8] = b"old";
const STORED: &[u8] = b"stored";
const CONTENT: &str = "rootfs/generation";

impl Operation {
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Create => &["create", "web", "--yes", "-q", "--stall-timeout", "2"],
            Restore => &["restore", "web", "--yes", "-q"],
            Replace => &["restore", "web", "--replace", "--yes", "-q"],
        }
    }

    /// A server and a target as they are before it.
    pub fn world(self, series: Series) -> World {
        let world = World::with_web(series, "dir");
        let write = |content: &[u8]| {
            let mut state = world.incus.state();
            let web = state.instance("web").unwrap();
            web.files.insert(CONTENT.into(), content.to_vec());
        };
        if self != Create {
            write(STORED);
            world.run(Create.arguments()).exits(0);
        }
        write(OLD);
        if self == Restore {
            world.incus.state().instances.clear();
        }
        world.incus.state().requests.clear();
        world
    }
}

/// Whether the files, snapshots and configuration of an instance are those that it has as a whole.
fn is_whole(web: &FakeInstance, content: &[u8]) -> bool {
    web.files.get(CONTENT).is_some_and(|found| found == content)
        && web.files["rootfs/data/y"] == vec![7; 70_000]
        && web.snapshots.len() == 1
        && web.snapshots[0].object["expires_at"] == "2077-01-02T03:04:05Z"
        && web.snapshots[0].files["rootfs/data/x"] == b"content of web"
        && web.object["config"]["user.note"] == "x"
        && web.object["config"]["volatile.cloud-init.instance-id"] == "cloud-web"
}

/// What the server has of the instance: `old`, `new`, or nothing.
pub fn found(world: &World) -> &'static str {
    let mut state = world.incus.state();
    let Some(web) = state.instance("web") else {
        return "nothing";
    };
    if is_whole(web, STORED) && web.status == "Stopped" {
        "new"
    } else if is_whole(web, OLD) && web.status == "Running" {
        "old"
    } else {
        let (files, snapshots) = (web.files.keys(), web.snapshots.iter().map(|it| &it.object));
        panic!(
            "neither the old nor the new one: {}, {:?}, {:?}, {:?}",
            web.status,
            web.object,
            files.collect::<Vec<_>>(),
            snapshots.collect::<Vec<_>>()
        )
    }
}

/// Runs a command to its end, which must come.
pub fn run(world: &World, mut command: Command, interrupted: bool) -> Ran {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    if interrupted {
        until(30, "the fault to strike", || {
            world.incus.state().faults.is_empty()
        });
        std::thread::sleep(Duration::from_millis(100));
        signal(child.id(), "INT");
    }
    Ran::of(&child.wait_with_output().unwrap())
}

#[track_caller]
fn check(series: Series, operation: Operation, fault: &'static str, code: i32) {
    let world = operation.world(series);
    let before = world.versions();
    world.incus.inject(Fault::parse(fault).unwrap());
    let begun = Instant::now();
    let ran = run(&world, world.command(operation.arguments()), code == 130);
    let what = format!("{fault}, {operation:?}, {series:?}: {}", ran.stderr);
    assert_eq!(ran.code, Some(code), "{what}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
    for never in ["panicked", "Some(", "Err(", "{ "] {
        assert!(!ran.stderr.contains(never), "{what}");
    }
    assert_eq!(code == 1, ran.stderr.contains("error: "), "{what}");
    {
        let mut state = world.incus.state();
        state
            .faults
            .retain(|fault| !matches!(fault, Fault::Slow(_)));
        assert_eq!(state.faults, [], "{what}");
    }
    let expected = match (operation, code) {
        (Create, _) | (Replace, 1 | 130) => "old",
        (Restore, 1 | 130) => "nothing",
        _ => "new",
    };
    assert_eq!(found(&world), expected, "{what}");
    let stored = usize::from(operation == Create && code == 0);
    assert_eq!(world.versions(), before + stored, "{what}");
    next_run(&world, &what);
}

/// Whatever the fault was, the next run does its work and leaves nothing.
fn next_run(world: &World, what: &str) {
    let socket = world.folder.path().join("unix.socket");
    until(30, "the daemon to be back", || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    });
    let again = if found(world) == "nothing" {
        Restore
    } else {
        Create
    };
    let ran = world.run(again.arguments());
    assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new(), "after {what}");
    assert_ne!(found(world), "nothing", "after {what}");
    let listed = world.run(&["list", "-f", "json"]).exits(0).rows();
    let complete = listed.iter().all(|row| row["state"] == "complete");
    assert!(complete, "after {what}: {listed:?}");
}

#[rstest]
#[case::truncated("truncated:9000", 0, 0)]
#[case::truncated_at_once("truncated:0", 0, 0)]
#[case::clean_after_an_error("error-in-body:9000", 1, 1)]
#[case::flipped("flipped:150", 1, 1)]
#[case::stall("stall:9000", 1, 1)]
#[case::slow("slow:400000", 0, 0)]
#[case::copy_error_in_200("error-in-200:POST /1.0/instances$:not today", 1, 1)]
#[case::export_error_in_200("error-in-200:POST /backups$:not today", 1, 1)]
#[case::wait_error_in_200("error-in-200:GET /wait:database is locked", 0, 0)]
#[case::copy_vanished("vanished:Creating instance", 1, 1)]
#[case::export_vanished("vanished:Backing up instance", 1, 0)]
#[case::deletion_vanished("vanished:Deleting instance", 0, 0)]
#[case::copy_reset("reset:POST /1.0/instances$", 0, 0)]
#[case::export_reset("reset:POST /backups$", 0, 0)]
#[case::wait_reset("reset:GET /wait", 0, 0)]
#[case::unavailable("unavailable:3", 0, 0)]
#[case::restart_at_the_copy("restart:POST /1.0/instances$", 0, 0)]
#[case::restart_during_the_copy("restart:GET /wait", 1, 1)]
#[case::restart_at_the_export("restart:POST /backups$", 0, 0)]
#[case::restart_at_the_deletion("restart:DELETE /1.0/instances", 0, 0)]
#[case::disk_full_for_the_copy("disk-full:Creating instance", 1, 1)]
#[case::disk_full_for_the_export("disk-full:Backing up instance", 1, 1)]
#[case::refused("refuse:POST /backups$:500:not today", 1, 1)]
fn create(#[case] fault: &'static str, #[case] lts60: i32, #[case] lts70: i32) {
    check(Series::Lts60, Create, fault, lts60);
    check(Series::Lts70, Create, fault, lts70);
}

#[rstest]
#[case::refused_half_way("import-refused:30000", 1)]
#[case::refused_at_once("import-refused:0", 1)]
#[case::disk_full("disk-full:Restoring backup", 1)]
#[case::error_in_200("error-in-200:POST /1.0/instances$:not today", 1)]
#[case::wait_error_in_200("error-in-200:GET /wait:database is locked", 0)]
#[case::vanished("vanished:Restoring backup", 0)]
#[case::reset("reset:POST /1.0/instances$", 0)]
#[case::wait_reset("reset:GET /wait", 0)]
#[case::unavailable("unavailable:3", 0)]
#[case::restart_at_the_import("restart:POST /1.0/instances$", 0)]
#[case::restart_during_the_import("restart:GET /wait", 0)]
#[case::interrupted_when_all_is_sent("late:POST /1.0/instances$", 130)]
#[case::import_fails("fail:Restoring backup:the disk is on fire", 1)]
fn restores(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[values(Restore, Replace)] operation: Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    check(series, operation, fault, code);
}

/// Between the import and its end.
#[rstest]
#[case::expiry_refused("refuse:PUT /snapshots/s0$:500:not today", 1)]
#[case::expiry_fails("fail:Updating snapshot:not today", 1)]
#[case::expiry_vanished("vanished:Updating snapshot", 0)]
#[case::expiry_reset("reset:PUT /snapshots/s0$", 0)]
#[case::expiry_restart("restart:PUT /snapshots/s0$", 0)]
fn restore(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    check(series, Restore, fault, code);
}

/// Between the import and the new one's place.
#[rstest]
#[case::change_vanished("vanished:Updating instance", 0)]
#[case::mark_reset("reset:PUT /1.0/instances/web$", 0)]
#[case::mark_restart("restart:PUT /1.0/instances/web$", 0)]
#[case::incoming_restart("restart:PUT /1.0/instances/incus-backup-tmp", 0)]
#[case::stop_reset("reset:PUT /web/state$", 0)]
#[case::stop_vanished("vanished:Stopping instance", 0)]
#[case::first_rename_reset("reset:POST /1.0/instances/web$", 0)]
#[case::first_rename_restart("restart:POST /1.0/instances/web$", 0)]
#[case::second_rename_reset("reset:POST /1.0/instances/incus-backup-tmp", 0)]
#[case::second_rename_restart("restart:POST /1.0/instances/incus-backup-tmp", 0)]
#[case::rename_vanished("vanished:Renaming instance", 0)]
#[case::rename_fails("fail:Renaming instance:busy", 1)]
fn replace(
    #[case] fault: &'static str,
    #[case] code: i32,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    check(series, Replace, fault, code);
}

/// The new instance says from its first moment on whose it is: not even a run that is killed before
/// it can say so leaves anything for good.
#[rstest]
fn what_a_killed_replacement_leaves_is_cleared_by_the_next_run(
    #[values(
        "hang:Restoring backup",
        "hang:Updating instance",
        "hang:Stopping instance",
        "hang:Renaming instance",
        "hang:Deleting instance"
    )]
    fault: &'static str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = Replace.world(series);
    world.incus.inject(Fault::parse(fault).unwrap());
    let mut child = world.command(Replace.arguments()).spawn().unwrap();
    until(30, "the fault to strike", || {
        world.incus.state().faults.is_empty()
    });
    std::thread::sleep(Duration::from_millis(100));
    signal(child.id(), "KILL");
    child.wait().unwrap();
    let ran = world.run(Create.arguments());
    assert_eq!(ran.code, Some(0), "after {fault}\n{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new(), "{fault}");
    assert_eq!(world.incus.state().names(), ["web"], "{fault}");
    let expected = match fault {
        "hang:Deleting instance" => "new",
        _ => "old",
    };
    assert_eq!(found(&world), expected, "{fault}");
}

/// What is listed before the new one that is to go starts again all the same: both have the same MAC
/// addresses.
#[rstest]
fn an_instance_that_is_listed_first_runs_again_after_a_killed_replacement(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = World::with_web(series, "dir");
    {
        let mut state = world.incus.state();
        state.instances.clear();
        state.add_instance("app", "tank", "Running", "container");
    }
    world.run(&["create", "app", "--yes"]).exits(0);
    world
        .incus
        .inject(Fault::parse("hang:Renaming instance").unwrap());
    let replace = ["restore", "app", "--replace", "--yes", "-q"];
    let mut child = world.command(&replace).spawn().unwrap();
    until(30, "the fault to strike", || {
        world.incus.state().faults.is_empty()
    });
    std::thread::sleep(Duration::from_millis(100));
    signal(child.id(), "KILL");
    child.wait().unwrap();
    let ran = world.run(&["create", "app", "--yes"]).exits(0);
    assert_eq!(world.flag("app"), "Running", "{}", ran.stderr);
    assert_eq!(world.incus.state().names(), ["app"], "{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new());
}
