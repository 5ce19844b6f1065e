//! The rows that `doctor` shows.

use super::rows::{column, text};
use super::{Cell, Column, Record, Shown, Tone};
use crate::doctor::{Finding, Verdict};

impl Record for Finding {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Finding>] = &[
            column("verdict", Shown::Always, |row| {
                let tone = match row.verdict {
                    Verdict::Fine => Tone::Good,
                    Verdict::Note => Tone::Faint,
                    Verdict::Warning => Tone::Careful,
                    Verdict::Problem => Tone::Bad,
                };
                Cell::Toned(row.verdict.to_string(), tone)
            }),
            column("check", Shown::Always, |row| text(row.check)),
            column("subject", Shown::Always, |row| text(&row.subject)),
            column("message", Shown::Always, |row| {
                Cell::Prose(row.message.clone())
            }),
            column("remedy", Shown::Unless(""), |row| {
                row.remedy.clone().map_or(Cell::Empty, Cell::Prose)
            }),
        ];
        COLUMNS
    }
}
