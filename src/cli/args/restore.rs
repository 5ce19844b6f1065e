//! The arguments of `restore`.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::Args;
use jiff::Timestamp;

use super::{Answers, ProjectScope, Rows, SourceChoice, TargetChoice};
use crate::model::{InstanceName, InvalidName, PoolName, Version};

/// Bring instances back from their stored versions
///
/// Without a name: every instance that the target holds of the project. The archive is checked
/// while it is sent, and a damaged one is never imported.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-instance restore web
  incus-backup-instance restore web --replace --start
  incus-backup-instance restore web --target-name web-copy --version 20260131T235959Z
  incus-backup-instance restore dr: --from prod --skip-existing --yes")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Restore {
    /// The instances; the remote is where they are restored to
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which projects
    #[command(flatten)]
    pub scope: ProjectScope,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION", conflicts_with = "as_of")]
    pub version: Option<Version>,
    /// The newest complete version that is not later than this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Timestamp>,
    /// Restore under this name, with a new identity (MAC addresses, UUID, cloud-init id)
    #[arg(long, value_name = "NAME")]
    pub target_name: Option<InstanceName>,
    /// Replace instances that exist: imported beside, swapped by name, the old one deleted last
    #[arg(long, conflicts_with = "skip_existing")]
    pub replace: bool,
    /// Leave instances that exist as they are
    #[arg(long)]
    pub skip_existing: bool,
    /// Start what was restored
    #[arg(long)]
    pub start: bool,
    /// Restore what was in storage pool OLD to storage pool NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub pool_map: Vec<PoolMapping>,
    /// Instances at a time [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Allow what is refused by default; each refusal says when this would allow it
    #[arg(long)]
    pub force: bool,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// One `OLD=NEW` of `--pool-map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMapping {
    /// The pool as the backup names it.
    pub old: PoolName,
    /// The pool to restore to.
    pub new: PoolName,
}

/// A mapping that is not two pool names with a `=` between them.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMapping {
    /// There is no `=`.
    #[error("a mapping is written OLD=NEW")]
    NoEquals,
    /// One side is not a name.
    #[error("{0}")]
    Name(#[from] InvalidName),
}

impl FromStr for PoolMapping {
    type Err = InvalidMapping;
    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let (old, new) = text.split_once('=').ok_or(InvalidMapping::NoEquals)?;
        Ok(Self {
            old: old.parse()?,
            new: new.parse()?,
        })
    }
}
