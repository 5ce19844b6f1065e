//! What becomes of each version, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Count, Period, Rules};
use crate::model::Version;

/// How much a version is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worth {
    /// Damaged or incomplete: it does not restore.
    Bad,
    /// Complete, but of different moments, or a copy of it did not run.
    Inconsistent,
    /// Complete, and of one moment.
    Good,
}

/// A version that stays or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub version: Version,
    /// How much it is worth.
    pub worth: Worth,
    /// Whether somebody has said that it stays.
    pub protected: bool,
}

/// Why a version stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is protected.
    Protected,
    /// It is later than now: some clock was wrong.
    Future,
    /// Nothing complete is newer.
    Newest,
    /// Nothing good is newer.
    NewestGood,
    /// A rule counts it.
    Counted(Period),
    /// A rule has room left, and nothing is older.
    Oldest(Period),
    /// It is recent enough.
    Within(String),
    /// It is damaged or incomplete, and nothing complete is newer.
    NothingNewer,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected => f.write_str("protected"),
            Self::Future => f.write_str("later than now"),
            Self::Newest => f.write_str("newest"),
            Self::NewestGood => f.write_str("newest good one"),
            Self::Counted(period) => period.fmt(f),
            Self::Oldest(period) => write!(f, "oldest, as {period}"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::NothingNewer => f.write_str("nothing complete is newer"),
        }
    }
}

/// What becomes of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It stays, for these reasons.
    Keep(BTreeSet<Reason>),
    /// It goes.
    Remove,
}

/// What becomes of which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The version.
    pub version: Version,
    /// How much it is worth.
    pub worth: Worth,
    /// What becomes of it.
    pub fate: Fate,
}

/// Says of every version of one resource whether it stays, the newest first.
///
/// Periods are those of `zone`. The rules are applied twice: to everything complete, where the best of
/// a period is its newest good version; and to what is good alone, so that nothing less takes its
/// place. What is later than `now` takes part in neither.
pub fn mark(candidates: &[Candidate], rules: &Rules, now: Timestamp, zone: &TimeZone) -> Vec<Mark> {
    let mut all = candidates.to_vec();
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.version));
    let mut reasons: BTreeMap<Version, BTreeSet<Reason>> = BTreeMap::new();
    let mut keep = |version: Version, reason: Reason| {
        reasons.entry(version).or_default().insert(reason);
    };
    let complete: Vec<&Candidate> = all
        .iter()
        .filter(|candidate| candidate.worth > Worth::Bad && candidate.version.timestamp() <= now)
        .collect();
    let good: Vec<&Candidate> = complete
        .iter()
        .copied()
        .filter(|candidate| candidate.worth == Worth::Good)
        .collect();
    for (set, newest) in [(&complete, Reason::Newest), (&good, Reason::NewestGood)] {
        if let Some(first) = set.first() {
            keep(first.version, newest);
        }
        for (period, count) in &rules.counts {
            count_periods(set, *period, *count, zone, &mut keep);
        }
        if let (Some(first), Some(within)) = (set.first(), &rules.within) {
            let since = within.before(&first.version.timestamp().to_zoned_datetime(zone.clone()));
            let recent = set.iter().filter(|candidate| {
                since
                    .as_ref()
                    .is_none_or(|since| candidate.version.timestamp() >= since.timestamp())
            });
            recent.for_each(|candidate| {
                keep(candidate.version, Reason::Within(within.to_string()));
            });
        }
    }
    let newest_complete = complete.first().map(|candidate| candidate.version);
    for candidate in &all {
        let version = candidate.version;
        if candidate.protected {
            keep(version, Reason::Protected);
        }
        if version.timestamp() > now {
            keep(version, Reason::Future);
        } else if candidate.worth == Worth::Bad
            && newest_complete.is_none_or(|newest| newest < version)
        {
            keep(version, Reason::NothingNewer);
        }
    }
    all.iter()
        .map(|candidate| Mark {
            version: candidate.version,
            worth: candidate.worth,
            fate: reasons
                .remove(&candidate.version)
                .map_or(Fate::Remove, Fate::Keep),
        })
        .collect()
}

/// Keeps the best version of each of the newest `count` periods of a set that is sorted the newest
/// first; where there is room, the oldest as well (as restic does: what becomes the only one of its
/// period one day must not go before).
fn count_periods(
    set: &[&Candidate],
    period: Period,
    count: Count,
    zone: &TimeZone,
    keep: &mut impl FnMut(Version, Reason),
) {
    let mut kept = 0;
    let mut rest = set;
    let of = |candidate: &Candidate| {
        period.of(&candidate
            .version
            .timestamp()
            .to_zoned_datetime(zone.clone()))
    };
    while let (Some(first), true) = (rest.first(), count.exceeds(kept)) {
        let own = of(first);
        let size = rest
            .iter()
            .take_while(|candidate| of(candidate) == own)
            .count();
        let (of_period, older) = rest.split_at(size);
        let best = of_period
            .iter()
            .find(|candidate| candidate.worth == Worth::Good)
            .unwrap_or(first);
        keep(best.version, Reason::Counted(period));
        kept += 1;
        rest = older;
    }
    if let (Some(oldest), true) = (set.last(), rest.is_empty() && count.exceeds(kept)) {
        keep(oldest.version, Reason::Oldest(period));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The time of Berlin, in a form that needs no database of time zones.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    /// A version, and a letter for what it is: `g`ood, `i`nconsistent, `b`ad, and in capitals where
    /// it is protected.
    fn candidate(time: &str, letter: char) -> Candidate {
        let moment: Timestamp = time.parse().unwrap();
        Candidate {
            version: Version::at(moment),
            worth: match letter.to_ascii_lowercase() {
                'g' => Worth::Good,
                'i' => Worth::Inconsistent,
                _ => Worth::Bad,
            },
            protected: letter.is_ascii_uppercase(),
        }
    }

    /// What stays of versions that are written as `LETTER@TIME`, by the letters' places from 0 on.
    fn kept(versions: &str, rules: &str, zone: &str) -> Vec<usize> {
        let all: Vec<Candidate> = versions
            .split_whitespace()
            .map(|text| {
                let (letter, time) = text.split_once('@').unwrap();
                candidate(time, letter.chars().next().unwrap())
            })
            .collect();
        let now = "2026-03-30T12:00:00Z".parse().unwrap();
        let zone = TimeZone::posix(zone).unwrap();
        let marks = mark(&all, &rules.parse().unwrap(), now, &zone);
        let mut kept: Vec<usize> = marks
            .iter()
            .filter(|mark| mark.fate != Fate::Remove)
            .map(|mark| {
                all.iter()
                    .position(|it| it.version == mark.version)
                    .unwrap()
            })
            .collect();
        kept.sort_unstable();
        kept
    }

    #[rstest]
    #[case::nothing("", "daily:7", &[])]
    #[case::one("g@2020-01-01T00:00:00Z", "last:0", &[0])]
    #[case::last("g@2026-01-01T00:00:00Z g@2026-01-02T00:00:00Z g@2026-01-03T00:00:00Z", "last:2", &[1, 2])]
    #[case::one_a_day(
        "g@2026-01-01T01:00:00Z g@2026-01-02T01:00:00Z g@2026-01-02T22:00:00Z g@2026-01-03T00:00:00Z",
        "daily:2", &[2, 3])]
    #[case::the_oldest_while_there_is_room(
        "g@2026-01-01T01:00:00Z g@2026-01-01T02:00:00Z g@2026-01-02T00:00:00Z", "daily:7", &[0, 1, 2])]
    #[case::leap_day(
        "g@2024-02-28T10:00:00Z g@2024-02-29T10:00:00Z g@2024-03-01T10:00:00Z", "monthly:2", &[1, 2])]
    #[case::iso_weeks_do_not_end_with_the_year(
        "g@2025-12-29T10:00:00Z g@2025-12-31T10:00:00Z g@2026-01-01T10:00:00Z", "weekly:1", &[2])]
    #[case::within_is_of_the_newest(
        "g@2020-01-01T00:00:00Z g@2020-01-30T00:00:00Z g@2020-02-01T00:00:00Z", "within:2d", &[1, 2])]
    #[case::within_months_of_the_calendar(
        "g@2024-01-28T00:00:00Z g@2024-01-29T00:00:00Z g@2024-02-29T00:00:00Z", "within:1m", &[1, 2])]
    #[case::a_clock_that_was_ahead_pushes_nothing_out(
        "g@2026-03-01T00:00:00Z g@2026-03-02T00:00:00Z g@2077-01-01T00:00:00Z", "last:1", &[1, 2])]
    #[case::damage_takes_no_place(
        "g@2026-01-01T00:00:00Z b@2026-01-02T00:00:00Z g@2026-01-03T00:00:00Z", "last:2", &[0, 2])]
    #[case::damage_stays_while_nothing_is_newer(
        "g@2026-01-01T00:00:00Z b@2026-01-02T00:00:00Z", "last:1", &[0, 1])]
    #[case::nothing_but_damage("b@2026-01-01T00:00:00Z b@2026-01-02T00:00:00Z", "last:1", &[0, 1])]
    #[case::what_is_good_wins_its_day(
        "g@2026-01-01T01:00:00Z i@2026-01-01T02:00:00Z g@2026-01-02T01:00:00Z i@2026-01-02T02:00:00Z",
        "daily:2", &[0, 2, 3])]
    #[case::what_is_inconsistent_takes_no_place(
        "g@2026-01-01T00:00:00Z g@2026-01-02T00:00:00Z i@2026-01-03T00:00:00Z", "last:2", &[0, 1, 2])]
    #[case::an_old_good_one_stays_beside_new_inconsistent_ones(
        "g@2020-01-01T00:00:00Z i@2026-01-01T00:00:00Z i@2026-01-02T00:00:00Z i@2026-01-03T00:00:00Z",
        "last:2", &[0, 2, 3])]
    #[case::protected("G@2020-01-01T00:00:00Z g@2026-01-02T00:00:00Z g@2026-01-03T00:00:00Z", "last:1", &[0, 2])]
    fn what_stays_is_what_the_rules_say(
        #[case] versions: &str,
        #[case] rules: &str,
        #[case] expected: &[usize],
    ) {
        assert_eq!(kept(versions, rules, "UTC0"), expected);
    }

    // In Berlin summer time began on 2026-03-29 at 01:00Z and ended on 2025-10-26 at 01:00Z.
    #[rstest]
    #[case::the_day_is_the_zone_s("g@2026-01-01T22:30:00Z g@2026-01-01T23:30:00Z", "daily:2", &[0, 1])]
    #[case::a_short_day("g@2026-03-28T22:59:00Z g@2026-03-28T23:00:00Z g@2026-03-29T21:59:00Z", "daily:1", &[2])]
    #[case::the_repeated_hour_is_two(
        "g@2025-10-26T00:30:00Z g@2025-10-26T01:30:00Z g@2025-10-26T02:30:00Z", "hourly:3", &[0, 1, 2])]
    #[case::a_day_of_25_hours("g@2025-10-25T22:00:00Z g@2025-10-26T22:59:00Z g@2025-10-26T23:00:00Z", "daily:1", &[2])]
    fn periods_are_those_of_the_time_zone(
        #[case] versions: &str,
        #[case] rules: &str,
        #[case] expected: &[usize],
    ) {
        assert_eq!(kept(versions, rules, BERLIN), expected);
    }

    /// Versions of some weeks around a change of the clock, with what they are worth.
    fn histories() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0_i64..60 * 24 * 4, 0_u8..8, 0_u8..10);
        proptest::collection::vec(one, 0..40).prop_map(|all| {
            let mut seen = BTreeMap::new();
            for (quarter, worth, protected) in all {
                let moment = Timestamp::from_second(1_772_000_000 + quarter * 900).unwrap();
                let worth = match worth {
                    0 => Worth::Bad,
                    1 | 2 => Worth::Inconsistent,
                    _ => Worth::Good,
                };
                let version = Version::at(moment);
                let protected = protected == 0;
                seen.insert(
                    version,
                    Candidate {
                        version,
                        worth,
                        protected,
                    },
                );
            }
            seen.into_values().collect()
        })
    }

    fn rules() -> impl Strategy<Value = Rules> {
        proptest::collection::vec(prop_oneof![4 => 0_u32..6, 1 => Just(u32::MAX)], 6).prop_map(
            |counts| Rules {
                counts: Period::ALL
                    .into_iter()
                    .zip(counts)
                    .map(|(period, count)| {
                        let all = count == u32::MAX;
                        (period, if all { Count::All } else { Count::Of(count) })
                    })
                    .collect(),
                within: None,
            },
        )
    }

    /// The oracle: asks of one version, without an order of work, whether it stays.
    fn stays(it: &Candidate, all: &[Candidate], rules: &Rules, now: Timestamp) -> bool {
        let zone = TimeZone::posix(BERLIN).unwrap();
        let past = |other: &&Candidate| other.version.timestamp() <= now;
        let newest = |least: Worth| {
            let fit = all.iter().filter(past).filter(|other| other.worth >= least);
            fit.map(|other| other.version).max()
        };
        if it.protected || !past(&it) {
            return true;
        }
        if it.worth == Worth::Bad {
            return newest(Worth::Inconsistent).is_none_or(|newest| newest < it.version);
        }
        [Worth::Inconsistent, Worth::Good].into_iter().any(|least| {
            let set: Vec<&Candidate> = all
                .iter()
                .filter(past)
                .filter(|other| other.worth >= least)
                .collect();
            if it.worth < least {
                return false;
            }
            let counted = rules.counts.iter().any(|(period, count)| {
                let of = |it: &Candidate| {
                    period.of(&it.version.timestamp().to_zoned_datetime(zone.clone()))
                };
                let own = of(it);
                let newer: BTreeSet<String> = set
                    .iter()
                    .filter(|other| other.version > it.version)
                    .map(|other| of(other))
                    .filter(|other| *other != own)
                    .collect();
                let rivals = set.iter().filter(|other| of(other) == own);
                let best = rivals
                    .max_by_key(|other| (other.worth, other.version))
                    .unwrap();
                let periods: BTreeSet<String> = set.iter().map(|other| of(other)).collect();
                let oldest = set.iter().all(|other| other.version >= it.version);
                (best.version == it.version && count.exceeds(newer.len()))
                    || (oldest && count.exceeds(periods.len()))
            });
            counted || newest(least) == Some(it.version)
        })
    }

    proptest! {
        #[test]
        fn the_marks_are_those_of_the_oracle(
            all in histories(),
            rules in rules(),
            now in 1_772_000_000_i64..1_778_000_000,
        ) {
            let now = Timestamp::from_second(now).unwrap();
            let zone = TimeZone::posix(BERLIN).unwrap();
            let marks = mark(&all, &rules, now, &zone);
            prop_assert_eq!(marks.len(), all.len());
            for it in &all {
                let found = marks.iter().find(|mark| mark.version == it.version).unwrap();
                prop_assert_eq!(
                    found.fate != Fate::Remove,
                    stays(it, &all, &rules, now),
                    "{} {:?}", it.version, it.worth
                );
            }
        }

        #[test]
        fn pruning_twice_is_pruning_once(all in histories(), rules in rules()) {
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let survivors = |all: &[Candidate]| -> Vec<Candidate> {
                let marks = mark(all, &rules, now, &TimeZone::UTC);
                let stays = |it: &&Candidate| {
                    marks.iter().any(|mark| {
                        mark.version == it.version && mark.fate != Fate::Remove
                    })
                };
                all.iter().filter(stays).copied().collect()
            };
            let once = survivors(&all);
            prop_assert_eq!(&survivors(&once), &once);
        }

        #[test]
        fn what_is_not_good_pushes_nothing_good_out(all in histories(), rules in rules()) {
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let good: Vec<Candidate> =
                all.iter().filter(|it| it.worth == Worth::Good).copied().collect();
            let marks = mark(&all, &rules, now, &TimeZone::UTC);
            for alone in mark(&good, &rules, now, &TimeZone::UTC) {
                let mixed = marks.iter().find(|mark| mark.version == alone.version).unwrap();
                if alone.fate != Fate::Remove {
                    prop_assert_ne!(&mixed.fate, &Fate::Remove);
                }
            }
        }
    }
}
