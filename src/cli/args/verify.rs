//! The arguments of `incus-backup-verify`.

use std::num::NonZeroUsize;

use clap::Parser;

use super::{Answers, Chosen, ReadTarget, Rows, Verbosity};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{CheckLevel, PoolName, Version};
use crate::retention::Within;

const EXAMPLES: &str = "Examples:
  incus-backup-verify
  incus-backup-verify web --latest --level full
  incus-backup-verify --older-than 7d --format json
  incus-backup-verify --type volume --from prod
  incus-backup-verify web --latest --level drill --remote lab: --pool fast";

/// Check whether what a target holds is what was stored
///
/// `quick` looks at manifests, required files and sizes; `full` compares every checksum and reads
/// every archive to its end; `drill` then restores each instance as a copy into a temporary project of a
/// server, without networks and volumes, starts it, runs the command of its `user.backup.drill` in it,
/// and removes it again. Of what is encrypted and no key is given for, `full` compares the checksums of
/// what is stored, and is told and recorded as `stored`. Of a restic repository `restic check` is part of each. When and how a version
/// was checked is recorded beside it, and shown by `list`. Damage ends in exit status 4, with what is damaged, how, and which other version restores.
#[derive(Debug, Parser)]
#[command(name = "incus-backup-verify", disable_version_flag = true, after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"))]
pub struct Verify {
    /// What is checked
    #[command(flatten)]
    pub chosen: Chosen,
    /// Only this version; without a value, print that of the program
    #[arg(
        short = 'V',
        long,
        value_name = "VERSION",
        num_args = 0..=1,
        conflicts_with = "latest"
    )]
    pub version: Option<Option<Version>>,
    /// Only the newest version of each
    #[arg(long)]
    pub latest: bool,
    /// Only what has not been checked so thoroughly for this long: 7d, 36h, 2w
    #[arg(long, value_name = "DURATION")]
    pub older_than: Option<Within>,
    /// How thoroughly: quick, full or drill
    #[arg(long, value_name = "LEVEL", default_value = "full")]
    pub level: CheckLevel,
    /// Where copies are drilled [default: the default remote]
    #[arg(long, value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// The pool that copies are restored to [default: the one of the backup]
    #[arg(long, value_name = "POOL")]
    pub pool: Option<PoolName>,
    /// How long a copy may take to run, and its command to end [default: 300]
    #[arg(long, value_name = "SECONDS")]
    pub drill_timeout: Option<u64>,
    /// Of a restic repository: read so much of its data besides, as `restic check` does: 5%, 1/10, 2G
    #[arg(long, value_name = "SUBSET")]
    pub read_data_subset: Option<String>,
    /// Versions at a time [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Where
    #[command(flatten)]
    pub target: ReadTarget,
    /// What is answered before it is asked
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}
