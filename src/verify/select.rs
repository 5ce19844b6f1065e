//! Which versions are checked (pure).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{CheckLevel, ResourceId, SourceName};
use crate::target::Stored;

/// When a version is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Always.
    Always,
    /// When its last check that was as thorough is older than this, or there is none.
    After(Duration),
}

/// The versions that are due for a check of their level, of those given; with `latest` only the newest of each resource.
pub fn select(
    stored: Vec<Stored>,
    level: impl Fn(&Stored) -> CheckLevel,
    due: Due,
    now: Timestamp,
    latest: Latest,
) -> Vec<Stored> {
    let mut chosen = match latest {
        Latest::All => stored,
        Latest::Newest => newest(stored),
    };
    if let Due::After(age) = due {
        chosen.retain(|stored| {
            let last = stored.checks.latest(level(stored));
            // A check of the future, by a clock that was wrong, counts for nothing.
            !last.is_some_and(|check| {
                check.at <= now && now.duration_since(check.at).unsigned_abs() < age
            })
        });
    }
    chosen
}

/// How many of each resource's versions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// All of them.
    All,
    /// The newest one.
    Newest,
}

fn newest(stored: Vec<Stored>) -> Vec<Stored> {
    let mut of_each: BTreeMap<(SourceName, ResourceId), Stored> = BTreeMap::new();
    for version in stored {
        let key = (version.id.source.clone(), version.id.resource.clone());
        match of_each.get(&key) {
            Some(known) if known.id.version >= version.id.version => {}
            _ => drop(of_each.insert(key, version)),
        }
    }
    of_each.into_values().collect()
}
