//! The rows of who was told.

use std::time::Duration;

use serde::Serialize;

use super::rows::{column, text};
use super::{Cell, Column, Record, Shown, Tone};
use crate::notify::{Told, Way};
use crate::plan::messages;

/// Whether somebody was told, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldRow {
    /// The name of the notification.
    pub name: String,
    /// In which way.
    #[serde(rename = "type")]
    pub way: Way,
    /// Who: the host of an address, or a program.
    pub to: Option<String>,
    /// Whether they were.
    pub sent: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// Why they were not.
    pub error: Option<String>,
}

impl ToldRow {
    /// The row of one.
    pub fn of(told: &Told) -> Self {
        let error = told.result.as_ref().err();
        Self {
            name: told.name.clone(),
            way: told.way,
            to: told.to.clone(),
            sent: error.is_none(),
            duration_ms: u64::try_from(told.duration.as_millis()).unwrap_or(u64::MAX),
            error: error.map(|error| messages(error).join(": ")),
        }
    }
}

impl Record for ToldRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<ToldRow>] = &[
            column("name", Shown::Always, |row| text(&row.name)),
            column("type", Shown::Always, |row| text(row.way)),
            column("to", Shown::Always, |row| Cell::of(row.to.as_ref())),
            column("sent", Shown::Always, |row| {
                let (word, tone) = if row.sent {
                    ("yes", Tone::Good)
                } else {
                    ("no", Tone::Bad)
                };
                Cell::Toned(word.to_owned(), tone)
            }),
            column("duration_ms", Shown::Always, |row| {
                Cell::Duration(Duration::from_millis(row.duration_ms))
            }),
            column("error", Shown::Unless(""), |row| {
                row.error.clone().map_or(Cell::Empty, Cell::Prose)
            }),
        ];
        COLUMNS
    }
}
