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
        let made: Self = serde_json::from_str(line).ok()?;
        is_id(&made.snapshot_id).then_some(made)
    }
}

/// Whether a text is the id of a snapshot: up to 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tags::Tags;
    use super::*;
    use crate::testing::mutation::{Change, mutated, mutated_text};

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
        for id in ["", "-h", "2e1ef3c", "2e1ef3cg", &"a".repeat(65)] {
            assert!(Made::read(&line.replace("2e1ef3c0", id)).is_none(), "{id}");
        }
    }

    const SNAPSHOTS: &str = r#"[{"time":"2026-01-31T23:59:59Z","tree":"aa","paths":["/instance_default_web.tar"],
"hostname":"prod","username":"root","tags":["type=instance","schema=v2","source=prod","project=default",
"name=web","timestamp=20260131T235959Z","part=data","draft=x"],"program_version":"restic 0.18.0",
"summary":{"backup_start":"2026-02-01T00:00:00.5Z","backup_end":"2026-02-01T00:00:01Z",
"total_bytes_processed":7},"id":"2e1ef3c0aa","short_id":"2e1ef3c0"}]"#;

    const SUMMARY: &str = r#"{"message_type":"summary","files_new":1,"total_bytes_processed":7,"snapshot_id":"2e1ef3c0"}"#;

    proptest! {
        /// A repository is written by whoever has its password: what it says of a snapshot's place is
        /// a place, or is passed over.
        #[test]
        fn snapshots_that_were_tampered_with_are_refused_or_lead_nowhere_else(
            changes in vec(any::<Change>(), 0..5),
        ) {
            let bytes = mutated(SNAPSHOTS.as_bytes(), &changes);
            let read: Result<Vec<Snapshot>, _> = serde_json::from_slice(&bytes);
            for snapshot in read.into_iter().flatten() {
                let _ = snapshot.made_at();
                let Some(tags) = Tags::read(&snapshot.tags) else { continue };
                let Some(id) = tags.id() else { continue };
                let components = id.resource.components();
                let plain = |it: &String| !it.contains('/') && !it.starts_with('.');
                prop_assert!(components.iter().all(plain), "{components:?}");
                // What is told to restic again is what was read, and is one argument each.
                for argument in Tags::of_part(&id, "data").arguments() {
                    prop_assert!(argument.starts_with("--tag=") && !argument.contains(','));
                    prop_assert!(!argument.contains(char::is_control), "{argument:?}");
                }
            }
        }

        #[test]
        fn a_summary_that_was_tampered_with_is_found_or_not(changes in vec(any::<Change>(), 0..5)) {
            if let Some(made) = Made::read(&mutated_text(SUMMARY, &changes)) {
                prop_assert!(is_id(&made.snapshot_id));
            }
        }
    }
}
