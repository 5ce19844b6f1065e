//! The rows that `aliases` shows.

use super::rows::{column, tone_of};
use super::{Cell, Column, Record, Shown};
use crate::aliases::AliasRow;

impl Record for AliasRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<AliasRow>] = &[
            column("action", Shown::Always, |row| {
                Cell::Toned(row.action.to_string(), tone_of(row.action))
            }),
            column("name", Shown::Always, |row| Cell::Text(row.name.clone())),
            column("command", Shown::Always, |row| {
                Cell::Text(row.command.clone())
            }),
            column("reason", Shown::Unless(""), |row| {
                Cell::Prose(row.reason.clone())
            }),
        ];
        COLUMNS
    }
}
