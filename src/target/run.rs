//! What one command was asked, did, and failed to do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{RunId, SourceName};

/// The record of one run. A reader ignores keys that it does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The number of the format.
    pub format: u64,
    /// The run.
    pub run: RunId,
    /// The version of the program.
    pub program: String,
    /// The command line, word by word, without credentials.
    pub command: Vec<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was through.
    pub ended_at: Timestamp,
    /// The server that it was about.
    pub source: SourceName,
    /// What it exited with.
    pub exit_code: u8,
    /// Its result rows, as it gives them in JSON.
    pub rows: Vec<serde_json::Value>,
}

impl RunRecord {
    /// The format that this program writes.
    pub const FORMAT: u64 = 1;

    /// How many of its rows ended so: `done`, `failed` and their like.
    pub fn count(&self, status: &str) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row["status"] == status).count()
    }
}

/// A word of a command line, without the user and password that a URL in it may carry.
pub fn without_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", without_credentials(&rest[at..])),
        None => format!("{scheme}://{}", without_credentials(rest)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("create", "create")]
    #[case("dir:/mnt/nas", "dir:/mnt/nas")]
    #[case("me@host", "me@host")]
    #[case("https://host/a@b", "https://host/a@b")]
    #[case(
        "restic:rest:https://me:s3cret@host:8000/",
        "restic:rest:https://***@host:8000/"
    )]
    #[case("--target=rest:http://me:p@ss@host", "--target=rest:http://***@host")]
    #[case("a://b:c@d,e://f:g@h/", "a://***@d,e://***@h/")]
    #[case("a://b/,e://f:g@h", "a://b/,e://***@h")]
    fn a_word_keeps_everything_but_credentials(#[case] word: &str, #[case] kept: &str) {
        assert_eq!(without_credentials(word), kept);
    }
}
