//! The verdict on each resource and each server.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::facts::Facts;
use crate::list::newest_complete;
use crate::model::{CheckLevel, Consistency, Kind, ResourceId, SourceName};
use crate::protection::{Wanted, judge};
use crate::target::{State, Stored, grouped};

/// How a resource stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has a backup that counts.
    Protected,
    /// It has none, for this reason.
    Lacking(String),
    /// It need not have one, for this reason.
    Spare(&'static str),
}

/// A check that found nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// When it ended.
    pub(super) at: Timestamp,
    /// Whether it was of the newest complete version.
    pub(super) of_newest: bool,
}

/// One resource.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) resource: ResourceId,
    pub(super) standing: Standing,
    /// Its newest complete version.
    pub(super) newest: Option<&'a Stored>,
    /// Its oldest complete version.
    pub(super) oldest: Option<&'a Stored>,
    /// How many versions it has.
    pub(super) versions: usize,
    /// How many of them are damaged.
    pub(super) damaged: usize,
    /// When every checksum of one of its versions was last found right.
    pub(super) verified: Option<Passed>,
    /// When a restored copy last ran.
    pub(super) drilled: Option<Passed>,
    /// What a restored copy of the newest complete version did not do.
    pub(super) failed_drill: Option<&'a str>,
}

impl Line<'_> {
    /// How consistent its newest complete version is.
    pub(super) fn consistency(&self) -> Option<Consistency> {
        Some(self.newest?.manifest.as_ref()?.consistency)
    }

    /// Whether it counts for what is at a glance.
    pub(super) fn counts(&self) -> bool {
        !matches!(self.standing, Standing::Spare(_))
    }
}

/// What one server has.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) source: SourceName,
    /// Why it is not known what it has that is not backed up.
    pub(super) unknown: Option<String>,
    /// What needs somebody first, then by kind and name.
    pub(super) lines: Vec<Line<'a>>,
}

/// Judges everything, by server.
pub(super) fn judged(facts: &Facts) -> Vec<Part<'_>> {
    let of_each = grouped(&facts.stored, |stored| &stored.id.source);
    let mut sources: BTreeSet<&SourceName> = of_each.keys().copied().collect();
    sources.extend(facts.servers.iter().map(|server| &server.source));
    let part = |source: &SourceName| {
        let stored = of_each.get(source).map_or(&[][..], Vec::as_slice);
        judged_one(facts, source, stored)
    };
    sources.into_iter().map(part).collect()
}

fn judged_one<'a>(facts: &'a Facts, source: &SourceName, stored: &[&'a Stored]) -> Part<'a> {
    let of_each = grouped(stored.iter().copied(), |version| &version.id.resource);
    let server = facts.servers.iter().find(|it| it.source == *source);
    let (wanted, unknown) = match server.map(|server| &server.wanted) {
        Some(Ok(wanted)) => (wanted.clone(), None),
        Some(Err(why)) => (known(of_each.keys().copied()), Some(why.clone())),
        // What the earlier tool made is an archive, and of no server that could be asked.
        None if stored.iter().all(|version| version.legacy) => (Vec::new(), None),
        None => {
            let why = "it was not asked".to_owned();
            (known(of_each.keys().copied()), Some(why))
        }
    };
    let mut standings: BTreeMap<ResourceId, Standing> = BTreeMap::new();
    for verdict in judge(&wanted, stored.iter().copied(), facts.rule) {
        let standing = verdict.lack.map_or(Standing::Protected, Standing::Lacking);
        standings.insert(verdict.resource, standing);
    }
    for (resource, versions) in &of_each {
        let why = match resource.kind() {
            _ if versions.iter().all(|it| it.legacy) => "the earlier tool made it",
            Kind::Image => "an image can be had again",
            _ => "it is not on the server, or left out",
        };
        let spare = Standing::Spare(why);
        standings.entry((*resource).clone()).or_insert(spare);
    }
    let each = standings.into_iter();
    let mut lines: Vec<Line<'_>> = each
        .map(|(resource, standing)| {
            let versions = of_each.get(&resource).map_or(&[][..], Vec::as_slice);
            line(resource, standing, versions)
        })
        .collect();
    lines.sort_by_key(|line| match line.standing {
        Standing::Lacking(_) => 0,
        Standing::Protected => 1,
        Standing::Spare(_) => 2,
    });
    Part {
        source: source.clone(),
        unknown,
        lines,
    }
}

/// What the target holds, where nobody says what there should be.
fn known<'a>(resources: impl Iterator<Item = &'a ResourceId>) -> Vec<Wanted> {
    resources
        .filter(|resource| resource.kind() != Kind::Image)
        .map(|resource| Wanted {
            resource: resource.clone(),
            obstacle: None,
        })
        .collect()
}

fn line<'a>(resource: ResourceId, standing: Standing, versions: &[&'a Stored]) -> Line<'a> {
    let complete = || {
        let complete = versions.iter().filter(|it| it.state == State::Complete);
        complete.copied()
    };
    let newest = newest_complete(versions.iter().copied());
    let passed = |fits: fn(CheckLevel) -> bool| {
        let each = complete().filter_map(|stored| {
            let checks = stored.checks.iter();
            let good = checks.filter(|check| fits(check.level) && check.damage.is_none());
            let at = good.map(|check| check.at).max()?;
            let of_newest = newest.is_some_and(|it| it.id.version == stored.id.version);
            Some(Passed { at, of_newest })
        });
        // That the newest is whole says more than that another one was looked at later.
        each.max_by_key(|passed| (passed.of_newest, passed.at))
    };
    Line {
        resource,
        standing,
        newest,
        oldest: complete().min_by_key(|stored| stored.id.version),
        versions: versions.len(),
        damaged: versions
            .iter()
            .filter(|it| it.state == State::Damaged)
            .count(),
        verified: passed(|level| level >= CheckLevel::Full),
        drilled: passed(|level| level == CheckLevel::Drill),
        failed_drill: newest.and_then(|stored| stored.checks.failed_drill()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::tz::TimeZone;

    use super::super::Server;
    use super::*;
    use crate::model::{Bytes, Check, Checks, ProjectName, Version};
    use crate::protection::{Least, Rule};
    use crate::target::StoredId;

    pub(in crate::report) const NOW: &str = "2026-01-31T12:00:00Z";

    /// The instance of this name.
    pub(in crate::report) fn instance(name: &str) -> ResourceId {
        let project = ProjectName::default_project();
        ResourceId::stored_instance(project, name.parse().unwrap())
    }

    /// A version, written as `RESOURCE VERSION LEVEL…`, with an exclamation mark where damage was found.
    pub(in crate::report) fn stored(text: &str) -> Stored {
        let mut words = text.split(' ');
        let name = words.next().unwrap();
        let version: Version = words.next().unwrap().parse().unwrap();
        let mut checks = Checks::default();
        for word in words {
            checks.add(Check {
                level: word.trim_end_matches('!').parse().unwrap(),
                at: NOW.parse().unwrap(),
                damage: word.ends_with('!').then(|| "it is <broken>".to_owned()),
            });
        }
        let resource = match name.strip_prefix("image:") {
            Some(name) => ResourceId::image(ProjectName::default_project(), name.parse().unwrap()),
            None => instance(name),
        };
        Stored {
            id: StoredId {
                source: "prod".parse().unwrap(),
                resource,
                version,
            },
            size: Bytes(3000),
            stored_size: Bytes(1000),
            state: if checks.damage().is_some() {
                State::Damaged
            } else {
                State::Complete
            },
            protected: false,
            legacy: false,
            checks,
            manifest: None,
        }
    }

    /// Facts of the server `prod`.
    pub(in crate::report) fn facts(stored_ones: &[&str], wanted: Result<&[&str], &str>) -> Facts {
        let one = |name: &&str| Wanted {
            resource: instance(name),
            obstacle: None,
        };
        Facts {
            target: "dir:/b".to_owned(),
            free: None,
            stored: stored_ones.iter().map(|text| stored(text)).collect(),
            servers: vec![Server {
                source: "prod".parse().unwrap(),
                wanted: match wanted {
                    Ok(names) => Ok(names.iter().map(one).collect()),
                    Err(why) => Err(why.to_owned()),
                },
            }],
            runs: Vec::new(),
            rule: Rule {
                least: Least::Complete,
                max_age: "26h".parse().unwrap(),
                now: NOW.parse().unwrap(),
            },
            zone: TimeZone::UTC,
        }
    }

    fn standings(facts: &Facts) -> Vec<(String, Standing)> {
        let parts = judged(facts);
        let lines = parts.iter().flat_map(|part| &part.lines);
        lines
            .map(|line| {
                let name = line.resource.name().unwrap().to_string();
                (name, line.standing.clone())
            })
            .collect()
    }

    #[test]
    fn what_lacks_a_backup_comes_first_and_what_need_not_have_one_last() {
        let stored = [
            "web 20260131T010000Z",
            "web 20260130T010000Z full!",
            "gone 20260131T010000Z",
            "image:0f 20260131T010000Z",
            "old 20260101T010000Z",
        ];
        let facts = facts(&stored, Ok(&["web", "new", "old"]));
        let lack = |text: &str| Standing::Lacking(text.to_owned());
        let gone = Standing::Spare("it is not on the server, or left out");
        let expected = [
            ("new", lack("it has no backup")),
            ("old", lack("its newest complete backup is 30d old")),
            ("web", Standing::Protected),
            ("gone", gone),
            ("0f", Standing::Spare("an image can be had again")),
        ];
        let expected = expected.map(|(name, standing)| (name.to_owned(), standing));
        assert_eq!(standings(&facts), expected);
        let parts = judged(&facts);
        let web = &parts[0].lines[2];
        assert_eq!((web.versions, web.damaged), (2, 1));
        assert_eq!(parts[0].unknown, None);
    }

    #[test]
    fn without_the_server_the_target_says_what_is_old() {
        let stored = ["web 20260131T010000Z", "old 20260101T010000Z"];
        let facts = facts(&stored, Err("it is down"));
        assert_eq!(standings(&facts).len(), 2);
        assert!(matches!(standings(&facts)[0].1, Standing::Lacking(_)));
        assert_eq!(judged(&facts)[0].unknown.as_deref(), Some("it is down"));
        let unasked = Facts {
            servers: Vec::new(),
            ..facts
        };
        let why = judged(&unasked)[0].unknown.clone();
        assert_eq!(why.as_deref(), Some("it was not asked"));
        let mut earlier = unasked;
        for stored in &mut earlier.stored {
            stored.legacy = true;
        }
        assert_eq!(judged(&earlier)[0].unknown, None);
        let standing = &judged(&earlier)[0].lines[0].standing;
        assert_eq!(*standing, Standing::Spare("the earlier tool made it"));
    }

    #[test]
    fn a_check_of_the_newest_version_counts_most() {
        let earlier = facts(
            &["web 20260131T010000Z quick", "web 20260130T010000Z full"],
            Ok(&["web"]),
        );
        let parts = judged(&earlier);
        let verified = parts[0].lines[0].verified.unwrap();
        assert!(!verified.of_newest);
        assert_eq!(parts[0].lines[0].drilled, None);
        let newest = facts(&["web 20260131T010000Z full drill"], Ok(&["web"]));
        let parts = judged(&newest);
        assert!(parts[0].lines[0].verified.unwrap().of_newest);
        assert!(parts[0].lines[0].drilled.unwrap().of_newest);
        let failed = facts(&["web 20260131T010000Z full drill!"], Ok(&["web"]));
        let parts = judged(&failed);
        assert_eq!(parts[0].lines[0].failed_drill, Some("it is <broken>"));
        assert_eq!(parts[0].lines[0].drilled, None);
    }
}
