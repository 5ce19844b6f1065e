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
    /// Finds it among the lines that restic wrote.
    pub(super) fn find(output: &[u8]) -> Option<Self> {
        let lines = output.split(|byte| *byte == b'\n');
        lines
            .filter(|line| line.windows(9).any(|part| part == b"\"summary\""))
            .find_map(|line| serde_json::from_slice(line).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_backup_names_its_snapshot() {
        let output = concat!(
            "{\"message_type\":\"status\",\"percent_done\":0,\"bytes_done\":7}\n",
            "{\"message_type\":\"summary\",\"files_new\":1,\"data_added\":260,\"data_added_packed\":331,",
            "\"total_bytes_processed\":7,\"snapshot_id\":\"2e1ef3c0\"}\n"
        );
        let made = Made::find(output.as_bytes()).unwrap();
        assert_eq!(
            (made.snapshot_id.as_str(), made.total_bytes_processed),
            ("2e1ef3c0", 7)
        );
        assert!(Made::find(b"{\"message_type\":\"status\"}\n").is_none());
    }
}
