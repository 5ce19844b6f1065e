//! The rows of what commands did.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::rows::{column, text};
use super::{Cell, Column, Record, Shown, Tone};
use crate::model::{RunId, SourceName};
use crate::target::RunRecord;

/// What one command was asked and did, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The server that it was about, as the target calls it.
    pub source: SourceName,
    /// Its command line, without credentials.
    pub command: Vec<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was through.
    pub ended_at: Timestamp,
    /// What it exited with.
    pub exit_code: u8,
    /// How many of its rows were done.
    pub done: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were refused.
    pub refused: usize,
    /// How many were interrupted.
    pub interrupted: usize,
    /// How many were skipped.
    pub skipped: usize,
    /// What was wrong with those that did not go well.
    pub errors: Vec<String>,
}

impl RunRow {
    /// The row of a record.
    pub fn of(record: &RunRecord) -> Self {
        Self {
            run: record.run.clone(),
            source: record.source.clone(),
            command: record.command.clone(),
            begun_at: record.begun_at,
            ended_at: record.ended_at,
            exit_code: record.exit_code,
            done: record.count("done"),
            failed: record.count("failed"),
            refused: record.count("refused"),
            interrupted: record.count("interrupted"),
            skipped: record.count("skipped"),
            errors: record.rows.iter().filter_map(error).collect(),
        }
    }

    /// The command line, with the program's name alone before it.
    fn command(&self) -> String {
        let mut words = self.command.iter().map(String::as_str);
        let program = words.next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or(program);
        let words = std::iter::once(program).chain(words);
        words.collect::<Vec<_>>().join(" ")
    }

    fn error(&self) -> Cell {
        let Some(first) = self.errors.first() else {
            return Cell::Empty;
        };
        Cell::Prose(match self.errors.len() - 1 {
            0 => first.clone(),
            more => format!("{first}; and {more} more"),
        })
    }
}

/// What was wrong with a row, and with what.
fn error(row: &Value) -> Option<String> {
    let error = row["error"].as_str()?;
    let names = ["type", "pool", "name"].map(|key| row[key].as_str());
    let names: Vec<&str> = names.into_iter().flatten().collect();
    Some(format!("{}: {error}", names.join(" ")))
}

fn count(count: usize, tone: Tone) -> Cell {
    match count {
        0 => text(0),
        count => Cell::Toned(count.to_string(), tone),
    }
}

impl Record for RunRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<RunRow>] = &[
            column("begun_at", Shown::Always, |row| Cell::Time(row.begun_at)),
            column("source", Shown::WhenMixed, |row| text(&row.source)),
            column("command", Shown::Always, |row| Cell::Prose(row.command())),
            column("exit_code", Shown::Always, |row| {
                count(row.exit_code.into(), Tone::Bad)
            }),
            column("done", Shown::Always, |row| text(row.done)),
            column("failed", Shown::Unless("0"), |row| {
                count(row.failed, Tone::Bad)
            }),
            column("refused", Shown::Unless("0"), |row| {
                count(row.refused, Tone::Bad)
            }),
            column("interrupted", Shown::Unless("0"), |row| {
                count(row.interrupted, Tone::Careful)
            }),
            column("skipped", Shown::Unless("0"), |row| text(row.skipped)),
            column("ended_at", Shown::Asked, |row| Cell::Time(row.ended_at)),
            column("run", Shown::Asked, |row| text(&row.run)),
            column("error", Shown::Unless(""), RunRow::error),
        ];
        COLUMNS
    }
}
