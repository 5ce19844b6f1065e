//! What a page is made of.

use jiff::tz::TimeZone;

use crate::model::{Bytes, SourceName};
use crate::protection::{Rule, Wanted};
use crate::target::{RunRecord, Stored};

/// What is known when a page is made.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where the backups are, without credentials.
    pub target: String,
    /// How much more it can hold, where that can be told.
    pub free: Option<Bytes>,
    /// What it holds.
    pub stored: Vec<Stored>,
    /// The servers that were asked, or should have been.
    pub servers: Vec<Server>,
    /// The records of the newest runs.
    pub runs: Vec<RunRecord>,
    /// Which backups count, and what time it is.
    pub rule: Rule,
    /// The zone in which the page tells the time.
    pub zone: TimeZone,
}

/// A server.
#[derive(Debug, Clone)]
pub struct Server {
    /// What the target calls it.
    pub source: SourceName,
    /// What there should be backups of; or why that is not known.
    pub wanted: Result<Vec<Wanted>, String>,
}
