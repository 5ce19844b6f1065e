//! What runs did: by their records, or else by what they stored.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Age, Bytes, SourceName};
use crate::target::{RunRecord, Stored};

/// How many runs are shown.
const SHOWN: usize = 15;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) begun: Timestamp,
    pub(super) source: SourceName,
    /// What it was, where that is recorded.
    pub(super) command: Option<String>,
    pub(super) seconds: Option<u64>,
    pub(super) exit_code: Option<u8>,
    /// What became of its rows, or what it stored: `12 done, 1 failed`.
    pub(super) did: String,
}

/// The newest runs, the newest of them first.
pub(super) fn runs(records: &[RunRecord], stored: &[Stored]) -> Vec<Run> {
    let mut runs: Vec<Run> = if records.is_empty() {
        by_versions(stored)
    } else {
        records.iter().map(of_record).collect()
    };
    runs.sort_by_key(|run| std::cmp::Reverse(run.begun));
    runs.truncate(SHOWN);
    runs
}

fn of_record(record: &RunRecord) -> Run {
    const STATUSES: [&str; 5] = ["done", "failed", "refused", "interrupted", "skipped"];
    let count = |status: &str| {
        let count = record.count(status);
        (count > 0).then(|| format!("{count} {status}"))
    };
    let counts: Vec<String> = STATUSES.into_iter().filter_map(count).collect();
    let took = Age::of(record.begun_at, record.ended_at);
    Run {
        begun: record.begun_at,
        source: record.source.clone(),
        command: Some(command(&record.command)),
        seconds: Some(took.as_secs()),
        exit_code: Some(record.exit_code),
        did: counts.join(", "),
    }
}

/// The command line, with the program's name alone before it.
fn command(words: &[String]) -> String {
    let mut words = words.iter();
    let program = words.next().map_or("", |path| {
        path.rsplit_once('/')
            .map_or(path.as_str(), |(_, name)| name)
    });
    let words = std::iter::once(program).chain(words.map(String::as_str));
    words.collect::<Vec<_>>().join(" ")
}

fn by_versions(stored: &[Stored]) -> Vec<Run> {
    let mut runs: BTreeMap<(&SourceName, &str), (Timestamp, usize, Bytes)> = BTreeMap::new();
    for version in stored {
        let Some(manifest) = &version.manifest else {
            continue;
        };
        let begun = version.id.version.timestamp();
        let key = (&version.id.source, manifest.run.as_str());
        let run = runs.entry(key).or_insert((begun, 0, Bytes(0)));
        run.0 = run.0.min(begun);
        run.1 += 1;
        run.2 += version.stored_size;
    }
    let each = runs.into_iter();
    each.map(|((source, _), (begun, count, size))| Run {
        begun,
        source: source.clone(),
        command: None,
        seconds: None,
        exit_code: None,
        did: format!("{count} stored, {size}"),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::judged::tests::stored;
    use super::*;
    use crate::model::Sha256;
    use crate::target::Written;
    use crate::testing::target_suite::manifest;

    fn record(minute: u8, words: &[&str]) -> RunRecord {
        serde_json::from_value(json!({
            "format": 1,
            "run": format!("20260131T01{minute:02}00Z-00000001"),
            "program": "0.1.0",
            "command": words,
            "begun_at": format!("2026-01-31T01:{minute:02}:00Z"),
            "ended_at": format!("2026-01-31T01:{minute:02}:05Z"),
            "source": "prod",
            "exit_code": 3,
            "rows": [{ "status": "done" }, { "status": "failed" }, { "status": "done" }, 7],
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_runs_come_first_and_say_what_became_of_their_rows() {
        let words = ["/usr/bin/incus-backup-all", "create", "--yes"];
        let records: Vec<RunRecord> = (0..20).map(|minute| record(minute, &words)).collect();
        let runs = runs(&records, &[]);
        assert_eq!(runs.len(), 15);
        assert_eq!(runs[0].begun.to_string(), "2026-01-31T01:19:00Z");
        assert_eq!(runs[0].did, "2 done, 1 failed");
        let command = runs[0].command.as_deref();
        assert_eq!(command, Some("incus-backup-all create --yes"));
        assert_eq!((runs[0].seconds, runs[0].exit_code), (Some(5), Some(3)));
    }

    #[test]
    fn without_records_runs_are_those_that_stored_something() {
        let versions = [
            "web 20260130T010000Z",
            "db 20260131T010000Z",
            "web 20260131T010001Z",
        ];
        let mut versions = versions.map(stored);
        let written = Written {
            size: Bytes(4),
            sha256: Sha256([0; 32]),
        };
        for (version, run) in versions.iter_mut().zip(["first", "second", "second"]) {
            let mut manifest = manifest(&version.id, 10, written);
            manifest.run = run.to_owned();
            version.manifest = Some(Box::new(manifest));
        }
        let runs = runs(&[], &versions);
        let told: Vec<(String, &str)> = runs
            .iter()
            .map(|run| (run.begun.to_string(), run.did.as_str()))
            .collect();
        let expected = [
            ("2026-01-31T01:00:00Z".to_owned(), "2 stored, 1.9 KiB"),
            ("2026-01-30T01:00:00Z".to_owned(), "1 stored, 1000 B"),
        ];
        assert_eq!(told, expected);
        assert_eq!((runs[0].exit_code, &runs[0].command), (None, &None));
    }
}
