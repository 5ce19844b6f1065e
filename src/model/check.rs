//! How thoroughly a stored version was checked, and what came of it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How thoroughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    /// Manifest, required parts and sizes; no data is read.
    Quick,
    /// Every checksum of what is stored. What is encrypted was not decrypted: no key was at hand.
    Stored,
    /// Every checksum, and the structure of the archive to its end.
    Full,
    /// A restored copy that was started.
    Drill,
}

/// A text that is not a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a level; the levels are quick, full and drill")]
pub struct InvalidLevel(pub String);

impl CheckLevel {
    /// The levels that can be asked for, the least thorough first.
    pub const ALL: [Self; 3] = [Self::Quick, Self::Full, Self::Drill];
}

impl fmt::Display for CheckLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Quick => "quick",
            Self::Stored => "stored",
            Self::Full => "full",
            Self::Drill => "drill",
        })
    }
}

impl FromStr for CheckLevel {
    type Err = InvalidLevel;
    fn from_str(text: &str) -> Result<Self, InvalidLevel> {
        let mut all = Self::ALL.into_iter();
        all.find(|level| level.to_string() == text)
            .ok_or_else(|| InvalidLevel(text.to_owned()))
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How thorough it was.
    pub level: CheckLevel,
    /// When it ended.
    pub at: Timestamp,
    /// What it found wrong: damage, or what a restored copy did not do.
    pub damage: Option<String>,
}

/// The latest check of each level that a version has had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Adds a check, in the place of an earlier one of its level.
    pub fn add(&mut self, check: Check) {
        self.0.retain(|earlier| earlier.level != check.level);
        self.0.push(check);
        self.0.sort_by_key(|check| check.level);
    }

    /// The latest check of each level, the least thorough first.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.0.iter()
    }

    /// The latest check that was at least so thorough.
    pub fn latest(&self, least: CheckLevel) -> Option<&Check> {
        let thorough = self.0.iter().filter(|check| check.level >= least);
        thorough.max_by_key(|check| check.at)
    }

    /// What is known to be wrong with what is stored: what a check found, and no later one that was as
    /// thorough refuted. A drill is run of what was found whole, so that one that failed says nothing
    /// against that.
    pub fn damage(&self) -> Option<&str> {
        let mut found = self.0.iter().filter_map(|check| {
            let latest = self.latest(check.level)?;
            latest
                .damage
                .as_deref()
                .filter(|_| latest.level < CheckLevel::Drill)
        });
        found.next_back()
    }

    /// What a restored copy did not do, where the latest drill failed.
    pub fn failed_drill(&self) -> Option<&str> {
        self.latest(CheckLevel::Drill)?.damage.as_deref()
    }

    /// Everything that is known to be wrong: damage, or else a drill that failed.
    pub fn problem(&self) -> Option<&str> {
        self.damage().or(self.failed_drill())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Checks that are written as `LEVEL@SECOND`, with an exclamation mark where damage was found.
    fn checks(text: &str) -> Checks {
        let mut checks = Checks::default();
        for check in text.split_whitespace() {
            let (level, at) = check.split_once('@').unwrap();
            let second = at.trim_end_matches('!').parse().unwrap();
            checks.add(Check {
                level: level.parse().unwrap(),
                at: Timestamp::from_second(second).unwrap(),
                damage: at.ends_with('!').then(|| check.to_owned()),
            });
        }
        checks
    }

    #[rstest]
    #[case("", None)]
    #[case("quick@1 full@2", None)]
    #[case("full@1!", Some("full@1!"))]
    #[case("full@1! quick@2", Some("full@1!"))]
    #[case("full@1! full@2", None)]
    #[case("full@1! drill@2", None)]
    #[case("full@2! drill@1", Some("full@2!"))]
    #[case("full@1 quick@2!", Some("quick@2!"))]
    #[case("full@1 drill@2!", None)]
    #[case("full@1! drill@2!", None)]
    #[case("full@3! drill@2!", Some("full@3!"))]
    #[case("quick@3! full@1 drill@2!", Some("quick@3!"))]
    fn damage_stands_until_a_check_as_thorough_refutes_it(
        #[case] text: &str,
        #[case] damage: Option<&str>,
    ) {
        assert_eq!(checks(text).damage(), damage);
    }

    #[rstest]
    #[case("full@1", None)]
    #[case("full@1 drill@2!", Some("drill@2!"))]
    #[case("full@3 drill@2!", Some("drill@2!"))]
    #[case("full@3! drill@2!", Some("full@3!"))]
    #[case("full@3 drill@4", None)]
    fn a_drill_that_failed_is_a_problem_until_another_one(
        #[case] text: &str,
        #[case] problem: Option<&str>,
    ) {
        assert_eq!(checks(text).problem(), problem);
    }

    #[test]
    fn the_latest_check_is_one_that_was_thorough_enough() {
        let checks = checks("quick@9 full@3 drill@5");
        let second = |level| checks.latest(level).map(|check| check.at.as_second());
        assert_eq!(second(CheckLevel::Quick), Some(9));
        assert_eq!(second(CheckLevel::Full), Some(5));
        assert_eq!(second(CheckLevel::Drill), Some(5));
    }
}
