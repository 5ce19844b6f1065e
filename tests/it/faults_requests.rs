//! Every request of every operation fails in turn: refused, dropped while it is sent, done and never
//! answered, done and answered by half. Whatever comes of the run, what is on the server is the old one
//! or the new one, whole; what was stored is whole; and the next run leaves nothing.

use incus_backup::testing::fake::{Fault, Series, Strike};
use rstest::rstest;

use crate::fake::World;
use crate::faults::{Operation, found, run};
use crate::faults_volumes as volumes;
use crate::kills::ours;
use crate::lab::Ran;

/// An operation, of either kind, on a server and a target of its own.
trait Case: Copy + std::fmt::Debug {
    /// A server and a target as they are before it.
    fn world(self, series: Series) -> World;
    fn run(self, world: &World) -> Ran;
    /// What is on the server, whole: `old`, `new` or `nothing`.
    fn found(self, world: &World) -> &'static str;
    /// What may be there after a run that failed, and the next one.
    fn may_be(self) -> &'static [&'static str];
    /// What is there after one that did not.
    fn must_be(self) -> &'static str;
    fn versions(self, world: &World) -> usize;
    fn stores(self) -> bool;
    /// Does its work again, and tells what is left behind then.
    fn next_run(self, world: &World, what: &str) -> Vec<String>;
}

impl Case for Operation {
    fn world(self, series: Series) -> World {
        Self::world(self, series)
    }

    fn run(self, world: &World) -> Ran {
        run(world, world.command(self.arguments()), false)
    }

    fn found(self, world: &World) -> &'static str {
        found(world)
    }

    fn may_be(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["old"],
            Self::Restore => &["new"],
            Self::Replace => &["old", "new"],
        }
    }

    fn must_be(self) -> &'static str {
        if self == Self::Create { "old" } else { "new" }
    }

    fn versions(self, world: &World) -> usize {
        world.versions()
    }

    fn stores(self) -> bool {
        self == Self::Create
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        let there = world.incus.state().names().contains(&"web".to_owned());
        let again = if there { Self::Create } else { Self::Restore };
        let ran = world.run(again.arguments());
        assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
        ours(world)
    }
}

impl Case for volumes::Operation {
    fn world(self, series: Series) -> World {
        Self::world(self, series)
    }

    fn run(self, world: &World) -> Ran {
        let command = world.command_for("volume", self.arguments());
        run(world, command, false)
    }

    fn found(self, world: &World) -> &'static str {
        volumes::found(world)
    }

    fn may_be(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["old"],
            Self::Restore => &["new"],
            Self::Replace => &["old", "new"],
        }
    }

    fn must_be(self) -> &'static str {
        if self == Self::Create { "old" } else { "new" }
    }

    fn versions(self, world: &World) -> usize {
        let listed = world.run_for("volume", &["list", "-f", "json"]);
        if listed.code == Some(10) {
            return 0;
        }
        listed.exits(0).rows().len()
    }

    fn stores(self) -> bool {
        self == Self::Create
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        let there = volumes::found(world) != "nothing";
        let again = if there { Self::Create } else { Self::Restore };
        let ran = world.run_for("volume", again.arguments());
        assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
        volumes::left_over(world, self != Self::Restore)
    }
}

const STRIKES: [Strike; 4] = [Strike::Refused, Strike::Cut, Strike::Lost, Strike::Dropped];

/// Has each request fail in one way, the next one in the next way; on the other series in another.
fn each_request_fails(case: impl Case, series: Series) {
    let first = if series == Series::Lts60 { 0 } else { 2 };
    for number in 0.. {
        let strike = STRIKES[(first + number) % STRIKES.len()];
        let world = case.world(series);
        let before = case.versions(&world);
        world.incus.state().requests.clear();
        world.incus.inject(Fault::At(number, strike));
        let ran = case.run(&world);
        let struck = world.incus.state().faults.is_empty();
        world.incus.state().faults.clear();
        let asked = world.incus.state().requests.get(number).cloned();
        let what = format!(
            "{case:?}, {series:?}, request {number} {strike:?} ({asked:?}): {:?} {}",
            ran.code, ran.stderr
        );
        for never in ["panicked", "Some(", "Err("] {
            assert!(!ran.stderr.contains(never), "{what}");
        }
        match ran.code {
            Some(0) => {
                let stored = usize::from(case.stores());
                assert_eq!(case.versions(&world), before + stored, "{what}");
            }
            Some(1 | 3) => {
                assert!(ran.stderr.contains("error: "), "{what}");
                assert!(case.versions(&world) >= before, "{what}");
            }
            _ => panic!("{what}"),
        }
        let left = case.next_run(&world, &what);
        assert_eq!(left, Vec::<String>::new(), "after {what}");
        // What was cut off between two names is put right by whoever comes next.
        let now = case.found(&world);
        let done = ran.code == Some(0) && now == case.must_be();
        let fits = done || (ran.code != Some(0) && case.may_be().contains(&now));
        assert!(fits, "after {what}: {now}");
        let verified = world.run_for("verify", &["--level", "full", "-q"]);
        assert_eq!(verified.code, Some(0), "{what}: {}", verified.stderr);
        if !struck {
            assert!(number > 5, "only {number} requests: {what}");
            return;
        }
    }
}

#[rstest]
fn an_instance_survives_that_any_request_fails(
    #[values(Operation::Create, Operation::Restore, Operation::Replace)] operation: Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

#[rstest]
fn a_volume_survives_that_any_request_fails(
    #[values(
        volumes::Operation::Create,
        volumes::Operation::Restore,
        volumes::Operation::Replace
    )]
    operation: volumes::Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}
