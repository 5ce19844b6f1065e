//! What a row consists of, and which of it is shown.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Bytes;

/// Something that is shown as rows of a table, or as JSON and YAML by its own keys.
pub trait Record: Serialize + Sized + 'static {
    /// Everything a table can show of it, in order.
    fn columns() -> &'static [Column<Self>];
}

/// One column of a table.
#[derive(Debug)]
pub struct Column<R> {
    /// Its key in JSON, YAML and `--columns`; in upper case, with spaces, it is the header.
    pub key: &'static str,
    /// When a table has it though nobody asked.
    pub shown: Shown,
    /// What it holds in one row.
    pub cell: fn(&R) -> Cell,
}

impl<R> Column<R> {
    /// The header in a table: `created_at` is `CREATED AT`.
    pub(super) fn header(&self) -> String {
        let words = self.key.strip_suffix("_ms").unwrap_or(self.key);
        words.replace('_', " ").to_uppercase()
    }
}

/// When a table has a column though nobody asked for it. CSV always has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In every table.
    Always,
    /// Where some row holds something else than this or nothing.
    Unless(&'static str),
    /// Where rows differ in it.
    WhenMixed,
    /// Where somebody asks for it: it is long.
    Asked,
}

/// What one column holds in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A word or a name, which is never wrapped.
    Text(String),
    /// Words that a narrow terminal may wrap.
    Prose(String),
    /// A word that has a colour.
    Toned(String, Tone),
    /// A size.
    Size(Bytes),
    /// A moment.
    Time(Timestamp),
    /// A length of time.
    Duration(Duration),
}

impl Cell {
    /// A text, or nothing.
    pub fn of(value: Option<impl fmt::Display>) -> Self {
        value.map_or(Self::Empty, |value| Self::Text(value.to_string()))
    }
}

/// The colour that repeats what a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be looked at.
    Careful,
    /// Wrong.
    Bad,
    /// Of little interest.
    Faint,
}

/// A word of `--columns` that names no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown column `{name}`; the columns are {}", .known.join(", "))]
pub struct UnknownColumn {
    /// The word.
    pub name: String,
    /// Every column there is.
    pub known: Vec<&'static str>,
}

/// Which columns are shown of a record.
#[derive(Debug)]
pub struct Columns<R: Record> {
    asked: Option<Vec<&'static Column<R>>>,
}

impl<R: Record> Default for Columns<R> {
    fn default() -> Self {
        Self { asked: None }
    }
}

impl<R: Record> Columns<R> {
    /// Those that `--columns` names, comma-separated, in that order: `name,version,size`.
    ///
    /// Upper case and hyphens are taken for lower case and underscores.
    pub fn parse(text: &str) -> Result<Self, UnknownColumn> {
        let find = |word: &str| {
            let key = word.trim().to_lowercase().replace('-', "_");
            let column = R::columns().iter().find(|column| column.key == key);
            column.ok_or_else(|| UnknownColumn {
                name: word.trim().to_owned(),
                known: R::columns().iter().map(|column| column.key).collect(),
            })
        };
        let asked = text.split(',').map(find).collect::<Result<_, _>>()?;
        Ok(Self { asked: Some(asked) })
    }

    /// What `--columns` says, if anything.
    pub fn choose(text: Option<&str>) -> Result<Self, UnknownColumn> {
        text.map_or_else(|| Ok(Self::default()), Self::parse)
    }

    /// Those asked for, or else every one: for programs, which want the same columns always.
    pub(super) fn stable(&self) -> Vec<&'static Column<R>> {
        match &self.asked {
            Some(asked) => asked.clone(),
            None => R::columns().iter().collect(),
        }
    }

    /// Those asked for, or else those that tell something about these rows: for people.
    pub(super) fn telling(&self, rows: &[&R]) -> Vec<&'static Column<R>> {
        match &self.asked {
            Some(asked) => asked.clone(),
            None => R::columns()
                .iter()
                .filter(|column| tells(column, rows))
                .collect(),
        }
    }
}

fn tells<R: Record>(column: &Column<R>, rows: &[&R]) -> bool {
    let mut cells = rows.iter().map(|row| (column.cell)(row));
    match column.shown {
        Shown::Always => true,
        Shown::Asked => false,
        Shown::Unless(usual) => cells.any(|cell| match cell {
            Cell::Empty => false,
            Cell::Text(text) | Cell::Prose(text) | Cell::Toned(text, _) => {
                !text.is_empty() && text != usual
            }
            Cell::Size(_) | Cell::Time(_) | Cell::Duration(_) => true,
        }),
        Shown::WhenMixed => cells
            .next()
            .is_some_and(|first| cells.any(|cell| cell != first)),
    }
}
