//! SIGKILL at any moment of a run: before and after each request, before each change of the target's
//! files, and at any time in between. Whatever was under way, every listed version is whole, the one
//! before is still there, and after the next run the server has the old instance or the new one, whole,
//! and nothing of ours besides.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;

use crate::cases::Case;
use crate::fake::World;
use crate::faults::Operation;
use crate::faults_volumes as volumes;
use crate::lab::until;
use crate::seed::{Chance, times};

/// How often each operation is killed, on each series: 4 * 2 * 26 are 208 times.
const TIMES: usize = 26;

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// After so many requests, and before or after the server has done the next one.
    Request(usize, bool),
    /// After so many changes of the target's files.
    Step(usize),
    /// After so many microseconds.
    Time(usize),
}

/// From where on the moments of each sort lie after the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    requests: usize,
    steps: usize,
    time: usize,
}

impl Limits {
    /// Learns from a run that was not killed.
    pub fn of(world: &World, took: Duration) -> Self {
        Self {
            requests: world.incus.state().requests.len().max(1),
            steps: 100,
            time: usize::try_from(took.as_micros()).unwrap(),
        }
    }

    pub fn moment(self, chance: &mut Chance) -> Moment {
        match chance.below(5) {
            0 | 1 => Moment::Request(chance.below(self.requests), chance.below(2) == 1),
            2 | 3 => Moment::Step(chance.below(self.steps)),
            _ => Moment::Time(chance.below(self.time)),
        }
    }

    /// A moment did not come: what is later does not come either.
    pub fn learn(&mut self, missed: Moment) {
        match missed {
            Moment::Request(number, _) => self.requests = number.max(1),
            Moment::Step(number) => self.steps = number.max(1),
            Moment::Time(after) => self.time = after.max(1),
        }
    }
}

/// Runs a command and kills it; tells whether it was killed, and did not end before.
pub fn strike(world: &World, mut command: Command, moment: Moment) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Moment::Step(number) = moment {
        command.env("INCUS_BACKUP_TEST_DIE_AT", number.to_string());
    }
    if let Moment::Request(count, done) = moment {
        world.incus.inject(Fault::Silent(count, done));
    }
    let mut child = command.spawn().unwrap();
    match moment {
        Moment::Step(_) => {}
        Moment::Time(after) => {
            std::thread::sleep(Duration::from_micros(u64::try_from(after).unwrap()));
            child.kill().unwrap();
        }
        Moment::Request(..) => {
            silence(world, &mut child);
            // Who resumes what was paused is to be answered.
            let mut state = world.incus.state();
            state.faults.clear();
            state.unanswered = 0;
            drop(state);
            child.kill().unwrap();
        }
    }
    child.wait().unwrap().signal() == Some(9)
}

/// Waits until a request is not answered, or the program ends.
fn silence(world: &World, child: &mut Child) {
    until(60, "silence, or the end", || {
        world.incus.state().unanswered > 0 || child.try_wait().unwrap().is_some()
    });
}

/// Every listed version is what was stored.
pub fn all_are_whole(world: &World, what: &str) {
    let listed = world.run_for("all", &["list", "-f", "json"]);
    if listed.code == Some(10) {
        return;
    }
    for row in listed.exits(0).rows() {
        assert_eq!(row["state"], "complete", "{what}: {row}");
    }
    let ran = world.run_for("verify", &["--level", "full", "-f", "json"]);
    assert_eq!(ran.code, Some(0), "{what}: {}\n{}", ran.stdout, ran.stderr);
}

/// What carries a mark of ours on the server, or is ours in the target.
pub fn ours(world: &World) -> Vec<String> {
    let mut found = world.left_over();
    let state = world.incus.state();
    let of_instances = state.instances.iter().map(|((project, name), instance)| {
        let config = instance.object["config"].as_object().unwrap().clone();
        (format!("{project}/{name}"), config)
    });
    let of_projects = state.projects.iter();
    let of_projects = of_projects.map(|(name, config)| (name.clone(), config.clone()));
    for (name, config) in of_instances.chain(of_projects) {
        let keys = config
            .keys()
            .filter(|key| key.starts_with("user.incus-backup"));
        found.extend(keys.map(|key| format!("{name}: {key}")));
    }
    found
}

/// Kills a run at some moment, looks, and lets the next one put everything right; as often as is said.
pub fn killed_at_any_moment(case: impl Case, series: Series, kind: &str, times: usize) {
    let mut chance = Chance::of(&format!("{kind} {case:?} {series:?}"));
    let world = case.world(series);
    world.incus.state().requests.clear();
    let begun = Instant::now();
    assert!(case.command(&world).status().unwrap().success());
    let mut limits = Limits::of(&world, begun.elapsed());
    let mut left = times;
    while left > 0 {
        let moment = limits.moment(&mut chance);
        let world = case.world(series);
        let before = case.versions(&world);
        world.incus.state().requests.clear();
        let killed = strike(&world, case.command(&world), moment);
        let what = format!("{kind} {case:?}, {series:?}, {moment:?}");
        all_are_whole(&world, &what);
        assert!(case.versions(&world) >= before, "{what}");
        let rest = case.next_run(&world, &what);
        assert_eq!(rest, Vec::<String>::new(), "after {what}");
        let now = case.found(&world);
        assert!(case.may_be().contains(&now), "after {what}: {now}");
        all_are_whole(&world, &what);
        if killed {
            left -= 1;
        } else {
            limits.learn(moment);
        }
    }
}

#[rstest]
fn a_run_that_is_killed_at_any_moment_costs_nothing(
    #[values(Operation::Create, Operation::Restore, Operation::Replace)] operation: Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "instance", times("FAULT_KILLS", TIMES));
}

/// A server with `web`, backed up on seven days.
fn history() -> World {
    let world = World::with_web(Series::Lts70, "dir");
    for day in 1..=7 {
        let mut command = world.command(Operation::Create.arguments());
        let moment = format!("2026-01-{day:02}T03:04:05Z");
        let ran = command.env("INCUS_BACKUP_TEST_CLOCK", moment).output();
        assert!(ran.unwrap().status.success());
    }
    world
}

const PRUNE: [&str; 4] = ["--keep-daily", "3", "--yes", "-q"];

#[rstest]
fn a_prune_that_is_killed_at_any_moment_costs_nothing_that_stays(#[values(1, 2)] part: usize) {
    let mut chance = Chance::of(&format!("prune {part}"));
    let mut limits = Limits {
        requests: 1,
        steps: 100,
        time: 60_000,
    };
    let versions = |world: &World| -> Vec<String> {
        let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
        let versions = rows.iter().map(|row| row["version"].as_str().unwrap());
        versions.map(str::to_owned).collect()
    };
    let mut left = times("FAULT_KILLS", TIMES);
    let world = history();
    let all = versions(&world);
    let kept = &all[4..];
    let untouched = tempfile::tempdir().unwrap();
    copy(&world.root(), &untouched.path().join("backups"));
    while left > 0 {
        let moment = match limits.moment(&mut chance) {
            Moment::Request(..) => continue,
            other => other,
        };
        std::fs::remove_dir_all(world.root()).unwrap();
        copy(&untouched.path().join("backups"), &world.root());
        let killed = strike(&world, world.command_for("prune", &PRUNE), moment);
        let what = format!("prune, {moment:?}");
        all_are_whole(&world, &what);
        let now = versions(&world);
        assert!(now.ends_with(kept), "{what}: {now:?}");
        let ran = world.run_for("prune", &PRUNE);
        assert_eq!(ran.code, Some(0), "{what}\n{}", ran.stderr);
        assert_eq!(versions(&world), kept, "{what}");
        assert_eq!(ours(&world), Vec::<String>::new(), "{what}");
        all_are_whole(&world, &what);
        if killed {
            left -= 1;
        } else {
            limits.learn(moment);
        }
    }
}

/// Copies a folder.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, to).unwrap();
        }
    }
}

/// What a check began to write beside a manifest goes with the next prune.
#[test]
fn a_verify_that_is_killed_at_any_moment_costs_nothing_and_prune_clears_up() {
    let mut chance = Chance::of("verify");
    let mut limits = Limits {
        requests: 1,
        steps: 40,
        time: 60_000,
    };
    let world = history();
    let mut left = times("FAULT_KILLS", TIMES);
    while left > 0 {
        let moment = match limits.moment(&mut chance) {
            Moment::Request(..) => continue,
            other => other,
        };
        let command = world.command_for("verify", &["--level", "full", "-q"]);
        let killed = strike(&world, command, moment);
        let what = format!("verify, {moment:?}");
        let ran = world.run_for("prune", &["--keep-last", "9", "--yes", "-q"]);
        assert_eq!(ran.code, Some(0), "{what}\n{}", ran.stderr);
        assert_eq!(ours(&world), Vec::<String>::new(), "{what}");
        assert_eq!(world.versions(), 7, "{what}");
        all_are_whole(&world, &what);
        if killed {
            left -= 1;
        } else {
            limits.learn(moment);
        }
    }
}

#[rstest]
fn a_run_on_a_volume_that_is_killed_at_any_moment_costs_nothing(
    #[values(
        volumes::Operation::Create,
        volumes::Operation::Restore,
        volumes::Operation::Replace
    )]
    operation: volumes::Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "volume", times("FAULT_KILLS", TIMES) / 2);
}
