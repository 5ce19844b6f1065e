//! What `restic snapshots --json` tells.

use jiff::Timestamp;
use serde::Deserialize;

/// A snapshot.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Snapshot {
    /// Its id, whole.
    pub(super) id: String,
    /// The time that it was given.
    pub(super) time: Timestamp,
    /// The paths that it is of: of those of this program one.
    #[serde(default)]
    pub(super) paths: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// What was done for it; restic before 0.17 does not say.
    #[serde(default)]
    pub(super) summary: Option<Summary>,
}

/// What was done for a snapshot.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Summary {
    /// When it was really made.
    pub(super) backup_start: Timestamp,
    /// How much its files hold.
    pub(super) total_bytes_processed: u64,
}

impl Snapshot {
    /// When it was made, as far as that is known.
    pub(super) fn made_at(&self) -> Timestamp {
        self.summary
            .as_ref()
            .map_or(self.time, |it| it.backup_start)
    }
}

/// What `restic backup --json` says at its end.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Made {
    /// The snapshot.
    pub(super) snapshot_id: String,
    /// How much its files hold.
    pub(super) total_bytes_processed: u64,
}

impl Made {
    /// Reads it from a line that restic wrote, if it is that.
    pub(super) fn read(line: &str) -> Option<Self> {
        line.contains("\"summary\"").then_some(())?;
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_backup_names_its_snapshot() {
        let line = concat!(
            "{\"message_type\":\"summary\",\"files_new\":1,\"data_added\":260,\"data_added_packed\":331,",
            "\"total_bytes_processed\":7,\"snapshot_id\":\"2e1ef3c0\"}"
        );
        let made = Made::read(line).unwrap();
        assert_eq!(
            (made.snapshot_id.as_str(), made.total_bytes_processed),
            ("2e1ef3c0", 7)
        );
        assert!(Made::read("{\"message_type\":\"status\"}").is_none());
        assert!(Made::read("a \"summary\" of nothing").is_none());
    }
}
