//! The arguments of `incus-backup-setup target`.

use clap::{Args, Subcommand};

use super::{Answers, LockWait};

/// What can be done with a target itself.
#[derive(Debug, Subcommand)]
pub enum TargetVerb {
    /// Make a place a backup target
    ///
    /// A folder, or a restic repository. A target that is named in `backup.yml` must be made once by
    /// this command: what is missing at another time may be a disk that is not mounted, and is refused
    /// instead of being filled. What is a target already stays as it is.
    #[command(after_help = "Examples:
  incus-backup-setup target init nas
  incus-backup-setup target init dir:/mnt/nas/incus --yes
  incus-backup-setup target init restic:/mnt/usb/incus --dry-run")]
    Init(InitTarget),
}

/// Make a place a backup target
#[derive(Debug, Args)]
pub struct InitTarget {
    /// `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the name of a target in
    /// `backup.yml`
    #[arg(value_name = "URI|NAME")]
    pub target: String,
    /// Locks
    #[command(flatten)]
    pub locks: LockWait,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
}
