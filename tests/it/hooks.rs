//! The commands that an instance wants to be run inside it around its backup, on the fake daemon.

use incus_backup::testing::fake::{FakeCommand, Fault, Series};
use rstest::rstest;

use crate::fake::World;
use crate::lab::until;
use crate::real_bad_days::signal;

const HANGS: FakeCommand = FakeCommand {
    status: 0,
    stdout: "",
    stderr: "",
    hangs: true,
};
const GOOD: FakeCommand = FakeCommand {
    hangs: false,
    ..HANGS
};

/// A server with a container that has both commands, `before` and `after`.
fn world(series: Series, driver: &str, before: FakeCommand, after: FakeCommand) -> World {
    let world = World::with_web(series, driver);
    {
        let mut state = world.incus.state();
        state.commands.insert("before".into(), before);
        state.commands.insert("after".into(), after);
        let web = state.instance("web").unwrap();
        web.set("user.backup.pre", "before");
        web.set("user.backup.post", "after");
    }
    world
}

/// What was done that matters here, in its order.
fn deeds(world: &World) -> Vec<String> {
    let state = world.incus.state();
    let matters = |request: &&String| {
        ["EXEC", "SIGNAL"]
            .iter()
            .any(|word| request.starts_with(word))
            || *request == "POST /1.0/instances"
            || (request.starts_with("POST") && request.ends_with("/backups"))
    };
    let short = |request: &String| match request.as_str() {
        "POST /1.0/instances" => "copy".to_owned(),
        text if text.ends_with("/backups") => "export".to_owned(),
        text => text.to_owned(),
    };
    state.requests.iter().filter(matters).map(short).collect()
}

fn hooks(world: &World) -> serde_json::Value {
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    manifest["instance"]["hooks"].clone()
}

#[rstest]
#[case::copied("dir", &["EXEC web before", "copy", "EXEC web after", "export"])]
#[case::copied_at_once("lvm", &["EXEC web before", "copy", "EXEC web after", "export"])]
#[case::exported("btrfs", &["EXEC web before", "export", "EXEC web after"])]
fn the_commands_run_around_the_moment_that_is_backed_up(
    #[case] driver: &str,
    #[case] expected: &[&str],
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series, driver, GOOD, GOOD);
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(deeds(&world), expected);
    let hooks = hooks(&world);
    for key in ["pre", "post"] {
        assert_eq!(hooks[key]["status"], 0, "{hooks}");
    }
    assert!(!hooks.to_string().contains("before"), "{hooks}");
}

#[test]
fn a_plan_says_that_they_will_run_and_runs_nothing() {
    let world = world(Series::Lts60, "dir", GOOD, GOOD);
    let ran = world.run(&["create", "--dry-run", "-f", "json"]).exits(0);
    let reason = ran.rows()[0]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.ends_with("; runs user.backup.pre and user.backup.post inside it"),
        "{reason}"
    );
    assert_eq!(deeds(&world), Vec::<String>::new());
}

#[rstest]
#[case("Stopped")]
#[case("Frozen")]
fn nothing_is_run_in_an_instance_that_does_not_run(#[case] status: &'static str) {
    let world = world(Series::Lts60, "dir", GOOD, GOOD);
    world.incus.state().instance("web").unwrap().status = status;
    let ran = world
        .run(&["create", "--dry-run", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(ran[0]["reason"], "consistent: it does not run");
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(deeds(&world), ["export"]);
    assert_eq!(
        hooks(&world),
        serde_json::json!({ "pre": null, "post": null })
    );
}

#[rstest]
#[case("dir")]
#[case("btrfs")]
fn a_failing_first_command_fails_the_backup_and_the_last_one_still_runs(#[case] driver: &str) {
    let fails = FakeCommand {
        status: 3,
        stderr: "locking\nno such file\n",
        ..GOOD
    };
    let world = world(Series::Lts60, driver, fails, GOOD);
    let ran = world
        .run(&["create", "web", "--yes", "-f", "json"])
        .exits(1);
    assert_eq!(
        ran.rows()[0]["error"],
        "user.backup.pre ended with exit status 3: locking; no such file"
    );
    assert_eq!(deeds(&world), ["EXEC web before", "EXEC web after"]);
    assert_eq!(world.versions(), 0);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[rstest]
fn a_failing_last_command_is_a_warning_and_recorded(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
    #[values(4, 126, 127)] status: i64,
) {
    let fails = FakeCommand {
        status,
        stdout: "cannot unlock",
        ..GOOD
    };
    let world = world(series, "dir", GOOD, fails);
    let ran = world.run(&["create", "web", "--yes"]).exits(0);
    let told = format!("`web`: user.backup.post ended with exit status {status}: cannot unlock");
    assert!(
        ran.stderr.contains(&format!("warning: {told}\n")),
        "{}",
        ran.stderr
    );
    assert_eq!(hooks(&world)["post"]["status"], status);
}

#[rstest]
#[case::copy("dir", Fault::Fail("Creating instance", "no space left on device"))]
#[case::export("btrfs", Fault::Fail("Backing up instance", "no space left on device"))]
fn the_last_command_runs_when_the_moment_failed(#[case] driver: &str, #[case] fault: Fault) {
    let world = world(Series::Lts60, driver, GOOD, GOOD);
    world.incus.inject(fault);
    world.run(&["create", "web", "--yes"]).exits(1);
    let deeds = deeds(&world);
    assert_eq!(deeds.first().unwrap(), "EXEC web before");
    assert_eq!(deeds.last().unwrap(), "EXEC web after");
    assert_eq!(deeds.len(), 3);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_command_that_takes_too_long_is_stopped() {
    let world = world(Series::Lts60, "dir", HANGS, GOOD);
    world
        .incus
        .state()
        .instance("web")
        .unwrap()
        .set("user.backup.timeout", "1s");
    let ran = world.run(&["create", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("user.backup.pre failed: it was stopped because it did not end within 1 s"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        deeds(&world),
        ["EXEC web before", "SIGNAL 15", "EXEC web after"]
    );
}

#[test]
fn an_interrupted_first_command_is_stopped_and_the_last_one_runs() {
    let world = world(Series::Lts60, "dir", HANGS, GOOD);
    let mut child = world
        .command(&["create", "web", "--yes", "-q"])
        .spawn()
        .unwrap();
    until(20, "the command", || !deeds(&world).is_empty());
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        deeds(&world),
        ["EXEC web before", "SIGNAL 15", "EXEC web after"]
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_timeout_that_is_none_is_refused_before_anything_is_done() {
    let world = world(Series::Lts60, "dir", GOOD, GOOD);
    world
        .incus
        .state()
        .instance("web")
        .unwrap()
        .set("user.backup.timeout", "soon");
    let ran = world.run(&["create", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("user.backup.timeout is `soon`, which is not a time"),
        "{}",
        ran.stderr
    );
    assert_eq!(deeds(&world), Vec::<String>::new());
}
