//! The verdict on each resource.

use jiff::Timestamp;

use crate::model::{Age, CheckLevel, Kind, ResourceId, Version};
use crate::plan::{Action, Row};
use crate::target::{State, Stored, grouped};

/// What a backup must at least be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// Complete.
    Complete,
    /// Complete, and every checksum of it was found right.
    Verified,
    /// Complete, and a restored copy of it ran; what cannot be drilled, which is all but instances, must
    /// be verified.
    Drilled,
}

/// Which backups count.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// What they must at least be.
    pub least: Least,
    /// How old they may be.
    pub max_age: Age,
    /// When that is asked.
    pub now: Timestamp,
}

/// A resource that there should be a backup of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub resource: ResourceId,
    /// Why no backup can be made of it as things are.
    pub obstacle: Option<String>,
}

/// How well a resource is protected.
#[derive(Debug, Clone)]
pub struct Protection {
    /// Which.
    pub resource: ResourceId,
    /// Its newest version that counts but for its age.
    pub newest: Option<Stored>,
    /// Why it counts as unprotected.
    pub lack: Option<String>,
}

/// What a plan to back up says that there should be backups of: not what is left out on purpose.
pub fn wanted<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for row in rows {
        let obstacle = match row.action {
            Action::Refuse => Some(row.reason.clone()),
            action if action.changes() => None,
            _ => continue,
        };
        if let Some(resource) = row.resource() {
            all.push(Wanted { resource, obstacle });
        }
    }
    all
}

/// The verdict on each resource, in their order; `stored` is what the target holds of the server.
pub fn judge<'a>(
    wanted: &[Wanted],
    stored: impl IntoIterator<Item = &'a Stored>,
    rule: Rule,
) -> Vec<Protection> {
    let of_each = grouped(stored, |version| &version.id.resource);
    let one = |wanted: &Wanted| {
        let versions = of_each.get(&wanted.resource);
        judge_one(wanted, versions.map_or(&[], Vec::as_slice), rule)
    };
    wanted.iter().map(one).collect()
}

fn judge_one(wanted: &Wanted, versions: &[&Stored], rule: Rule) -> Protection {
    let newest_of = |least: Least| {
        let counting = versions.iter().filter(|stored| counts(stored, least));
        counting.max_by_key(|stored| stored.id.version).copied()
    };
    let newest = newest_of(rule.least);
    let lack = match newest {
        Some(stored) => too_old(stored.id.version, rule),
        None => Some(lack_of(rule.least, versions, newest_of(Least::Complete))),
    };
    let lack = lack.map(|lack| match &wanted.obstacle {
        Some(obstacle) => format!("{lack}; it cannot be backed up: {obstacle}"),
        None => lack,
    });
    Protection {
        resource: wanted.resource.clone(),
        newest: newest.cloned(),
        lack,
    }
}

fn too_old(version: Version, rule: Rule) -> Option<String> {
    let age = Age::of(version.timestamp(), rule.now);
    let what = match rule.least {
        Least::Complete => "complete",
        Least::Verified => "verified",
        Least::Drilled => "drilled",
    };
    (age > rule.max_age).then(|| format!("its newest {what} backup is {age} old"))
}

fn lack_of(least: Least, versions: &[&Stored], complete: Option<&Stored>) -> String {
    let text = match (least, complete) {
        _ if versions.is_empty() => "it has no backup",
        (_, None) => "none of its backups is complete",
        (Least::Drilled, Some(_)) => "none of its backups was drilled with success",
        (_, Some(_)) => "none of its backups was verified and found whole",
    };
    text.to_owned()
}

/// Whether a version counts, whatever its age.
fn counts(stored: &Stored, least: Least) -> bool {
    let kind = stored.id.resource.kind();
    let checks = &stored.checks;
    let fine_at = |level: CheckLevel| {
        let latest = checks.latest(level);
        latest.is_some_and(|check| check.damage.is_none())
    };
    let verified = checks.iter().any(|check| {
        // A drill is run of what was found whole; whether it succeeded is another question.
        check.level == CheckLevel::Drill
            || (check.level == CheckLevel::Full && check.damage.is_none())
    }) && checks.damage().is_none();
    stored.state == State::Complete
        && match least {
            Least::Complete => true,
            Least::Drilled if kind == Kind::Instance => fine_at(CheckLevel::Drill),
            Least::Verified | Least::Drilled => verified,
        }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{Bytes, Check, Checks, ProjectName};
    use crate::target::StoredId;

    const NOW: &str = "2026-01-31T12:00:00Z";

    fn resource(kind: Kind) -> ResourceId {
        let project = ProjectName::default_project();
        match kind {
            Kind::Instance => ResourceId::stored_instance(project, "web".parse().unwrap()),
            Kind::Config => ResourceId::config(),
            kind => {
                let name = "data".parse().unwrap();
                ResourceId::in_pool(kind, project, "tank".parse().unwrap(), name)
            }
        }
    }

    /// A version of an hour of that day, and its checks: `09 full drill!`; `!` is damage, `?` an
    /// incomplete version.
    fn stored(kind: Kind, text: &str) -> Stored {
        let mut words = text.split_whitespace();
        let hour = words.next().unwrap();
        let version = format!("20260131T{}0000Z", &hour[..2]).parse().unwrap();
        let mut checks = Checks::default();
        for word in words {
            checks.add(Check {
                level: word.trim_end_matches('!').parse().unwrap(),
                at: NOW.parse().unwrap(),
                damage: word.ends_with('!').then(|| "it is broken".to_owned()),
            });
        }
        let state = if hour.ends_with('?') {
            State::Incomplete
        } else if checks.damage().is_some() {
            State::Damaged
        } else {
            State::Complete
        };
        Stored {
            id: StoredId {
                source: "prod".parse().unwrap(),
                resource: resource(kind),
                version,
            },
            size: Bytes(1),
            stored_size: Bytes(1),
            state,
            protected: false,
            legacy: false,
            checks,
            manifest: None,
        }
    }

    fn lack(kind: Kind, versions: &[&str], least: Least) -> Option<String> {
        let versions: Vec<Stored> = versions.iter().map(|text| stored(kind, text)).collect();
        let wanted = Wanted {
            resource: resource(kind),
            obstacle: None,
        };
        let rule = Rule {
            least,
            max_age: "3h".parse().unwrap(),
            now: NOW.parse().unwrap(),
        };
        let mut judged = judge(&[wanted], &versions, rule);
        assert_eq!(judged.len(), 1);
        judged.remove(0).lack
    }

    #[rstest]
    #[case::none(&[], Least::Complete, Some("it has no backup"))]
    #[case::recent(&["09"], Least::Complete, None)]
    #[case::old(&["08"], Least::Complete, Some("its newest complete backup is 4h old"))]
    #[case::incomplete(&["11?"], Least::Complete, Some("none of its backups is complete"))]
    #[case::old_and_incomplete(&["07", "11?"], Least::Complete, Some("its newest complete backup is 5h old"))]
    #[case::damaged(&["11 full!"], Least::Complete, Some("none of its backups is complete"))]
    #[case::damaged_and_good(&["11 full!", "10"], Least::Complete, None)]
    #[case::failed_drill(&["11 full drill!"], Least::Complete, None)]
    #[case::unverified(&["11"], Least::Verified, Some("none of its backups was verified and found whole"))]
    #[case::quick(&["11 quick"], Least::Verified, Some("none of its backups was verified and found whole"))]
    #[case::verified(&["11 full"], Least::Verified, None)]
    #[case::verified_before(&["07 full", "11"], Least::Verified, Some("its newest verified backup is 5h old"))]
    #[case::verified_not_drilled(&["11 full drill!"], Least::Verified, None)]
    #[case::not_drilled(&["11 full"], Least::Drilled, Some("none of its backups was drilled with success"))]
    #[case::failed(&["11 full drill!"], Least::Drilled, Some("none of its backups was drilled with success"))]
    #[case::drilled(&["11 full drill"], Least::Drilled, None)]
    #[case::drilled_before(&["02 drill", "11"], Least::Drilled, Some("its newest drilled backup is 10h old"))]
    fn an_instance_is_protected_by_a_recent_backup_that_is_good_enough(
        #[case] versions: &[&str],
        #[case] least: Least,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(lack(Kind::Instance, versions, least).as_deref(), expected);
    }

    #[rstest]
    #[case(Kind::Volume)]
    #[case(Kind::Bucket)]
    #[case(Kind::Config)]
    fn what_cannot_be_drilled_must_be_verified(#[case] kind: Kind) {
        assert_eq!(lack(kind, &["11 full"], Least::Drilled), None);
        assert!(lack(kind, &["11"], Least::Drilled).is_some());
    }

    #[test]
    fn what_is_left_out_on_purpose_is_not_wanted_and_an_obstacle_is_told() {
        let id = resource(Kind::Volume);
        let rows = [
            Row::new(Action::Skip, &resource(Kind::Instance)).because("user.backup.exclude is set"),
            Row::new(Action::Refuse, &id).because("it is down"),
            Row::new(Action::Create, &ResourceId::config()),
        ];
        let wanted = wanted(&rows);
        let resources: Vec<&ResourceId> = wanted.iter().map(|it| &it.resource).collect();
        assert_eq!(resources, [&id, &ResourceId::config()]);
        let rule = Rule {
            least: Least::Complete,
            max_age: "3h".parse().unwrap(),
            now: NOW.parse().unwrap(),
        };
        let judged = judge(&wanted, &[stored(Kind::Volume, "08")], rule);
        assert_eq!(
            judged[0].lack.as_deref(),
            Some("its newest complete backup is 4h old; it cannot be backed up: it is down")
        );
        let judged = judge(&wanted, &[stored(Kind::Volume, "10")], rule);
        assert_eq!(judged[0].lack, None);
    }
}
