//! The arguments of `create`.

use std::num::NonZeroUsize;

use clap::Args;

use super::{Answers, Link, ProjectScope, Rows, WrittenTarget};
use crate::model::CompressionChoice;

/// Back up instances, with their snapshots
///
/// Without a name: every instance of the project. What runs is backed up from one moment; the plan
/// says how, and which instances are paused for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-instance create web
  incus-backup-instance create prod: --all-projects --target dir:/mnt/nas/incus --yes
  incus-backup-instance create web --compression gzip:9
  incus-backup-instance create web --dry-run --format json")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct Create {
    /// The instances, as `incus` names them
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Of which projects
    #[command(flatten)]
    pub scope: ProjectScope,
    /// Export running instances as they are, without a snapshot or copy: the result is inconsistent
    #[arg(long)]
    pub no_snapshot: bool,
    /// Use the storage driver's own format (btrfs, zfs): it restores to the same driver only
    #[arg(long, alias = "optimized-storage")]
    pub optimized: bool,
    /// Back up the custom volumes that the instances mount as well, of one moment with them: what
    /// writes to any of them is paused while all are copied
    #[arg(long)]
    pub with_volumes: bool,
    /// Leave the instances' snapshots out
    #[arg(long)]
    pub instance_only: bool,
    /// How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19), `gzip`, `gzip:LEVEL` (1 to 9) or
    /// `none` [default: the target's in `backup.yml`, else zstd:3]
    #[arg(long, value_name = "ALG[:LEVEL]")]
    pub compression: Option<CompressionChoice>,
    /// Try again this many times when files change under a live export
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// Give an export up when the server sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, hide = true)]
    pub stall_timeout: u64,
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
