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
    "drill-failed",
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

/// The archive is whole: a drill that fails, perhaps because its command is wrong, must not lead to
/// older backups being pruned in its stead, nor to a restore that is refused.
#[test]
fn a_command_that_fails_is_told_and_recorded_and_the_version_still_restores() {
    let fails = FakeCommand {
        status: 7,
        stderr: "first\nno database\n",
        ..GOOD
    };
    let world = world(Series::Lts60, fails);
    let ran = drill(&world).exits(4);
    let row = ran.rows().remove(0);
    let text = "user.backup.drill ended with exit status 7 in the copy: no database";
    assert_eq!(
        (&row["verdict"], &row["error"]),
        (&"drill-failed".into(), &text.into())
    );
    assert!(ran.stderr.contains("fails its drill"), "{}", ran.stderr);
    let shown = world.run(&["list", "-f", "json"]).exits(0).rows().remove(0);
    assert_eq!(
        (&shown["state"], &shown["verified"], &shown["problem"]),
        (&"complete".into(), &"drill".into(), &text.into())
    );
    let shown = world.run(&["show", "web"]).exits(0);
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(lines.contains(&"state: complete"), "{}", shown.stdout);
    let of_drill = |line: &&&str| line.starts_with("  drill: ") && line.ends_with(text);
    assert!(lines.iter().any(|line| of_drill(&line)), "{}", shown.stdout);
    nothing_is_left(&world);
    for _ in 0..2 {
        world.run(&["create", "web", "--yes"]).exits(0);
        drill(&world).exits(4);
    }
    let prune = ["--keep-last", "3", "--yes"];
    world.run_for("prune", &prune).exits(0);
    assert_eq!(world.versions(), 3);
    let preview = ["restore", "web", "--replace", "--force", "--dry-run"];
    let preview = world.run(&preview).exits(0);
    assert!(
        preview.stdout.contains("its drill failed"),
        "{}",
        preview.stdout
    );
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

/// A drill whose command has begun and does not end.
fn in_the_middle() -> (World, std::process::Child) {
    let hangs = FakeCommand {
        hangs: true,
        ..GOOD
    };
    let world = world(Series::Lts60, hangs);
    let arguments = ["--level", "drill", "--yes", "-q"];
    let child = world.command_for("verify", &arguments).spawn().unwrap();
    until(60, "the command", || {
        let state = world.incus.state();
        state
            .requests
            .iter()
            .any(|request| request.ends_with(" check"))
    });
    (world, child)
}

#[rstest]
#[case(true)]
#[case(false)]
fn what_a_killed_drill_left_is_removed_by_the_next_run_and_nothing_else_is(
    #[case] by_a_drill: bool,
) {
    let (world, mut child) = in_the_middle();
    signal(child.id(), "KILL");
    child.wait().unwrap();
    {
        let mut state = world.incus.state();
        assert_eq!(state.projects.len(), 2);
        // Somebody's own project that has such a name, one with a mark that means nothing, one of a
        // process of another machine, and a copy of the mark under a name of somebody's own.
        let left = state.projects.keys().find(|name| *name != "default");
        let left = state.projects[&left.unwrap().clone()].clone();
        state
            .projects
            .insert("incus-backup-tmp-mine".into(), serde_json::Map::new());
        let config = [("user.incus-backup".to_owned(), Value::from("me"))];
        state
            .projects
            .insert("marked".into(), config.into_iter().collect());
        let mut elsewhere = left.clone();
        let owner = left["user.incus-backup"].as_str().unwrap();
        let owner: Vec<&str> = owner.split(' ').collect();
        let owner = [
            owner[0],
            "elsewhere",
            owner[2],
            owner[3],
            owner[4],
            owner[5],
        ]
        .join(" ");
        elsewhere.insert("user.incus-backup".into(), owner.into());
        state
            .projects
            .insert("incus-backup-tmp-elsewhere".into(), elsewhere);
        state.projects.insert("own".into(), left);
        state.commands.insert("check".into(), GOOD);
    }
    let ran = if by_a_drill {
        drill(&world).exits(0)
    } else {
        world.run(&["create", "web", "--yes"]).exits(0)
    };
    assert!(
        ran.stderr.contains("left behind by an earlier run"),
        "{}",
        ran.stderr
    );
    let projects: Vec<String> = world.incus.state().projects.keys().cloned().collect();
    let others = [
        "incus-backup-tmp-elsewhere",
        "incus-backup-tmp-mine",
        "marked",
        "own",
    ];
    assert_eq!(projects, [&["default"], &others[..]].concat());
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_signal_ends_a_drill_and_takes_everything_with_it() {
    let (world, mut child) = in_the_middle();
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(&world);
}

/// What a run of somebody else finds of a drill is neither backed up nor taken for the server's own.
#[test]
fn a_copy_that_is_drilled_is_no_instance_to_back_up() {
    let (world, mut child) = in_the_middle();
    let arguments = ["create", "--all-projects", "--dry-run", "-f", "json"];
    let rows = world.run(&arguments).exits(0).rows();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["web"]);
    assert_eq!(world.incus.state().projects.len(), 2, "the drill goes on");
    signal(child.id(), "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(&world);
}
