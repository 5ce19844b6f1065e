//! What is found of earlier runs and cannot be put right, or is not to be: it is told of and left as it
//! is, and keeps no backup from being made.

use incus_backup::model::{Owner, RunId};
use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;
use serde_json::{Map, Value};

use crate::fake::World;

/// A process that has ended: this one, had it begun at another time.
fn dead() -> String {
    let owner = Owner::current(&RunId::begin()).to_string();
    let (rest, _) = owner.rsplit_once(' ').unwrap();
    format!("{rest} 1")
}

fn mark(config: &mut Map<String, Value>, owner: &str, role: &str, name: &str) {
    for (key, value) in [("", owner), (".role", role), (".name", name)] {
        config.insert(format!("user.incus-backup{key}"), value.into());
    }
}

/// A server with `web` and the volume `data`, and one of each that carries a mark.
fn world(series: Series, name: &str, owner: &str, role: &str) -> World {
    let world = World::with_web(series, "dir");
    let mut state = world.incus.state();
    state.add_volume("tank", "data");
    state.add_instance(name, "tank", "Stopped", "container");
    let instance = state.instance(name).unwrap();
    let config = instance.object["config"].as_object_mut().unwrap();
    mark(config, owner, role, "web");
    let volume = state.add_volume("tank", name);
    let config = volume.object["config"].as_object_mut().unwrap();
    mark(config, owner, role, "data");
    drop(state);
    world
}

/// Backs both up; gives what was said.
fn create(world: &World) -> [String; 2] {
    let instance = world.run(&["create", "web", "--yes"]).exits(0);
    let volume = world.run_for("volume", &["create", "tank/data", "--yes"]);
    [instance.stderr, volume.exits(0).stderr]
}

/// Whether both marked ones are there.
fn are_there(world: &World, name: &str) -> [bool; 2] {
    let mut state = world.incus.state();
    [
        state.instance(name).is_some(),
        state.volume("tank", name).is_some(),
    ]
}

#[rstest]
fn a_mark_that_nobody_understands_is_told_of_and_left(
    #[values("me", "a b c")] owner: &str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series, "odd", owner, "copy");
    let [instance, volume] = create(&world);
    let told = "`odd` looks like a temporary instance, but ";
    assert!(instance.contains(told), "{instance}");
    let told = "volume `odd` looks like a temporary one, but ";
    assert!(volume.contains(told), "{volume}");
    for said in [instance, volume] {
        assert!(said.contains("; it is left alone"), "{said}");
    }
    assert_eq!(are_there(&world, "odd"), [true; 2]);
}

/// It is somebody's only copy.
#[rstest]
fn an_old_one_whose_name_is_taken_is_told_of_and_left(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    const ASIDE: &str = "incus-backup-tmp-0-2";
    let world = world(series, ASIDE, &dead(), "aside-stopped");
    let [instance, volume] = create(&world);
    let told = format!(
        "`{ASIDE}` is what `web` was before an earlier run replaced it; delete it when it is no \
         longer needed: incus delete {ASIDE}"
    );
    assert!(instance.contains(&told), "{instance}");
    let told = format!("volume `{ASIDE}` is what `data` was before an earlier run replaced it");
    assert!(volume.contains(&told), "{volume}");
    assert_eq!(are_there(&world, ASIDE), [true; 2]);
}

#[rstest]
fn what_cannot_be_put_right_now_is_told_of_and_is_by_the_next_run(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    const COPY: &str = "incus-backup-tmp-0-1";
    let world = world(series, COPY, &dead(), "copy");
    for fault in [
        Fault::Refuse("DELETE", "/instances/incus-backup-tmp", 500, "busy"),
        Fault::Refuse("DELETE", "/custom/incus-backup-tmp", 500, "busy"),
    ] {
        world.incus.inject(fault);
    }
    let run = || world.run(&["create", "web", "--yes"]).exits(0).stderr;
    let said = run();
    let told = "warning: cannot put right what an earlier run left: ";
    assert_eq!(said.matches(told).count(), 2, "{said}");
    assert_eq!(said.matches(": busy").count(), 2, "{said}");
    assert_eq!(are_there(&world, COPY), [true; 2]);
    let said = run();
    let told = "left behind by an earlier run";
    assert_eq!(said.matches(told).count(), 2, "{said}");
    assert_eq!(are_there(&world, COPY), [false; 2]);
    assert_eq!(world.left_over(), Vec::<String>::new());
}
