//! The arguments of `incus-backup-volume`.

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::{
    Answers, Delete, Link, List, ProjectScope, Protect, ReadTarget, Renaming, Rows, Show,
    SourceChoice, Verbosity, VolumeFiles, WrittenTarget,
};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{CompressionChoice, PoolName, ProjectName, ResourceName, Version};

const EXAMPLES: &str = "Examples:
  incus-backup-volume create default/data
  incus-backup-volume list default/data
  incus-backup-volume restore default/data --target-name data-old";
const LIST: &str = "Examples:
  incus-backup-volume list
  incus-backup-volume list default/data --format json";
const SHOW: &str = "Examples:
  incus-backup-volume show default/data
  incus-backup-volume show default/data --version 20260131T235959Z --format json";
const DELETE: &str = "Examples:
  incus-backup-volume delete default/data --version 20260131T235959Z
  incus-backup-volume delete default/data --all-versions --force";
const FILES: &str = "Examples:
  incus-backup-volume files list default/data
  incus-backup-volume files get default/data/photos ./old
  incus-backup-volume files diff default/data";
const PROTECT: &str = "Examples:
  incus-backup-volume protect default/data
  incus-backup-volume protect default/data --version 20260131T235959Z";
const UNPROTECT: &str = "Examples:
  incus-backup-volume unprotect default/data
  incus-backup-volume unprotect default/data --all-versions";

/// Back up the custom volumes of Incus, and bring them back
///
/// Volumes of files, of blocks and of ISO images, with their snapshots. Runs by itself, or as `incus
/// backup-volume` after `incus alias add backup-volume /usr/bin/incus-backup-volume`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-volume",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Volume {
    /// What to do
    #[command(subcommand)]
    pub verb: VolumeVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-volume`.
#[derive(Debug, Subcommand)]
pub enum VolumeVerb {
    /// Back up custom volumes, with their snapshots
    #[command(visible_alias = "backup")]
    Create(CreateVolumes),
    /// List stored versions
    #[command(visible_alias = "ls", after_help = LIST)]
    List(List),
    /// Show what is known about a stored version
    #[command(visible_alias = "info", after_help = SHOW)]
    Show(Show),
    /// Bring custom volumes back from their stored versions
    Restore(RestoreVolumes),
    /// Delete stored versions
    #[command(visible_alias = "rm", after_help = DELETE)]
    Delete(Delete),
    /// Files of a stored version: list them, take them out, compare
    #[command(subcommand, after_help = FILES)]
    Files(VolumeFiles),
    /// Protect stored versions: neither `delete` nor `prune` removes them
    #[command(after_help = PROTECT)]
    Protect(Protect),
    /// Let stored versions go that were protected
    #[command(after_help = UNPROTECT)]
    Unprotect(Protect),
}

/// Back up custom volumes, with their snapshots
///
/// Without a name: every one of the project. A volume that a running instance mounts is backed up
/// from one moment; the plan says how, and which instances are paused for it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-volume create default/data
  incus-backup-volume create prod: --all-projects --target dir:/mnt/nas/incus --yes
  incus-backup-volume create default/data --dry-run --format json")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct CreateVolumes {
    /// The volumes, with their pools
    #[arg(value_name = "[REMOTE:][POOL/NAME]")]
    pub names: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Of which projects
    #[command(flatten)]
    pub scope: ProjectScope,
    /// Export volumes that running instances mount as they are, without a snapshot or copy: the
    /// result is inconsistent
    #[arg(long)]
    pub no_snapshot: bool,
    /// Use the storage driver's own format (btrfs, zfs): it restores to the same driver only
    #[arg(long, alias = "optimized-storage")]
    pub optimized: bool,
    /// Leave the volumes' snapshots out
    #[arg(long)]
    pub volume_only: bool,
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
    /// Volumes at a time [default: 4, or the number of cores if that is smaller]
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

/// Bring custom volumes back from their stored versions
///
/// Without a name: every volume that the target holds of the project. The archive is checked while it
/// is sent, and a damaged one is never imported.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-volume restore default/data
  incus-backup-volume restore default/data --target-name data-old --version 20260131T235959Z
  incus-backup-volume restore default/data --replace --force
  incus-backup-volume restore dr: --from prod --pool-map default=fast --skip-existing --yes")]
pub struct RestoreVolumes {
    /// The volumes, with their pools; the remote is where they are restored to
    #[arg(value_name = "[REMOTE:][POOL/NAME]")]
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
    /// Restore under this name
    #[arg(long, value_name = "NAME")]
    pub target_name: Option<ResourceName>,
    /// Replace volumes that exist: imported beside, swapped by name, the old one deleted last. Of a
    /// volume that running instances mount only with --force, which stops them and starts them again
    #[arg(long, conflicts_with = "skip_existing")]
    pub replace: bool,
    /// Leave volumes that exist as they are
    #[arg(long)]
    pub skip_existing: bool,
    /// Restore what was in storage pool OLD to storage pool NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub pool_map: Vec<Renaming<PoolName>>,
    /// Restore to this member of the cluster [default: where it was, if that is there]
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<String>,
    /// Restore everything into this project
    #[arg(long, value_name = "PROJECT", conflicts_with = "project_map")]
    pub to_project: Option<ProjectName>,
    /// Restore what was in project OLD into project NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub project_map: Vec<Renaming<ProjectName>>,
    /// Volumes at a time [default: 4, or the number of cores if that is smaller]
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
