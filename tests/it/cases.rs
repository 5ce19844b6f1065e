//! Every operation on every kind, as what fails, kills and strikes it sees them: a server and a target
//! as they are before it, its command, and what may be there after it.

use std::process::Command;

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::faults::{Operation, found};
use crate::faults_volumes as volumes;
use crate::kills::ours;

/// An operation on a server and a target of its own.
pub trait Case: Copy + std::fmt::Debug {
    /// A server and a target as they are before it.
    fn world(self, series: Series) -> World;
    fn command(self, world: &World) -> Command;
    /// What is on the server, whole: `old`, `new` or `nothing`.
    fn found(self, world: &World) -> &'static str;
    /// What may be there after a run that failed, and the next one.
    fn may_be(self) -> &'static [&'static str];
    /// What is there after one that did not.
    fn must_be(self) -> &'static str;
    fn versions(self, world: &World) -> usize;
    /// How many versions a run stores.
    fn stores(self) -> usize;
    /// Does its work again, and tells what is left behind then.
    fn next_run(self, world: &World, what: &str) -> Vec<String>;
}

impl Case for Operation {
    fn world(self, series: Series) -> World {
        Self::world(self, series)
    }

    fn command(self, world: &World) -> Command {
        world.command(self.arguments())
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

    fn stores(self) -> usize {
        usize::from(self == Self::Create)
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        let there = world.incus.state().names().contains(&"web".to_owned());
        let again = if there { Self::Create } else { self };
        let ran = world.run(again.arguments());
        assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
        ours(world)
    }
}

impl Case for volumes::Operation {
    fn world(self, series: Series) -> World {
        Self::world(self, series)
    }

    fn command(self, world: &World) -> Command {
        world.command_for("volume", self.arguments())
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
        listed(world, "volume")
    }

    fn stores(self) -> usize {
        usize::from(self == Self::Create)
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        let there = volumes::found(world) != "nothing";
        let again = if there { Self::Create } else { self };
        let ran = world.run_for("volume", again.arguments());
        assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
        volumes::left_over(world, self != Self::Restore)
    }
}

/// How many versions a program lists.
pub fn listed(world: &World, program: &str) -> usize {
    let listed = world.run_for(program, &["list", "-f", "json"]);
    if listed.code == Some(10) {
        return 0;
    }
    listed.exits(0).rows().len()
}
