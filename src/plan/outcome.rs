//! What became of a plan.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Action, Failure, Row};
use crate::model::{Bytes, Consistency};
use crate::progress::Progress;

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was done, completely.
    Done,
    /// It was begun or tried, and failed.
    Failed,
    /// It was planned to be left alone.
    Skipped,
    /// It was asked for and not done, for the reason in its row.
    Refused,
    /// The run was stopped before or while it was done.
    Interrupted,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        })
    }
}

/// A result row: a plan's row and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The row as it was previewed, but for a version that only applying it could know.
    #[serde(flatten)]
    pub row: Row,
    /// What became of it.
    pub status: Status,
    /// Why it failed.
    pub error: Option<Failure>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Option<Duration>,
    /// What it takes in the target.
    pub stored_size: Option<Bytes>,
    /// How consistent what was stored is.
    pub consistency: Option<Consistency>,
}

impl Outcome {
    /// Tells whoever listens that this one is through.
    pub fn tell(&self, progress: &dyn Progress) {
        progress.through(self.stored_size.unwrap_or_default().0);
    }

    fn new(row: Row, status: Status) -> Self {
        Self {
            row,
            status,
            error: None,
            duration: None,
            stored_size: None,
            consistency: None,
        }
    }

    /// It was done.
    pub fn done(row: Row, duration: Duration) -> Self {
        Self {
            duration: Some(duration),
            ..Self::new(row, Status::Done)
        }
    }

    /// It failed.
    pub fn failed(row: Row, error: Failure, duration: Duration) -> Self {
        Self {
            error: Some(error),
            duration: Some(duration),
            ..Self::new(row, Status::Failed)
        }
    }

    /// The run was stopped before or while it was done, and what was begun is cleaned up.
    pub fn interrupted(row: Row) -> Self {
        Self::new(row, Status::Interrupted)
    }

    /// Nothing was done: skipped or refused as the row says, or else interrupted.
    pub fn rest(row: Row) -> Self {
        let status = match row.action {
            Action::Skip | Action::Keep => Status::Skipped,
            Action::Refuse => Status::Refused,
            Action::Create | Action::Replace | Action::Update | Action::Delete => {
                Status::Interrupted
            }
        };
        Self::new(row, status)
    }

    /// Records what was stored.
    #[must_use]
    pub fn stored(mut self, size: Bytes, consistency: Consistency) -> Self {
        self.stored_size = Some(size);
        self.consistency = Some(consistency);
        self
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    milliseconds.serialize(serializer)
}

/// How a run ended, which gives its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was asked for is done.
    Done,
    /// Some rows failed or were refused; the rest is complete.
    Partial,
    /// Nothing that was asked for is done.
    Failed,
    /// The run was stopped.
    Interrupted,
}

/// What became of every row of a plan, in the plan's order.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Report {
    /// The result rows.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// The report of a plan that changes nothing, and so needs neither consent nor applying.
    pub fn of_rest<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        rows.into_iter().cloned().map(Outcome::rest).collect()
    }

    /// How the run ended. A refused row counts as a failed one, a skipped one as complete; a row
    /// that was to be kept was not asked for, and says neither.
    pub fn verdict(&self) -> Verdict {
        let any = |status: Status| self.outcomes.iter().any(|outcome| outcome.status == status);
        let complete = self.outcomes.iter().any(|outcome| {
            matches!(outcome.status, Status::Done | Status::Skipped)
                && outcome.row.action != Action::Keep
        });
        let bad = any(Status::Failed) || any(Status::Refused);
        match (any(Status::Interrupted), bad, complete) {
            (true, _, _) => Verdict::Interrupted,
            (false, false, _) => Verdict::Done,
            (false, true, true) => Verdict::Partial,
            (false, true, false) => Verdict::Failed,
        }
    }
}

impl FromIterator<Outcome> for Report {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        Self {
            outcomes: outcomes.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::failure::tests::nested;
    use super::super::row::tests::row;
    use super::*;

    fn failed(name: &str) -> Outcome {
        let error = Failure::new(nested(&["cannot export", "disk full"]));
        Outcome::failed(
            row(Action::Create, name),
            error,
            Duration::from_millis(1500),
        )
    }

    fn outcome(word: &str) -> Outcome {
        match word {
            "done" => Outcome::done(row(Action::Create, "web"), Duration::from_secs(1)),
            "failed" => failed("web"),
            "skip" => Outcome::rest(row(Action::Skip, "web")),
            "keep" => Outcome::rest(row(Action::Keep, "web")),
            "refuse" => Outcome::rest(row(Action::Refuse, "web")),
            "begun" => Outcome::rest(row(Action::Create, "web")),
            _ => Outcome::interrupted(row(Action::Create, "web")),
        }
    }

    #[rstest]
    #[case("", Verdict::Done)]
    #[case("done done", Verdict::Done)]
    #[case("done skip keep", Verdict::Done)]
    #[case("skip", Verdict::Done)]
    #[case("done failed", Verdict::Partial)]
    #[case("done refuse", Verdict::Partial)]
    #[case("skip failed", Verdict::Partial)]
    #[case("keep failed", Verdict::Failed)]
    #[case("failed failed", Verdict::Failed)]
    #[case("failed refuse", Verdict::Failed)]
    #[case("refuse", Verdict::Failed)]
    #[case("done interrupted", Verdict::Interrupted)]
    #[case("failed interrupted", Verdict::Interrupted)]
    #[case("begun", Verdict::Interrupted)]
    fn a_verdict_follows_from_the_rows(#[case] words: &str, #[case] verdict: Verdict) {
        let report: Report = words.split_whitespace().map(outcome).collect();
        assert_eq!(report.verdict(), verdict);
    }

    #[test]
    fn a_result_row_adds_its_keys_after_those_of_the_plan() {
        let done = Outcome::done(row(Action::Create, "web"), Duration::from_millis(80_500))
            .stored(Bytes(2048), Consistency::CrashConsistent);
        let report: Report = [done, failed("db")].into_iter().collect();
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            concat!(
                r#"[{"action":"create","type":"instance","project":"default","pool":null,"name":"web","object":null,"version":null,"reason":"","#,
                r#""status":"done","error":null,"duration_ms":80500,"stored_size":2048,"consistency":"crash-consistent"},"#,
                r#"{"action":"create","type":"instance","project":"default","pool":null,"name":"db","object":null,"version":null,"reason":"","#,
                r#""status":"failed","error":"cannot export: disk full","duration_ms":1500,"stored_size":null,"consistency":null}]"#,
            )
        );
    }

    #[test]
    fn a_plan_that_changes_nothing_is_reported_as_it_stands() {
        let rows = [row(Action::Skip, "web"), row(Action::Refuse, "db")];
        let statuses: Vec<Status> = Report::of_rest(&rows)
            .outcomes
            .iter()
            .map(|outcome| outcome.status)
            .collect();
        assert_eq!(statuses, [Status::Skipped, Status::Refused]);
    }
}
