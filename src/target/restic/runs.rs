//! The records of runs, as far as a listing tells them.
//!
//! # Design
//!
//! The snapshot of a record holds all of it, but to read that costs a restic. So what is shown of it stands in
//! a tag of the snapshot as well, packed: its command, its times, how each of its rows ended, and what was
//! wrong with those that did not go well. A few hundred bytes are added to a listing for each run.

use serde_json::{Value, json};

use super::catalog::Catalog;
use super::tags::{pack_text, unpack_text};
use crate::model::SourceName;
use crate::target::RunRecord;

/// The tag that holds it.
pub(super) const TAG: &str = "record";
/// How many rows are told with what was wrong.
const TOLD: usize = 20;
/// How many characters are kept of what was wrong.
const LONGEST: usize = 300;
/// What tells which row it is.
const KEYS: [&str; 5] = ["action", "type", "project", "pool", "name"];

/// What is shown of a record, as the value of a tag; nothing where even that is too large.
pub(super) fn pack(run: &RunRecord) -> Option<String> {
    let mut told = 0;
    let mut rows = Vec::with_capacity(run.rows.len());
    for row in &run.rows {
        let mut kept = json!({ "status": row["status"] });
        if row["error"].is_string() && told < TOLD {
            told += 1;
            for key in KEYS {
                kept[key] = row[key].clone();
            }
            let error = row["error"].as_str().unwrap_or_default();
            kept["error"] = error.chars().take(LONGEST).collect::<String>().into();
        }
        rows.push(kept);
    }
    let shown = RunRecord {
        rows,
        ..run.clone()
    };
    pack_text(&serde_json::to_vec(&shown).ok()?)
}

/// The newest of a source that can be read, the newest first.
pub(super) fn newest(catalog: &Catalog, source: &SourceName, most: usize) -> Vec<RunRecord> {
    let packed = catalog.runs.get(source).into_iter().flatten();
    let mut runs: Vec<RunRecord> = packed.filter_map(|it| read(it)).collect();
    // Runs are named by the second that they began.
    runs.sort_by(|one, other| other.run.as_str().cmp(one.run.as_str()));
    runs.truncate(most);
    runs
}

fn read(packed: &str) -> Option<RunRecord> {
    let text = unpack_text(packed).ok()?;
    let value: Value = serde_json::from_slice(&text).ok()?;
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    #[test]
    fn what_went_well_is_counted_and_what_did_not_is_told() {
        let row = |status: &str, error: Value| {
            json!({ "status": status, "error": error, "type": "instance", "project": "default",
                "pool": null, "name": "web", "action": "create", "version": "20260131T235959Z" })
        };
        let mut rows = vec![row("done", Value::Null); 500];
        rows.push(row("failed", "x".repeat(1000).into()));
        let run = RunRecord {
            format: RunRecord::FORMAT,
            run: RunId::begin(),
            program: "0.1.0".to_owned(),
            command: vec!["incus-backup-all".to_owned(), "create".to_owned()],
            begun_at: "2026-01-31T23:59:59Z".parse().unwrap(),
            ended_at: "2026-02-01T00:00:59Z".parse().unwrap(),
            source: "prod".parse().unwrap(),
            exit_code: 3,
            rows,
        };
        let packed = pack(&run).unwrap();
        assert!(packed.len() < 600, "{}", packed.len());
        let mut catalog = Catalog::default();
        let others = ["!", "AAAA"].map(str::to_owned);
        let mut all = others.to_vec();
        all.push(packed);
        catalog.runs.insert(run.source.clone(), all);
        let [back] = &newest(&catalog, &run.source, 9)[..] else {
            panic!("one can be read")
        };
        assert_eq!((back.count("done"), back.count("failed")), (500, 1));
        let failed = back.rows.last().unwrap();
        assert_eq!(failed["error"], "x".repeat(LONGEST));
        assert_eq!(failed["name"], "web");
        let whole = RunRecord {
            rows: run.rows.clone(),
            ..back.clone()
        };
        assert_eq!(whole, run);
    }
}
