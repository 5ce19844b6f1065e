//! The arguments of `incus-backup-image`.

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::{
    Answers, Delete, Link, List, ProjectScope, Protect, ReadTarget, Renaming, Rows, Show,
    SourceChoice, Verbosity, WrittenTarget,
};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{ProjectName, ResourceName, Version};

const EXAMPLES: &str = "Examples:
  incus-backup-image create debian/12
  incus-backup-image list debian/12
  incus-backup-image restore debian/12 --to-project shop";
const LIST: &str = "Examples:
  incus-backup-image list
  incus-backup-image list debian/12 --format json
  incus-backup-image list prod: --project shop";
const SHOW: &str = "Examples:
  incus-backup-image show debian/12
  incus-backup-image show 8a8f87 --version 20260131T235959Z --format json";
const DELETE: &str = "Examples:
  incus-backup-image delete debian/12 --version 20260131T235959Z
  incus-backup-image delete 8a8f87 --all-versions --force";
const PROTECT: &str = "Examples:
  incus-backup-image protect debian/12
  incus-backup-image protect 8a8f87 --version 20260131T235959Z";
const UNPROTECT: &str = "Examples:
  incus-backup-image unprotect debian/12
  incus-backup-image unprotect 8a8f87 --all-versions";

/// Back up Incus images, and bring them back
///
/// Runs by itself, or as `incus backup-image` after
/// `incus alias add backup-image /usr/bin/incus-backup-image`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-image",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Image {
    /// What to do
    #[command(subcommand)]
    pub verb: ImageVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-image`.
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Back up images, with their aliases and properties
    #[command(visible_alias = "backup")]
    Create(CreateImage),
    /// List stored versions
    #[command(visible_alias = "ls", after_help = LIST)]
    List(List),
    /// Show what is known about a stored version
    #[command(visible_alias = "info", after_help = SHOW)]
    Show(Show),
    /// Bring images back from their stored versions
    Restore(RestoreImage),
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

/// Back up images, with their aliases and properties
///
/// Without a name: every image of the project that the server did not fetch by itself. What comes is
/// checked against the fingerprint. The files of an image that are stored already, whatever the
/// project or version, are not stored again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-image create debian/12
  incus-backup-image create prod: --all-projects --target dir:/mnt/nas/incus --yes
  incus-backup-image create 8a8f87 --dry-run --format json")]
pub struct CreateImage {
    /// The images, by alias or by the beginning of their fingerprint
    #[arg(value_name = "[REMOTE:][FINGERPRINT|ALIAS]")]
    pub names: Vec<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Of which projects
    #[command(flatten)]
    pub scope: ProjectScope,
    /// Try again this many times when a download breaks off
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub retries: u32,
    /// Images at a time [default: 4, or the number of cores if that is smaller]
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

/// Bring images back from their stored versions
///
/// Without a name: every image that the target holds of the project. The files are checked while they
/// are sent, and a damaged image never comes to be.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-image restore debian/12
  incus-backup-image restore 8a8f87 --version 20260131T235959Z --to-project shop
  incus-backup-image restore debian/12 --replace --force
  incus-backup-image restore dr: --from prod --skip-existing --yes")]
pub struct RestoreImage {
    /// The images, by alias or by the beginning of their fingerprint; the remote is where they are
    /// restored to
    #[arg(value_name = "[REMOTE:][FINGERPRINT|ALIAS]")]
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
    /// Restore everything into this project
    #[arg(long, value_name = "PROJECT", conflicts_with = "project_map")]
    pub to_project: Option<ProjectName>,
    /// Restore what was in project OLD into project NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub project_map: Vec<Renaming<ProjectName>>,
    /// Give what had profile OLD profile NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub profile_map: Vec<Renaming<ResourceName>>,
    /// Of images that exist, bring properties, profiles and aliases into line; their files are the same
    #[arg(long, conflicts_with = "skip_existing")]
    pub replace: bool,
    /// Leave images that exist as they are
    #[arg(long)]
    pub skip_existing: bool,
    /// Images at a time [default: 4, or the number of cores if that is smaller]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,
    /// Allow what is refused by default: move aliases that stand for other images
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
