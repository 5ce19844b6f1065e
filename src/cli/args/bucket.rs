//! The arguments of `incus-backup-bucket`.

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::{
    Answers, Delete, Link, List, ProjectScope, Protect, ReadTarget, Renaming, Rows, Show,
    SourceChoice, Verbosity, WrittenTarget,
};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{CompressionChoice, PoolName, ProjectName, ResourceName, Version};

const EXAMPLES: &str = "Examples:
  incus-backup-bucket create default/photos
  incus-backup-bucket list default/photos
  incus-backup-bucket restore default/photos --target-name photos-copy";
const LIST: &str = "Examples:
  incus-backup-bucket list
  incus-backup-bucket list default/photos --format json";
const SHOW: &str = "Examples:
  incus-backup-bucket show default/photos
  incus-backup-bucket show default/photos --version 20260131T235959Z --format json";
const DELETE: &str = "Examples:
  incus-backup-bucket delete default/photos --version 20260131T235959Z
  incus-backup-bucket delete default/photos --all-versions --force";
const PROTECT: &str = "Examples:
  incus-backup-bucket protect default/photos
  incus-backup-bucket protect default/photos --version 20260131T235959Z";
const UNPROTECT: &str = "Examples:
  incus-backup-bucket unprotect default/photos
  incus-backup-bucket unprotect default/photos --all-versions";

/// Back up the storage buckets of Incus, and bring them back
///
/// Their objects, their keys with the secrets, and their configuration. Runs by itself, or as `incus
/// backup-bucket` after `incus alias add backup-bucket /usr/bin/incus-backup-bucket`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-bucket",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Bucket {
    /// What to do
    #[command(subcommand)]
    pub verb: BucketVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-bucket`.
#[derive(Debug, Subcommand)]
pub enum BucketVerb {
    /// Back up buckets, with their keys
    #[command(visible_alias = "backup")]
    Create(CreateBuckets),
    /// List stored versions
    #[command(visible_alias = "ls", after_help = LIST)]
    List(List),
    /// Show what is known about a stored version
    #[command(visible_alias = "info", after_help = SHOW)]
    Show(Show),
    /// Bring buckets back from their stored versions
    Restore(RestoreBuckets),
    /// Delete stored versions
    #[command(visible_alias = "rm", after_help = DELETE)]
    Delete(Delete),
    /// Protect stored versions: neither `delete` nor `prune` removes them
    #[command(after_help = PROTECT)]
    Protect(Protect),
    /// Let stored versions go that were protected
    #[command(after_help = UNPROTECT)]
    Unprotect(Protect),
}

/// Back up buckets, with their keys
///
/// Without a name: every bucket of the project. The server reads the objects one by one through its
/// own S3 service, which must be on (`core.storage_buckets_address`); their content type and metadata
/// are not in its exports.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-bucket create default/photos
  incus-backup-bucket create prod: --all-projects --target dir:/mnt/nas/incus --yes
  incus-backup-bucket create default/photos --dry-run --format json")]
pub struct CreateBuckets {
    /// The buckets, as `incus` names them
    #[arg(value_name = "[REMOTE:][POOL/NAME]")]
    pub names: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Of which projects
    #[command(flatten)]
    pub scope: ProjectScope,
    /// How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19), `gzip`, `gzip:LEVEL` (1 to 9) or
    /// `none` [default: the target's in `backup.yml`, else zstd:3]
    #[arg(long, value_name = "ALG[:LEVEL]")]
    pub compression: Option<CompressionChoice>,
    /// Try again this many times when an export breaks off
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// Buckets at a time [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
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

/// Bring buckets back from their stored versions
///
/// Without a name: every bucket that the target holds of the project. The archive is checked while it
/// is sent, and a damaged one is never imported. Keys come back with the same secrets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-bucket restore default/photos
  incus-backup-bucket restore default/photos --target-name photos-copy --version 20260131T235959Z
  incus-backup-bucket restore dr: --from prod --pool-map default=tank --skip-existing --yes")]
pub struct RestoreBuckets {
    /// The buckets; the remote is where they are restored to
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
    /// Restore under this name; keys that the bucket beside it has get new secrets
    #[arg(long, value_name = "NAME")]
    pub target_name: Option<ResourceName>,
    /// Refused: a bucket cannot be renamed, so none can be replaced without being lost for a while
    #[arg(long, conflicts_with = "skip_existing")]
    pub replace: bool,
    /// Leave buckets that exist as they are
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
    /// Buckets at a time [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
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
