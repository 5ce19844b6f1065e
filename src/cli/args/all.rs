//! The arguments of `incus-backup-all`.

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::config::pool_source;
use super::{
    Answers, Link, List, ReadTarget, Renamings, ReportAll, Rows, SourceChoice, Verbosity,
    WrittenTarget,
};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{Age, CompressionChoice, Kind};

const EXAMPLES: &str = "Examples:
  incus-backup-all create
  incus-backup-all list
  incus-backup-all restore dr: --from prod --dry-run";
const LIST: &str = "Examples:
  incus-backup-all list
  incus-backup-all list prod: --format json
  incus-backup-all list prod: --runs
  incus-backup-all list --unprotected --max-age 26h
  incus-backup-all list prod: --unprotected --max-age 8d --verified --format json";

/// Back up a whole Incus server, and bring it back
///
/// Configuration, custom volumes, images and instances of every project: one plan, one question, one
/// run. Runs by itself, or as `incus backup-all` after
/// `incus alias add backup-all /usr/bin/incus-backup-all`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-all",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct All {
    /// What to do
    #[command(subcommand)]
    pub verb: AllVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-all`.
#[derive(Debug, Subcommand)]
pub enum AllVerb {
    /// Back up everything that a server holds
    #[command(visible_alias = "backup")]
    Create(CreateAll),
    /// List stored versions of every kind
    #[command(visible_alias = "ls", after_help = LIST)]
    List(ListAll),
    /// Write a page that shows what is protected, and what is not
    Report(ReportAll),
    /// Bring a whole server back, onto an empty one or what is left of it
    Restore(RestoreAll),
}

/// List stored versions of every kind, or what has no recent one, or the newest runs
///
/// With --unprotected the server is asked what it holds, and every instance, custom volume and bucket,
/// and the configuration, is listed that has no complete backup of the last 26 hours. That is a check
/// for monitoring: the exit status is 4 where there is one, and 0 where there is none. What is left out
/// of backups by `user.backup.exclude=true` does not count; images do not count either.
///
/// With --runs what commands did is listed: those that created, restored or deleted something, or were
/// refused.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct ListAll {
    /// What is listed
    #[command(flatten)]
    pub list: List,
    /// List the newest runs instead: what was asked, when, and how it ended
    #[arg(long, conflicts_with_all = ["unprotected", "project"])]
    pub runs: bool,
    /// List what on the server has no recent backup, and exit with 4 where there is something
    #[arg(long)]
    pub unprotected: bool,
    /// How old the newest backup may be: 90m, 26h, 7d, 2w
    #[arg(
        long,
        value_name = "AGE",
        default_value = "26h",
        requires = "unprotected"
    )]
    pub max_age: Age,
    /// Only backups count of which every checksum was found right (`incus-backup-verify --level full`)
    #[arg(long, requires = "unprotected")]
    pub verified: bool,
    /// Only backups count of which a restored copy ran (`incus-backup-verify --level drill`); of what is
    /// not drilled, which is all but instances, those that were verified
    #[arg(long, requires = "unprotected", conflicts_with = "verified")]
    pub drilled: bool,
}

/// Back up everything that a server holds, or several servers
///
/// What is backed up first is what a restore needs first: configuration, images, custom volumes,
/// instances. One thing that fails does not stop the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-all create
  incus-backup-all create prod: --target dir:/mnt/nas/incus --yes
  incus-backup-all create prod: lab: edge1: --parallel 8 --parallel-per-server 2
  incus-backup-all create --skip image --dry-run")]
pub struct CreateAll {
    /// The servers; one that cannot be reached does not stop the others [default: `servers` in
    /// `backup.yml`, else the client's default remote]
    #[arg(value_name = "REMOTE:")]
    pub remotes: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Leave a kind out: instance, volume, bucket, image or config; may be given several times
    #[arg(long, value_name = "KIND")]
    pub skip: Vec<Kind>,
    /// Export running instances as they are, without a snapshot or copy: the result is inconsistent
    #[arg(long)]
    pub no_snapshot: bool,
    /// How archives are compressed: `zstd`, `zstd:LEVEL` (1 to 19), `gzip`, `gzip:LEVEL` (1 to 9) or
    /// `none` [default: the target's in `backup.yml`, else zstd:3]
    #[arg(long, value_name = "ALG[:LEVEL]")]
    pub compression: Option<CompressionChoice>,
    /// Try again this many times when files change under a live export
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// Things at a time, on all servers together [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Things at a time on one server [default: as many as --parallel]
    #[arg(long, value_name = "N")]
    pub parallel_per_server: Option<NonZeroUsize>,
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

/// Bring a whole server back, onto an empty one or what is left of it
///
/// Storage pools, projects, networks, volumes, profiles, images, instances, and in the end limits,
/// certificates and the remaining server keys: one plan, one question. What is there and equal is
/// skipped, so that a restore that was interrupted goes on where it stopped. What is there and differs
/// is refused, unless it only lacks something; --replace and --skip-existing say what becomes of it,
/// be it an instance or a profile. No data that the backup lacks is deleted, and configuration that it
/// lacks only by --force.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-all restore --from prod
  incus-backup-all restore dr: --from prod --as-of 2026-01-31T12:00:00Z --dry-run
  incus-backup-all restore dr: --from prod --pool-map tank=fast --network-map lan=lan0
  incus-backup-all restore --from prod --skip config --skip-existing --yes")]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub struct RestoreAll {
    /// The server that is restored to
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// The newest complete versions that are not later than this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Timestamp>,
    /// Leave a kind out: instance, volume, bucket, image or config; may be given several times
    #[arg(long, value_name = "KIND")]
    pub skip: Vec<Kind>,
    /// Replace what exists and differs: data is imported beside, swapped by name, and the old one
    /// deleted last; configuration is changed
    #[arg(long, conflicts_with = "skip_existing")]
    pub replace: bool,
    /// Leave what exists as it is, also where it differs
    #[arg(long)]
    pub skip_existing: bool,
    /// Start what was restored
    #[arg(long)]
    pub start: bool,
    /// Other names
    #[command(flatten)]
    pub renamings: Renamings,
    /// Restore volumes and instances to this member of the cluster [default: where each was, if
    /// that is there]
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<String>,
    /// Restore instances without the devices whose network or volume is missing
    #[arg(long)]
    pub drop_missing_devices: bool,
    /// Restore without the configuration keys that an older server does not know
    #[arg(long)]
    pub drop_unknown_keys: bool,
    /// The device, data set or folder of storage pool POOL on the new server
    #[arg(long, value_name = "POOL=SOURCE", value_parser = pool_source)]
    pub pool_source: Vec<(String, String)>,
    /// Things at a time [default: 4, or the number of cores if that is smaller]
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
