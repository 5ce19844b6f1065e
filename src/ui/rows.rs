//! The rows that commands show: stored versions, plans and results.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Cell, Column, Record, Shown, Tone};
use crate::model::{
    Bytes, CheckLevel, Consistency, Kind, PoolName, ProjectName, ResourceName, SourceName, Version,
};
use crate::plan::{Action, Outcome, Row, Status};
use crate::verify::{Finding, Found};

/// Whether a stored version can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Everything that belongs to it is there.
    Complete,
    /// A check found something wrong.
    Damaged,
    /// Something that belongs to it is missing.
    Incomplete,
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Damaged => "damaged",
            Self::Incomplete => "incomplete",
        })
    }
}

/// A stored version, with the keys of every listing in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionRow {
    /// The server that it is a backup of.
    pub source: SourceName,
    /// What kind of thing it is a backup of.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project of the resource, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The storage pool of the resource, for volumes and buckets.
    pub pool: Option<PoolName>,
    /// The name of the resource; the configuration of a server has none.
    pub name: Option<ResourceName>,
    /// The version.
    pub version: Version,
    /// When it was begun.
    pub created_at: Timestamp,
    /// What it holds, uncompressed.
    pub size: Option<Bytes>,
    /// What it takes in the target.
    pub stored_size: Option<Bytes>,
    /// How consistent its data is.
    pub consistency: Option<Consistency>,
    /// Whether it can be relied on.
    pub state: VersionState,
    /// Whether it is protected: never deleted.
    pub protected: bool,
    /// How thoroughly it was last checked.
    pub verified: Option<CheckLevel>,
    /// When that check ended.
    pub verified_at: Option<Timestamp>,
    /// What a check found wrong: damage, or what a restored copy did not do.
    pub problem: Option<String>,
    /// How its files are encrypted; nothing means not.
    pub encryption: Option<String>,
}

impl Record for VersionRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<VersionRow>] = &[
            column("source", Shown::WhenMixed, |row| text(&row.source)),
            column("type", Shown::WhenMixed, |row| text(row.kind)),
            column("project", DEFAULT_PROJECT, |row| {
                Cell::of(row.project.as_ref())
            }),
            column("pool", Shown::Unless(""), |row| Cell::of(row.pool.as_ref())),
            column("name", Shown::Always, |row| Cell::of(row.name.as_ref())),
            column("version", Shown::Always, |row| text(row.version)),
            column("created_at", Shown::Always, |row| {
                Cell::Time(row.created_at)
            }),
            column("size", Shown::Always, |row| size(row.size)),
            column("stored_size", Shown::Always, |row| size(row.stored_size)),
            column("consistency", Shown::Always, |row| {
                consistency(row.consistency)
            }),
            column("state", Shown::Always, |row| {
                let tone = match row.state {
                    VersionState::Complete => return text(row.state),
                    VersionState::Damaged => Tone::Bad,
                    VersionState::Incomplete => Tone::Careful,
                };
                Cell::Toned(row.state.to_string(), tone)
            }),
            column("protected", Shown::Unless(""), |row| {
                Cell::of(row.protected.then_some("yes"))
            }),
            column("verified", Shown::Unless(""), verified),
            column("verified_at", Shown::Unless(""), |row| {
                row.verified_at.map_or(Cell::Empty, Cell::Time)
            }),
            column("problem", Shown::Asked, |row| {
                row.problem.clone().map_or(Cell::Empty, Cell::Prose)
            }),
            column("encryption", Shown::Asked, |row| {
                Cell::of(row.encryption.as_ref())
            }),
        ];
        COLUMNS
    }
}

/// What came of checking a stored version, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRow {
    /// The server that it is a backup of.
    pub source: SourceName,
    /// What kind of thing it is a backup of.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project of the resource, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The storage pool of the resource, for volumes and buckets.
    pub pool: Option<PoolName>,
    /// The name of the resource; the configuration of a server has none.
    pub name: Option<ResourceName>,
    /// The version.
    pub version: Version,
    /// How thoroughly it was checked.
    pub level: CheckLevel,
    /// `good`, `damaged`, `drill-failed` (a copy does not do what it should), `failed` (it could not
    /// be checked) or `interrupted`.
    pub verdict: &'static str,
    /// What is damaged, what a copy does not do, or why it could not be checked.
    pub error: Option<String>,
    /// The newest other version that is complete, where this one may not restore.
    pub good_version: Option<Version>,
    /// What it takes in the target.
    pub stored_size: Bytes,
    /// How long it took to restore it until it ran, where it was drilled.
    pub restore_ms: Option<u64>,
    /// How long the check took.
    pub duration_ms: u64,
}

impl FindingRow {
    /// The row of a finding.
    pub fn of(finding: &Finding) -> Self {
        let id = &finding.stored.id;
        let (verdict, error) = match &finding.found {
            Found::Good => ("good", None),
            Found::Damaged(damage) => ("damaged", Some(damage.clone())),
            Found::DrillFailed(problem) => ("drill-failed", Some(problem.clone())),
            Found::Failed(failure) => ("failed", Some(failure.to_string())),
            Found::Interrupted => ("interrupted", None),
        };
        Self {
            source: id.source.clone(),
            kind: id.resource.kind(),
            project: id.resource.project().cloned(),
            pool: id.resource.pool().cloned(),
            name: id.resource.name().cloned(),
            version: id.version,
            level: finding.level,
            verdict,
            error,
            good_version: finding.good_version,
            stored_size: finding.stored.stored_size,
            restore_ms: finding
                .restored_within
                .map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
            duration_ms: u64::try_from(finding.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Record for FindingRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<FindingRow>] = &[
            column("source", Shown::WhenMixed, |row| text(&row.source)),
            column("type", Shown::WhenMixed, |row| text(row.kind)),
            column("project", DEFAULT_PROJECT, |row| {
                Cell::of(row.project.as_ref())
            }),
            column("pool", Shown::Unless(""), |row| Cell::of(row.pool.as_ref())),
            column("name", Shown::Always, |row| Cell::of(row.name.as_ref())),
            column("version", Shown::Always, |row| text(row.version)),
            column("level", Shown::Always, |row| text(row.level)),
            column("verdict", Shown::Always, |row| {
                let tone = match row.verdict {
                    "good" => Tone::Good,
                    "damaged" | "drill-failed" | "failed" => Tone::Bad,
                    _ => Tone::Careful,
                };
                Cell::Toned(row.verdict.to_owned(), tone)
            }),
            column("error", Shown::Unless(""), |row| {
                row.error.clone().map_or(Cell::Empty, Cell::Prose)
            }),
            column("good_version", Shown::Unless(""), |row| {
                Cell::of(row.good_version)
            }),
            column("stored_size", Shown::Always, |row| {
                Cell::Size(row.stored_size)
            }),
            column("restore_ms", Shown::Unless(""), |row| {
                let within = row.restore_ms.map(Duration::from_millis);
                within.map_or(Cell::Empty, Cell::Duration)
            }),
            column("duration_ms", Shown::Always, |row| {
                Cell::Duration(Duration::from_millis(row.duration_ms))
            }),
        ];
        COLUMNS
    }
}

impl Record for Row {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Row>] = &[
            column("action", Shown::Always, action),
            column("source", Shown::Unless(""), |row| {
                Cell::of(row.source.as_ref())
            }),
            column("type", Shown::WhenMixed, |row| text(row.kind)),
            column("project", DEFAULT_PROJECT, |row| {
                Cell::of(row.project.as_ref())
            }),
            column("pool", Shown::Unless(""), |row| Cell::of(row.pool.as_ref())),
            column("object", Shown::Unless(""), object),
            column("name", Shown::Always, name),
            column("version", Shown::Unless(""), |row| Cell::of(row.version)),
            column("reason", Shown::Unless(""), |row| {
                Cell::Prose(row.reason.clone())
            }),
        ];
        COLUMNS
    }
}

impl Record for Outcome {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Outcome>] = &[
            column("action", Shown::Always, |it| action(&it.row)),
            column("source", Shown::Unless(""), |it| {
                Cell::of(it.row.source.as_ref())
            }),
            column("type", Shown::WhenMixed, |it| text(it.row.kind)),
            column("project", DEFAULT_PROJECT, |it| {
                Cell::of(it.row.project.as_ref())
            }),
            column("pool", Shown::Unless(""), |it| {
                Cell::of(it.row.pool.as_ref())
            }),
            column("object", Shown::Unless(""), |it| object(&it.row)),
            column("name", Shown::Always, |it| name(&it.row)),
            column("version", Shown::Unless(""), |it| Cell::of(it.row.version)),
            column("reason", Shown::Unless(""), |it| {
                Cell::Prose(it.row.reason.clone())
            }),
            column("status", Shown::Always, |it| {
                let tone = match it.status {
                    Status::Done => Tone::Good,
                    Status::Failed | Status::Refused => Tone::Bad,
                    Status::Skipped => Tone::Faint,
                    Status::Interrupted => Tone::Careful,
                };
                Cell::Toned(it.status.to_string(), tone)
            }),
            column("error", Shown::Unless(""), |it| {
                it.error
                    .as_ref()
                    .map_or(Cell::Empty, |error| Cell::Prose(error.to_string()))
            }),
            column("duration_ms", Shown::Unless(""), |it| {
                it.duration.map_or(Cell::Empty, Cell::Duration)
            }),
            column("stored_size", Shown::Unless(""), |it| size(it.stored_size)),
            column("consistency", Shown::Unless(""), |it| {
                consistency(it.consistency)
            }),
        ];
        COLUMNS
    }
}

/// Where something is outside the project that every server has, people must see it.
const DEFAULT_PROJECT: Shown = Shown::Unless("default");

pub(super) const fn column<R>(key: &'static str, shown: Shown, cell: fn(&R) -> Cell) -> Column<R> {
    Column { key, shown, cell }
}

pub(super) fn text(value: impl fmt::Display) -> Cell {
    Cell::Text(value.to_string())
}

pub(super) fn size(size: Option<Bytes>) -> Cell {
    size.map_or(Cell::Empty, Cell::Size)
}

/// How thoroughly it was checked; where it is not damaged, a problem is that of a drill.
fn verified(row: &VersionRow) -> Cell {
    match row.verified {
        Some(CheckLevel::Drill) if row.problem.is_some() && row.state == VersionState::Complete => {
            Cell::Toned("drill failed".to_owned(), Tone::Bad)
        }
        level => Cell::of(level),
    }
}

fn consistency(consistency: Option<Consistency>) -> Cell {
    match consistency {
        Some(bad @ Consistency::Inconsistent) => Cell::Toned(bad.to_string(), Tone::Careful),
        other => Cell::of(other),
    }
}

/// What kind of object a row of a server's configuration is about.
fn object(row: &Row) -> Cell {
    Cell::of(row.object.as_ref().map(|object| object.kind))
}

/// The name of a resource, or of an object with that of what it is part of.
fn name(row: &Row) -> Cell {
    match &row.object {
        Some(object) => Cell::Text(object.path()),
        None => Cell::of(row.name.as_ref()),
    }
}

fn action(row: &Row) -> Cell {
    Cell::Toned(row.action.to_string(), tone_of(row.action))
}

pub(super) fn tone_of(action: Action) -> Tone {
    match action {
        Action::Create => Tone::Good,
        Action::Replace | Action::Update => Tone::Careful,
        Action::Delete | Action::Refuse => Tone::Bad,
        Action::Skip | Action::Keep => Tone::Faint,
    }
}
