//! Fourteen days of whatever may happen, against a simple model of what must be there: backups, restores,
//! prunes, checks, protections, damage, kills and clocks that jump.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use incus_backup::testing::fake::Series;
use jiff::{Timestamp, ToSpan as _};
use rstest::rstest;

use crate::fake::World;
use crate::kills::ours;
use crate::lab::Ran;
use crate::seed::{Chance, times};

/// How many of the newest good versions a prune keeps.
const KEPT: usize = 3;
const CONTENT: &str = "rootfs/generation";

/// What must be there of a version.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    /// What the instance held.
    generation: usize,
    protected: bool,
    /// It was damaged behind everybody's back.
    damaged: bool,
    /// A check has found that.
    known: bool,
}

/// A server, a target, and what must be in them.
struct Days {
    world: World,
    chance: Chance,
    now: Timestamp,
    /// What the instance holds.
    generation: usize,
    versions: BTreeMap<String, Stored>,
    /// What was done, for whoever reads that it failed.
    story: Vec<String>,
}

impl Days {
    fn begin(test: &str) -> Self {
        let world = World::with_web(Series::Lts70, "dir");
        let mut days = Self {
            world,
            chance: Chance::of(test),
            now: "2026-03-20T01:00:00Z".parse().unwrap(),
            generation: 0,
            versions: BTreeMap::new(),
            story: Vec::new(),
        };
        days.write();
        days
    }

    /// Somebody works in the instance.
    fn write(&mut self) {
        self.generation += 1;
        let mut state = self.world.incus.state();
        let web = state.instance("web").unwrap();
        let content = self.generation.to_string().into_bytes();
        web.files.insert(CONTENT.into(), content);
    }

    fn holds(&self) -> usize {
        let mut state = self.world.incus.state();
        let web = state.instance("web").expect("the instance");
        let content = String::from_utf8(web.files[CONTENT].clone()).unwrap();
        content.parse().unwrap()
    }

    /// Runs a command at this time, and perhaps has it killed; then it gives nothing.
    fn run(&mut self, kind: &str, arguments: &[&str], may_die: bool) -> Option<Ran> {
        let mut command: Command = self.world.command_for(kind, arguments);
        command.env("TZ", "UTC");
        command.env("INCUS_BACKUP_TEST_CLOCK", self.now.to_string());
        if may_die && self.chance.below(4) == 0 {
            let step = self.chance.below(30).to_string();
            command.env("INCUS_BACKUP_TEST_DIE_AT", step);
        }
        let output = command.output().unwrap();
        let killed = output.status.signal() == Some(9);
        let ended = output.status.code();
        self.story.push(format!(
            "{} {kind} {arguments:?}: {ended:?} {}",
            self.now,
            if killed { "killed" } else { "" }
        ));
        (!killed).then(|| Ran::of(&output))
    }

    /// The versions that are listed, and whether each is complete and protected.
    fn listed(&self) -> BTreeMap<String, (bool, bool)> {
        let ran = self.world.run(&["list", "-f", "json"]);
        if ran.code == Some(10) {
            return BTreeMap::new();
        }
        let rows = ran.exits(0).rows().into_iter();
        rows.map(|row| {
            let version = row["version"].as_str().unwrap().to_owned();
            (
                version,
                (row["state"] == "complete", row["protected"] == true),
            )
        })
        .collect()
    }

    fn create(&mut self) {
        let ended = self.run("instance", &["create", "web", "--yes", "-q"], true);
        if let Some(ran) = &ended {
            assert_eq!(ran.code, Some(0), "{}\n{:#?}", ran.stderr, self.story);
            // What a check that was killed began to write goes with the next check.
            let mut left = ours(&self.world);
            left.retain(|path| !path.contains("/.checks.json-"));
            assert_eq!(left, Vec::<String>::new(), "{:#?}", self.story);
        }
        let new: Vec<String> = self.listed().into_keys().collect();
        let new = new.into_iter().filter(|it| !self.versions.contains_key(it));
        let new: Vec<String> = new.collect();
        let fits = new.len() == 1 || (ended.is_none() && new.is_empty());
        assert!(fits, "{new:?} {:#?}", self.story);
        for version in new {
            let stored = Stored {
                generation: self.generation,
                protected: false,
                damaged: false,
                known: false,
            };
            self.versions.insert(version, stored);
        }
    }

    /// The newest version that is not known to be damaged comes back, or nothing changes.
    fn restore(&mut self) {
        let newest = self.versions.iter().rev().find(|(_, it)| !it.known);
        let newest = newest.map(|(_, stored)| stored.clone());
        let before = self.generation;
        let arguments = ["restore", "web", "--replace", "--yes", "-q"];
        let ended = self.run("instance", &arguments, true);
        if ended.is_none() {
            // Whoever comes next puts right what it left.
            self.create_after_all();
        }
        let now = self.holds();
        match (newest, ended) {
            (Some(stored), Some(ran)) if !stored.damaged => {
                assert_eq!(ran.code, Some(0), "{}\n{:#?}", ran.stderr, self.story);
                assert_eq!(now, stored.generation, "{:#?}", self.story);
            }
            (_, Some(ran)) => {
                assert!([1, 4, 10].contains(&ran.code.unwrap()), "{:#?}", self.story);
                assert_eq!(now, before, "{:#?}", self.story);
            }
            (newest, None) => {
                let new = newest.map(|stored| stored.generation);
                assert!(now == before || Some(now) == new, "{:#?}", self.story);
            }
        }
        self.generation = now;
    }

    /// A backup after a killed restore: it is of the old instance or of the new one.
    fn create_after_all(&mut self) {
        let ran = self.run("instance", &["create", "web", "--yes", "-q"], false);
        let ran = ran.unwrap();
        assert_eq!(ran.code, Some(0), "{}\n{:#?}", ran.stderr, self.story);
        let generation = self.holds();
        for version in self.listed().into_keys() {
            self.versions.entry(version).or_insert(Stored {
                generation,
                protected: false,
                damaged: false,
                known: false,
            });
        }
    }

    fn prune(&mut self) {
        let keep = KEPT.to_string();
        let ended = self.run("prune", &["--keep-last", &keep, "--yes", "-q"], true);
        let listed = self.listed();
        let good = self.versions.iter().rev().filter(|(_, it)| !it.known);
        let newest: Vec<&String> = good.take(KEPT).map(|(version, _)| version).collect();
        for (version, stored) in &self.versions {
            let stays = stored.protected || newest.contains(&version);
            let there = listed.contains_key(version);
            assert!(there || !stays, "{version} {:#?}", self.story);
        }
        if let Some(ran) = ended {
            assert!([0, 10].contains(&ran.code.unwrap()), "{:#?}", self.story);
        }
        self.versions
            .retain(|version, _| listed.contains_key(version));
    }

    fn verify(&mut self) {
        let arguments = ["--level", "full", "-f", "json", "-q"];
        let Some(ran) = self.run("verify", &arguments, true) else {
            // What it had found by then is remembered.
            for (version, (complete, _)) in self.listed() {
                self.versions.get_mut(&version).unwrap().known |= !complete;
            }
            return;
        };
        if self.versions.is_empty() {
            return;
        }
        let damaged = self.versions.values().any(|it| it.damaged);
        let code = if damaged { 4 } else { 0 };
        assert_eq!(ran.code, Some(code), "{}\n{:#?}", ran.stderr, self.story);
        for row in ran.rows() {
            let stored = &self.versions[row["version"].as_str().unwrap()];
            let verdict = if stored.damaged { "damaged" } else { "good" };
            assert_eq!(row["verdict"], verdict, "{row} {:#?}", self.story);
        }
        for stored in self.versions.values_mut() {
            stored.known = stored.damaged;
        }
    }

    fn any(&mut self) -> Option<String> {
        let versions: Vec<String> = self.versions.keys().cloned().collect();
        (!versions.is_empty()).then(|| versions[self.chance.below(versions.len())].clone())
    }

    fn protect(&mut self) {
        let Some(version) = self.any() else { return };
        let protected = !self.versions[&version].protected;
        let verb = if protected { "protect" } else { "unprotect" };
        let arguments = [verb, "web", "--version", &version, "--yes", "-q"];
        let ran = self.run("instance", &arguments, false);
        let ran = ran.unwrap();
        assert_eq!(ran.code, Some(0), "{}\n{:#?}", ran.stderr, self.story);
        self.versions.get_mut(&version).unwrap().protected = protected;
    }

    /// A bit of the archive is another one.
    fn damage(&mut self) {
        let Some(version) = self.any() else { return };
        if self.versions[&version].damaged {
            return;
        }
        let place = self.world.root().join("fake/instances/default/web");
        let path = place.join(&version).join("export.tar.zst");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = self.chance.below(bytes.len());
        bytes[at] ^= 1 << self.chance.below(8);
        std::fs::write(&path, bytes).unwrap();
        self.story.push(format!("{version} is damaged at {at}"));
        self.versions.get_mut(&version).unwrap().damaged = true;
    }

    /// What is listed is what must be there.
    fn look(&self) {
        let expected = self.versions.iter().map(|(version, stored)| {
            let state = (!stored.known, stored.protected);
            (version.clone(), state)
        });
        let expected: BTreeMap<String, (bool, bool)> = expected.collect();
        assert_eq!(self.listed(), expected, "{:#?}", self.story);
        assert_eq!(self.holds(), self.generation, "{:#?}", self.story);
    }

    fn day(&mut self) {
        if self.chance.below(5) == 0 {
            // Some clock is set back.
            let hours = i64::try_from(self.chance.below(60)).unwrap();
            self.now = self.now.checked_sub(hours.hours()).unwrap();
            self.story.push(format!("it is {}", self.now));
        }
        for _ in 0..2 + self.chance.below(3) {
            match self.chance.below(12) {
                0..4 => self.create(),
                4 => self.restore(),
                5 | 6 => self.prune(),
                7 | 8 => self.verify(),
                9 => self.protect(),
                10 => self.damage(),
                _ => self.write(),
            }
            self.look();
            let minutes = i64::try_from(self.chance.below(300)).unwrap();
            self.now = self.now.checked_add((1 + minutes).minutes()).unwrap();
        }
        self.now = self.now.checked_add(20.hours()).unwrap();
    }
}

#[rstest]
fn after_fourteen_days_everything_is_there_that_must_be(#[values(1, 2, 3, 4)] part: usize) {
    for number in 0..times("FAULT_DAYS", 3) {
        let mut days = Days::begin(&format!("days {part}.{number}"));
        for _ in 0..14 {
            days.day();
        }
        days.create_after_all();
        days.run("verify", &["--level", "full", "-q"], false);
        for stored in days.versions.values_mut() {
            stored.known = stored.damaged;
        }
        days.look();
        assert_eq!(ours(&days.world), Vec::<String>::new(), "{:#?}", days.story);
    }
}
