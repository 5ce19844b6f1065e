//! What was looked at, and what came of it.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Good to know.
    Note,
    /// It may go wrong.
    Warning,
    /// It is wrong.
    Problem,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The configuration of the `incus` client, and its aliases.
    Client,
    /// `backup.yml`.
    Settings,
    /// Whether a server can be reached.
    Remote,
    /// What this client may do there.
    Rights,
    /// What the server can do.
    Features,
    /// Whether its clock and this machine's agree.
    Clock,
    /// What ended runs left.
    LeftOver,
    /// Whether the target is there.
    Target,
    /// Whether there is room in it.
    Room,
    /// The restic that is used.
    Restic,
    /// What the target is encrypted to, and the files of its keys.
    Keys,
    /// Locks of processes that are gone.
    Locks,
    /// What has a recent backup.
    Protection,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Client => "client",
            Self::Settings => "settings",
            Self::Remote => "remote",
            Self::Rights => "rights",
            Self::Features => "features",
            Self::Clock => "clock",
            Self::LeftOver => "left-over",
            Self::Target => "target",
            Self::Room => "room",
            Self::Restic => "restic",
            Self::Keys => "keys",
            Self::Locks => "locks",
            Self::Protection => "protection",
        })
    }
}

/// One finding, with the keys in JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub check: Check,
    /// Of what: a remote, a target, a file.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What mends it: a command where there is one.
    pub remedy: Option<String>,
}

impl Finding {
    /// A finding.
    pub fn new(
        verdict: Verdict,
        (check, subject): (Check, &str),
        message: impl Into<String>,
    ) -> Self {
        Self {
            verdict,
            check,
            subject: subject.to_owned(),
            message: message.into(),
            remedy: None,
        }
    }

    /// Says what mends it.
    #[must_use]
    pub fn mend(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
