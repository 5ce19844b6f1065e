//! Drills on the fake daemon: what goes wrong, and what must be left behind then.

use incus_backup::testing::fake::{FakeCommand, Fault, Series};
use rstest::rstest;
use serde_json::Value;

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

const GOOD: FakeCommand = FakeCommand {
    status: 0,
    stdout: "",
    stderr: "",
    hangs: false,
};

/// A stored container that has a command for its copies.
fn world(series: Series, check: FakeCommand) -> World {
    let world = World::with_web(series, "dir");
    {
        let mut state = world.incus.state();
        state.commands.insert("true".into(), GOOD);
        state.commands.insert("check".into(), check);
        let web = state.instance("web").unwrap();
        web.set("user.backup.drill", "check");
        web.set("security.protection.delete", "true");
    }
    world.run(&["create", "web", "--yes"]).exits(0);
    world.incus.state().requests.clear();
    world
}

fn drill(world: &World) -> Ran {
    world.run_for("verify", &["--level", "drill", "--yes", "-f", "json"])
}

fn nothing_is_left(world: &World) {
    let projects: Vec<String> = world.incus.state().projects.keys().cloned().collect();
    assert_eq!(projects, ["default"]);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.flag("web"), "Running");
}

#[rstest]
#[case(Series::Lts60)]
#[case(Series::Lts70)]
fn a_copy_is_restored_started_asked_and_removed(#[case] series: Series) {
    let world = world(series, GOOD);
    let row = drill(&world).exits(0).rows().remove(0);
    assert_eq!(
        (&row["level"], &row["verdict"]),
        (&"drill".into(), &"good".into())
    );
    assert!(row["restore_ms"].is_u64(), "{row}");
    let commands: Vec<String> = {
        let state = world.incus.state();
        let commands = state.requests.iter();
        let commands = commands.filter_map(|request| request.strip_prefix("EXEC "));
        commands
            .map(|it| it.rsplit(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(commands, ["true", "check"]);
    nothing_is_left(&world);
}

#[rstest]
#[case::project(Fault::Refuse("POST", "/1.0/projects", 403, "no"), 1, "failed", "no")]
#[case::import(
    Fault::Fail("Restoring", "no space left"),
    1,
    "failed",
    "no space left"
)]
#[case::start(
    Fault::Fail("Starting", "no init"),
    4,
    "damaged",
    "the copy does not start: no init"
)]
fn what_fails_is_told_and_nothing_is_left(
    #[case] fault: Fault,
    #[case] code: i32,
    #[case] verdict: &str,
    #[case] error: &str,
) {
    let world = world(Series::Lts60, GOOD);
    world.incus.state().faults.push(fault);
    let row = drill(&world).exits(code).rows().remove(0);
    assert_eq!(row["verdict"], verdict, "{row}");
    assert!(row["error"].as_str().unwrap().ends_with(error), "{row}");
    nothing_is_left(&world);
}

#[test]
fn a_command_that_fails_is_damage_which_is_recorded() {
    let fails = FakeCommand {
        status: 7,
        stderr: "first\nno database\n",
        ..GOOD
    };
    let world = world(Series::Lts60, fails);
    let row = drill(&world).exits(4).rows().remove(0);
    let text = "user.backup.drill ended with exit status 7 in the copy: no database";
    assert_eq!(row["error"], text);
    let shown = world.run(&["list", "-f", "json"]).exits(0).rows().remove(0);
    assert_eq!(shown["state"], "damaged");
    nothing_is_left(&world);
}

#[test]
fn a_dry_run_shows_the_copies_and_makes_none() {
    let world = world(Series::Lts60, GOOD);
    let arguments = ["--level", "drill", "--dry-run", "-f", "json"];
    let row = world
        .run_for("verify", &arguments)
        .exits(0)
        .rows()
        .remove(0);
    assert_eq!(
        (&row["action"], &row["name"]),
        (&"create".into(), &"web".into())
    );
    let without = world.run_for("verify", &["--level", "drill"]).exits(5);
    assert!(without.stderr.contains("--yes"), "{}", without.stderr);
    assert_eq!(world.incus.state().requests, Vec::<String>::new());
    world.run_for("verify", &["--remote", "local:"]).exits(2);
}

#[test]
fn what_a_killed_drill_left_is_removed_by_the_next_one_and_nothing_else_is() {
    let hangs = FakeCommand {
        hangs: true,
        ..GOOD
    };
    let world = world(Series::Lts60, hangs);
    let arguments = ["--level", "drill", "--yes", "-q"];
    let mut child = world.command_for("verify", &arguments).spawn().unwrap();
    until(60, "the command", || {
        let state = world.incus.state();
        state
            .requests
            .iter()
            .any(|request| request.ends_with(" check"))
    });
    signal(child.id(), "KILL");
    child.wait().unwrap();
    {
        let mut state = world.incus.state();
        assert_eq!(state.projects.len(), 2);
        // Somebody's own project that has such a name, and one with a mark that means nothing.
        state
            .projects
            .insert("incus-backup-tmp-mine".into(), serde_json::Map::new());
        let config = [("user.incus-backup".to_owned(), Value::from("me"))];
        state
            .projects
            .insert("marked".into(), config.into_iter().collect());
        state.commands.insert("check".into(), GOOD);
    }
    let ran = drill(&world).exits(0);
    assert!(
        ran.stderr.contains("left behind by an earlier run"),
        "{}",
        ran.stderr
    );
    let projects: Vec<String> = world.incus.state().projects.keys().cloned().collect();
    assert_eq!(projects, ["default", "incus-backup-tmp-mine", "marked"]);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_signal_ends_a_drill_and_takes_everything_with_it() {
    let hangs = FakeCommand {
        hangs: true,
        ..GOOD
    };
    let world = world(Series::Lts60, hangs);
    let arguments = ["--level", "drill", "--yes", "-q"];
    let mut child = world.command_for("verify", &arguments).spawn().unwrap();
    until(60, "the command", || {
        let state = world.incus.state();
        state
            .requests
            .iter()
            .any(|request| request.ends_with(" check"))
    });
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(&world);
}
