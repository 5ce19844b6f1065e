//! The arguments of `files`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Answers, ReadAnswers, ReadTarget, Rows, SourceChoice};
use crate::model::{InstanceName, ProjectName, Version};

/// What can be done with the files of an instance's backup.
#[derive(Debug, Subcommand)]
pub enum InstanceFiles {
    /// List what a stored version holds
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  incus-backup-instance files list web/etc
  incus-backup-instance files list web/etc/nginx --recursive --format json
  incus-backup-instance files list web/etc --snapshot before-upgrade
  incus-backup-instance files list vm
  incus-backup-instance files list vm/p1/etc"
    )]
    List(ListFiles),
    /// Take files out of a stored version
    #[command(
        visible_alias = "pull",
        after_help = "Examples:
  incus-backup-instance files get web/etc/nginx ./old
  incus-backup-instance files get web/etc/hosts - --version 20260131T235959Z
  incus-backup-instance files get vm/p1/etc/hostname -"
    )]
    Get(GetFiles),
    /// Put files of a stored version back into their instance
    #[command(
        visible_alias = "push",
        after_help = "Examples:
  incus-backup-instance files put web/etc/nginx/nginx.conf
  incus-backup-instance files put web/etc/nginx --version 20260131T235959Z --dry-run"
    )]
    Put(PutFiles),
    /// Show which files differ between two stored versions
    #[command(after_help = "Examples:
  incus-backup-instance files diff web --version 20260130T235959Z
  incus-backup-instance files diff web/etc --version 20260130T235959Z --with 20260131T235959Z")]
    Diff(DiffFiles),
}

/// What can be done with the files of a volume's backup.
#[derive(Debug, Subcommand)]
pub enum VolumeFiles {
    /// List what a stored version holds
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  incus-backup-volume files list default/data
  incus-backup-volume files list default/data/photos --recursive --format json"
    )]
    List(ListFiles),
    /// Take files out of a stored version
    #[command(
        visible_alias = "pull",
        after_help = "Examples:
  incus-backup-volume files get default/data/photos ./old
  incus-backup-volume files get default/data/notes.txt -"
    )]
    Get(GetFiles),
    /// Show which files differ between two stored versions
    #[command(after_help = "Examples:
  incus-backup-volume files diff default/data --version 20260130T235959Z")]
    Diff(DiffFiles),
}

/// Which file of which stored version is meant.
#[derive(Debug, Args)]
pub struct FileChoice {
    /// What to look into, and the path in it, as `incus file` writes it
    #[arg(value_name = "[REMOTE:]NAME[/PATH]")]
    pub path: String,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<Version>,
    /// Look into this snapshot that the version holds
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
    /// The project
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
}

/// List what a stored version holds
///
/// Of a directory what is in it; owners and groups are those that are seen from inside. Of a virtual machine
/// and of a volume of blocks the first part of a path is a partition, and without it the partitions are
/// listed; those with ext2, ext3 or ext4 can be looked into.
#[derive(Debug, Args)]
pub struct ListFiles {
    /// What
    #[command(flatten)]
    pub file: FileChoice,
    /// List everything below as well
    #[arg(short, long)]
    pub recursive: bool,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}

/// Take files out of a stored version
///
/// A directory comes with everything in it. Permissions and times are kept, as root owners too;
/// devices and pipes are left out, and set-user-ID and set-group-ID are taken off.
#[derive(Debug, Args)]
pub struct GetFiles {
    /// What
    #[command(flatten)]
    pub file: FileChoice,
    /// Where to: a new name, or a directory that is there; `-` writes one file to standard output
    #[arg(value_name = "TO", default_value = ".", value_hint = clap::ValueHint::AnyPath)]
    pub to: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
    /// Make what is taken out one's own, instead of its owner's by number
    #[arg(long)]
    pub no_same_owner: bool,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}

/// Put files of a stored version back into their instance
///
/// With their owners and permissions, whether the instance runs or not. A directory comes with
/// everything in it; what the instance has beside that stays. Files of a virtual machine's disk are not
/// put back.
#[derive(Debug, Args)]
pub struct PutFiles {
    /// What
    #[command(flatten)]
    pub file: FileChoice,
    /// Put them into this instance instead
    #[arg(long, value_name = "NAME")]
    pub target_name: Option<InstanceName>,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// Show which files differ between two stored versions
#[derive(Debug, Args)]
pub struct DiffFiles {
    /// What
    #[command(flatten)]
    pub file: FileChoice,
    /// The later version [default: the newest complete one; the earlier one is then that before it]
    #[arg(long, value_name = "VERSION")]
    pub with: Option<Version>,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}
