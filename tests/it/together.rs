//! An instance and the volumes that it mounts, of one moment: what fails of one fails all of them, what
//! was paused goes on, and nothing is left.

use std::process::Stdio;

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::faults::run;
use crate::faults_volumes::left_over;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

const CREATE: [&str; 5] = ["create", "web", "--with-volumes", "--yes", "-f"];

/// `web`, which runs and mounts `data`, as `db` does; and what else is said.
fn world(series: Series) -> World {
    let world = World::with_web(series, "dir");
    let mut state = world.incus.state();
    state.add_instance("db", "tank", "Running", "container");
    let data = state.add_volume("tank", "data");
    data.files.insert("large".into(), vec![7; 70_000]);
    let device = json!({ "type": "disk", "pool": "tank", "source": "data", "path": "/mnt" });
    for name in ["web", "db"] {
        let instance = state.instance(name).unwrap();
        for devices in ["devices", "expanded_devices"] {
            instance.object[devices]["data"] = device.clone();
        }
    }
    drop(state);
    world
}

fn create(world: &World) -> Ran {
    let arguments = [&CREATE[..], &["json"]].concat();
    run(world, world.command(&arguments), false)
}

/// What became of each, in the order of the plan.
fn statuses(ran: &Ran) -> Vec<String> {
    let text = |row: &Value| row["status"].as_str().unwrap().to_owned();
    ran.rows().iter().map(text).collect()
}

fn inject(world: &World, faults: &[&'static str]) {
    let faults = faults.iter().map(|it| Fault::parse(it).unwrap());
    world.incus.state().faults = faults.collect();
}

/// Everything runs, and nothing of a run is left.
#[track_caller]
fn nothing_is_left(world: &World, what: &str) {
    assert_eq!(left_over(world, true), Vec::<String>::new(), "{what}");
    assert_eq!(world.flag("db"), "Running", "{what}");
}

const TOGETHER: &str = "it was to be of one moment with `web`, which failed";

#[rstest]
#[case::the_instance_is_not_copied("fail:Creating instance:no copy")]
#[case::its_copy_is_refused("refuse:POST /1.0/instances$:500:no copy")]
#[case::a_volume_is_not_copied("fail:Copying storage volume:no copy")]
#[case::the_copy_of_a_volume_is_refused("refuse:POST /volumes/custom$:500:no copy")]
#[case::nothing_is_paused("fail:Freezing instance:no copy")]
#[case::no_mark("refuse:PUT /instances/db$:500:no copy")]
#[case::the_other_is_not_paused("refuse:PUT /instances/db/state$:500:no copy")]
fn what_fails_of_one_fails_all_and_who_was_paused_goes_on(
    #[case] fault: &'static str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    inject(&world, &[fault]);
    let ran = create(&world).exits(1);
    let what = format!("{fault}: {}", ran.stderr);
    assert_eq!(world.incus.state().faults, [], "{what}");
    assert_eq!(statuses(&ran), ["failed", "failed"], "{what}");
    for told in ["no copy", TOGETHER] {
        assert!(ran.stderr.contains(told), "{told}: {what}");
    }
    assert_eq!(world.versions(), 0, "{what}");
    nothing_is_left(&world, &what);
    let ran = create(&world).exits(0);
    assert_eq!(statuses(&ran), ["done", "done"]);
    nothing_is_left(&world, &ran.stderr);
}

/// A connection that breaks is no reason to store nothing.
#[rstest]
#[case::of_the_copy("reset:POST /1.0/instances$")]
#[case::of_the_copy_of_a_volume("reset:POST /volumes/custom$")]
fn a_moment_is_taken_again_where_the_connection_breaks(
    #[case] fault: &'static str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    inject(&world, &[fault]);
    let ran = create(&world).exits(0);
    assert_eq!(world.incus.state().faults, []);
    assert_eq!(statuses(&ran), ["done", "done"]);
    nothing_is_left(&world, &ran.stderr);
}

/// Whoever does not go on is told of, whatever else failed; the guard lets it go on.
#[rstest]
#[case::all_was_copied(&["fail:Unfreezing instance:no thaw"], &[])]
#[case::nothing_was_copied(
    &["fail:Copying storage volume:no copy", "fail:Unfreezing instance:no thaw"],
    &["no copy"]
)]
#[case::not_all_were_paused(
    &["refuse:PUT /instances/db/state$:500:no pause", "fail:Unfreezing instance:no thaw"],
    &["no pause"]
)]
fn who_does_not_go_on_is_told_of(#[case] faults: &[&'static str], #[case] causes: &[&str]) {
    let world = world(Series::Lts70);
    inject(&world, faults);
    // To a file: the guard, which watches on, keeps a pipe open.
    let said = world.folder.path().join("said");
    let mut command = world.command(&[&CREATE[..], &["json"]].concat());
    command.stdout(Stdio::null());
    let status = command
        .stderr(std::fs::File::create(&said).unwrap())
        .status();
    let said = std::fs::read_to_string(said).unwrap();
    let what = format!("{faults:?}: {said}");
    assert_eq!(status.unwrap().code(), Some(1), "{what}");
    assert_eq!(world.incus.state().faults, [], "{what}");
    let told = "cannot resume `web`; its guard tries on";
    for told in causes.iter().chain([&told, &TOGETHER]) {
        assert!(said.contains(told), "{told}: {what}");
    }
    assert_eq!(world.versions(), 0, "{what}");
    until(30, "the guard to let it go on", || {
        world.flag("web") == "Running"
    });
    assert_eq!(world.flag("db"), "Running", "{what}");
}

/// Nothing is paused for what stands still, and one that fails there fails alone.
#[rstest]
fn what_stands_still_is_stored_as_it_is(#[values(Series::Lts60, Series::Lts70)] series: Series) {
    let world = world(series);
    for name in ["web", "db"] {
        world.incus.state().instance(name).unwrap().status = "Stopped";
    }
    inject(
        &world,
        &["refuse:POST /instances/web/backups$:500:no export"],
    );
    let ran = create(&world).exits(3);
    assert_eq!(statuses(&ran), ["failed", "done"], "{}", ran.stderr);
    assert!(ran.stderr.contains("no export"), "{}", ran.stderr);
    let ran = create(&world).exits(0);
    assert_eq!(statuses(&ran), ["done", "done"]);
    assert!(
        ran.rows()
            .iter()
            .all(|row| row["consistency"] == "consistent")
    );
    let requests = world.incus.state().requests.clone();
    assert!(
        !requests
            .iter()
            .any(|it| it.ends_with("/state") && it.starts_with("PUT"))
    );
}

/// Who was paused goes on at once, and what has not begun does not begin.
#[rstest]
fn an_interrupted_run_lets_all_go_on_and_begins_nothing_more(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    {
        let mut state = world.incus.state();
        state.add_instance("zoo", "tank", "Stopped", "container");
        state.add_volume("tank", "animals");
        let device = json!({ "type": "disk", "pool": "tank", "source": "animals", "path": "/a" });
        let zoo = state.instance("zoo").unwrap();
        for devices in ["devices", "expanded_devices"] {
            zoo.object[devices]["animals"] = device.clone();
        }
    }
    inject(&world, &["hang:Copying storage volume"]);
    let arguments = [
        "create",
        "web",
        "zoo",
        "--with-volumes",
        "--parallel",
        "1",
        "--yes",
    ];
    let mut command = world.command(&[&arguments[..], &["-f", "json"]].concat());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(30, "the copy", || world.incus.state().faults.is_empty());
    until(30, "the pause", || world.flag("web") == "Frozen");
    signal(child.id(), "INT");
    until(30, "all to go on", || {
        world.flag("web") == "Running" && world.flag("db") == "Running"
    });
    world.incus.state().give_up();
    let ran = Ran::of(&child.wait_with_output().unwrap()).exits(130);
    assert_eq!(statuses(&ran), ["interrupted"; 4], "{}", ran.stderr);
    assert_eq!(world.versions(), 0);
    let names: Vec<String> = world.incus.state().names();
    assert_eq!(names, ["db", "web", "zoo"], "{}", ran.stderr);
    let volumes = world.incus.state().custom.len();
    assert_eq!(volumes, 2, "{}", ran.stderr);
}
