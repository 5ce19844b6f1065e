//! The arguments of `restore`.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::Args;
use jiff::Timestamp;

use super::{Answers, Link, ProjectScope, ReadTarget, Rows, SourceChoice};
use crate::model::{InstanceName, InvalidName, PoolName, ProjectName, ResourceName, Version};

/// Bring instances back from their stored versions
///
/// Without a name: every instance that the target holds of the project. The archive is checked
/// while it is sent, and a damaged one is never imported.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-instance restore web
  incus-backup-instance restore web --replace --start
  incus-backup-instance restore web --target-name web-copy --version 20260131T235959Z
  incus-backup-instance restore dr: --from prod --skip-existing --yes
  incus-backup-instance restore web --to-project lab --network-map lan=lab0 --with-profiles")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Restore {
    /// The instances; the remote is where they are restored to
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
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
    /// Bring the custom volumes back as well that were stored of the same moment, or by the same run;
    /// before the instances
    #[arg(long, conflicts_with = "target_name")]
    pub with_volumes: bool,
    /// Start what was restored
    #[arg(long)]
    pub start: bool,
    /// Restore what was in storage pool OLD to storage pool NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub pool_map: Vec<Renaming<PoolName>>,
    /// Restore everything into this project
    #[arg(long, value_name = "PROJECT", conflicts_with = "project_map")]
    pub to_project: Option<ProjectName>,
    /// Restore what was in project OLD into project NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub project_map: Vec<Renaming<ProjectName>>,
    /// Put what was on network OLD onto network NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub network_map: Vec<Renaming<ResourceName>>,
    /// Give what had profile OLD profile NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub profile_map: Vec<Renaming<ResourceName>>,
    /// Restore to this member of the cluster [default: where it was, if that is there]
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<String>,
    /// Restore without the devices whose network or volume is missing
    #[arg(long)]
    pub drop_missing_devices: bool,
    /// Restore without the configuration keys that an older server does not know
    #[arg(long)]
    pub drop_unknown_keys: bool,
    /// Bring back missing profiles as they were saved with the instances; none that exists is changed
    #[arg(long)]
    pub with_profiles: bool,
    /// Instances at a time [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Allow what is refused by default; each refusal says when this would allow it
    #[arg(long)]
    pub force: bool,
    /// The network
    #[command(flatten)]
    pub link: Link,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// One `OLD=NEW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming<T> {
    /// The name that the backup gives.
    pub old: T,
    /// The name to use instead.
    pub new: T,
}

/// A text that is not two names with a `=` between them.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRenaming {
    /// There is no `=`.
    #[error("a mapping is written OLD=NEW")]
    NoEquals,
    /// One side is not a name.
    #[error("{0}")]
    Name(#[from] InvalidName),
}

impl<T: FromStr<Err = InvalidName>> FromStr for Renaming<T> {
    type Err = InvalidRenaming;
    fn from_str(text: &str) -> Result<Self, InvalidRenaming> {
        let (old, new) = text.split_once('=').ok_or(InvalidRenaming::NoEquals)?;
        Ok(Self {
            old: old.parse()?,
            new: new.parse()?,
        })
    }
}
