//! How much a backup of something that was running is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How consistent the data of a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// Nothing ran: the data is as it was left.
    Consistent,
    /// One moment of a running system, as after a power cut.
    CrashConsistent,
    /// Read while it changed: parts are from different moments.
    Inconsistent,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Consistent => "consistent",
            Self::CrashConsistent => "crash-consistent",
            Self::Inconsistent => "inconsistent",
        })
    }
}

/// The way in which a version's data was read, which gives its [`Consistency`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Exported as it is; it was stopped or frozen.
    Direct,
    /// Exported while it ran, from a snapshot that the server takes itself.
    ServerSnapshot,
    /// Exported from a temporary copy that cost no time.
    InstantCopy,
    /// Exported from a temporary copy; the instance was paused while it was copied.
    PausedCopy,
    /// Exported while it ran, from whatever was on disk.
    Live,
    /// Read object by object: nothing changed from the first reading to a second one.
    ReadTwice,
}

impl Method {
    /// The consistency that the method gives to an instance that ran.
    pub fn consistency(self) -> Consistency {
        match self {
            Self::Direct | Self::ReadTwice => Consistency::Consistent,
            Self::ServerSnapshot | Self::InstantCopy | Self::PausedCopy => {
                Consistency::CrashConsistent
            }
            Self::Live => Consistency::Inconsistent,
        }
    }

    /// Whether a temporary instance stands in for the true one.
    pub fn copies(self) -> bool {
        matches!(self, Self::InstantCopy | Self::PausedCopy)
    }
}
