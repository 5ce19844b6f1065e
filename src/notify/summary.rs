//! What is told of a run (pure).

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{
    Age, Bytes, Kind, PoolName, ProjectName, ResourceId, ResourceName, RunId, SourceName, Version,
};
use crate::plan::{Outcome, Report, Status};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was done.
    Success,
    /// Some resources failed; the rest is complete.
    Partial,
    /// A check found something wrong.
    Damaged,
    /// It was stopped, and cleaned up.
    Interrupted,
    /// Nothing of use was done.
    Failed,
    /// There was no run: somebody tries whether they are told.
    Test,
}

impl Ending {
    /// Its word, as JSON has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Damaged => "damaged",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Test => "test",
        }
    }

    /// Whether nobody has to do anything about it.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Test)
    }
}

/// How many things ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Done, or found good.
    pub done: u64,
    /// Left alone because there was nothing to do.
    pub skipped: u64,
    /// Failed.
    pub failed: u64,
    /// Asked for, and not done.
    pub refused: u64,
    /// Stopped before or while they were done.
    pub interrupted: u64,
    /// Found damaged.
    pub damaged: u64,
    /// Whole, but a restored copy did not do what it should.
    pub drill_failed: u64,
}

/// A thing that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsuccessful {
    /// The server that it is of, where a command is about several.
    pub source: Option<SourceName>,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its project, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// Its storage pool, for volumes and buckets.
    pub pool: Option<PoolName>,
    /// Its name; the configuration of a server has none.
    pub name: Option<ResourceName>,
    /// The version that it is about, where there is one.
    pub version: Option<Version>,
    /// How it ended: `failed`, `refused`, `interrupted`, `damaged`, `drill-failed`.
    pub status: &'static str,
    /// Why.
    pub error: Option<String>,
}

impl Unsuccessful {
    /// One of a resource.
    pub fn of(resource: &ResourceId, status: &'static str, error: Option<String>) -> Self {
        Self {
            source: None,
            kind: resource.kind(),
            project: resource.project().cloned(),
            pool: resource.pool().cloned(),
            name: resource.name().cloned(),
            version: None,
            status,
            error,
        }
    }

    fn of_outcome(outcome: &Outcome, status: &'static str) -> Self {
        let row = &outcome.row;
        let error = outcome.error.as_ref().map(ToString::to_string);
        Self {
            source: row.source.clone(),
            kind: row.kind,
            project: row.project.clone(),
            pool: row.pool.clone(),
            name: row.name.clone(),
            version: row.version,
            status,
            error: error.or_else(|| Some(row.reason.clone()).filter(|why| !why.is_empty())),
        }
    }
}

/// What a run did, while it is not known yet how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many things ended how.
    pub counts: Counts,
    /// How much was stored, or read to check it.
    pub bytes: Bytes,
    /// What did not end well.
    pub failures: Vec<Unsuccessful>,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl Tally {
    /// Of a report.
    pub fn of_report(report: &Report) -> Self {
        let mut tally = Self::default();
        for outcome in &report.outcomes {
            let counts = &mut tally.counts;
            let (count, bad) = match outcome.status {
                Status::Done => (&mut counts.done, None),
                Status::Skipped => (&mut counts.skipped, None),
                Status::Failed => (&mut counts.failed, Some("failed")),
                Status::Refused => (&mut counts.refused, Some("refused")),
                Status::Interrupted => (&mut counts.interrupted, Some("interrupted")),
            };
            *count += 1;
            if let Some(status) = bad {
                let failure = Unsuccessful::of_outcome(outcome, status);
                tally.failures.push(failure);
            }
            tally.bytes += outcome.stored_size.unwrap_or_default();
        }
        tally
    }
}

/// What a run did, and how it ended: the JSON of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The number of the format. A reader ignores keys that it does not know.
    pub format: u64,
    /// The run.
    pub run: RunId,
    /// The machine that it ran on.
    pub host: String,
    /// What ran, such as `incus-backup-all create`.
    pub command: String,
    /// How it ended.
    pub status: Ending,
    /// What it exits with.
    pub exit_code: u8,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was through.
    pub ended_at: Timestamp,
    /// What it did.
    #[serde(flatten)]
    pub tally: Tally,
}

impl Summary {
    /// The format that this program writes.
    pub const FORMAT: u64 = 1;

    /// How long it took, in seconds.
    pub fn seconds(&self) -> u64 {
        Age::of(self.begun_at, self.ended_at).as_secs()
    }
}

/// A summary, and the same for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The summary.
    pub summary: Summary,
    /// It in one line.
    pub subject: String,
    /// It in several.
    pub text: String,
}

impl Letter {
    /// The JSON of a webhook: the summary, how long it took, and the text.
    pub fn json(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(&self.summary).unwrap_or_default();
        json["duration_seconds"] = self.summary.seconds().into();
        json["text"] = self.text.as_str().into();
        json
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::model::Consistency;
    use crate::plan::{Action, Failure, Row};

    fn row(action: Action, name: &str) -> Row {
        let project = ProjectName::default_project();
        let id = ResourceId::stored_instance(project, name.parse().unwrap());
        Row::new(action, &id)
    }

    /// A run of which one thing is done, one failed and one was refused.
    pub(in crate::notify) fn letter() -> Letter {
        let failure = Failure::new(std::io::Error::other("disk full"));
        let took = Duration::from_secs(1);
        let done = Outcome::done(row(Action::Create, "web"), took);
        let refused = row(Action::Refuse, "old").because("it is broken");
        let report: Report = [
            done.stored(Bytes(70), Consistency::Consistent),
            Outcome::failed(row(Action::Create, "db"), failure, took),
            Outcome::rest(refused),
            Outcome::rest(row(Action::Skip, "x")),
        ]
        .into_iter()
        .collect();
        let run: RunId = serde_json::from_value(json!("20260131T010000Z-00000001")).unwrap();
        Letter {
            summary: Summary {
                format: Summary::FORMAT,
                begun_at: run.begun_at(),
                run,
                host: "vault".to_owned(),
                command: "incus-backup-all create".to_owned(),
                status: Ending::Partial,
                exit_code: 3,
                ended_at: "2026-01-31T01:01:30Z".parse().unwrap(),
                tally: Tally::of_report(&report),
            },
            subject: "all create on vault: partial".to_owned(),
            text: "It is done in part.\n".to_owned(),
        }
    }

    #[test]
    fn a_webhook_is_told_what_did_not_end_well_and_why() {
        let expected = json!({
            "format": 1,
            "run": "20260131T010000Z-00000001",
            "host": "vault",
            "command": "incus-backup-all create",
            "status": "partial",
            "exit_code": 3,
            "begun_at": "2026-01-31T01:00:00Z",
            "ended_at": "2026-01-31T01:01:30Z",
            "counts": {
                "done": 1, "skipped": 1, "failed": 1, "refused": 1,
                "interrupted": 0, "damaged": 0, "drill_failed": 0
            },
            "bytes": 70,
            "failures": [
                {
                    "source": null, "type": "instance", "project": "default", "pool": null,
                    "name": "db", "version": null, "status": "failed", "error": "disk full"
                },
                {
                    "source": null, "type": "instance", "project": "default", "pool": null,
                    "name": "old", "version": null, "status": "refused", "error": "it is broken"
                }
            ],
            "error": null,
            "duration_seconds": 90,
            "text": "It is done in part.\n"
        });
        assert_eq!(letter().json(), expected);
    }

    #[test]
    fn an_ending_has_one_word() {
        for ending in [
            Ending::Success,
            Ending::Partial,
            Ending::Damaged,
            Ending::Interrupted,
            Ending::Failed,
            Ending::Test,
        ] {
            assert_eq!(serde_json::to_value(ending).unwrap(), ending.word());
        }
    }
}
