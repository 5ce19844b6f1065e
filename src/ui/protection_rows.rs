//! The rows of what is not protected.

use jiff::Timestamp;
use serde::Serialize;

use super::rows::{column, text};
use super::{Cell, Column, Record, Shown};
use crate::model::{
    Age, Consistency, Kind, PoolName, ProjectName, ResourceName, SourceName, Version,
};
use crate::protection::Protection;

/// A resource without a backup that counts, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnprotectedRow {
    /// The server that it is on, as the target calls it.
    pub source: SourceName,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The project of the resource, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The storage pool of the resource, for volumes and buckets.
    pub pool: Option<PoolName>,
    /// The name of the resource; the configuration of a server has none.
    pub name: Option<ResourceName>,
    /// Its newest version that would count if it were newer.
    pub version: Option<Version>,
    /// When that was begun.
    pub created_at: Option<Timestamp>,
    /// How old that is.
    pub age_seconds: Option<u64>,
    /// How consistent the data of that is.
    pub consistency: Option<Consistency>,
    /// Why it counts as unprotected.
    pub reason: String,
}

impl UnprotectedRow {
    /// The row of a resource that is not protected; nothing for one that is.
    pub fn of(source: &SourceName, protection: &Protection, now: Timestamp) -> Option<Self> {
        let resource = &protection.resource;
        let newest = protection.newest.as_ref();
        let manifest = newest.and_then(|stored| stored.manifest.as_ref());
        let created_at = newest.map(|stored| stored.id.version.timestamp());
        Some(Self {
            source: source.clone(),
            kind: resource.kind(),
            project: resource.project().cloned(),
            pool: resource.pool().cloned(),
            name: resource.name().cloned(),
            version: newest.map(|stored| stored.id.version),
            created_at,
            age_seconds: created_at.map(|begun| Age::of(begun, now).as_secs()),
            consistency: manifest.map(|manifest| manifest.consistency),
            reason: protection.lack.clone()?,
        })
    }
}

impl Record for UnprotectedRow {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<UnprotectedRow>] = &[
            column("source", Shown::WhenMixed, |row| text(&row.source)),
            column("type", Shown::Always, |row| text(row.kind)),
            column("project", Shown::Unless("default"), |row| {
                Cell::of(row.project.as_ref())
            }),
            column("pool", Shown::Unless(""), |row| Cell::of(row.pool.as_ref())),
            column("name", Shown::Always, |row| Cell::of(row.name.as_ref())),
            column("version", Shown::Asked, |row| Cell::of(row.version)),
            column("created_at", Shown::Unless(""), |row| {
                row.created_at.map_or(Cell::Empty, Cell::Time)
            }),
            column("age_seconds", Shown::Asked, |row| Cell::of(row.age_seconds)),
            column("consistency", Shown::Asked, |row| Cell::of(row.consistency)),
            column("reason", Shown::Always, |row| {
                Cell::Prose(row.reason.clone())
            }),
        ];
        COLUMNS
    }
}
