//! The arguments of `incus-backup-config`.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use super::{
    Answers, Output, ReadAnswers, ReadTarget, Renamings, Rows, SourceChoice, TargetChoice,
    Verbosity, WrittenTarget,
};
use crate::cli::exit::EXIT_STATUS;
use crate::config::Filter;
use crate::model::{ObjectKind, ProjectName, Version};
const EXAMPLES: &str = "Examples:
  incus-backup-config create
  incus-backup-config diff
  incus-backup-config restore --dry-run";

/// Back up the configuration of an Incus server, compare it and bring it back
///
/// Everything declarative: server keys, projects, profiles, storage pools, networks and what belongs
/// to them, trusted certificates, cluster groups; volumes, buckets, images and instances as a record.
/// Runs by itself, or as `incus backup-config` after
/// `incus alias add backup-config /usr/bin/incus-backup-config`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-config",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Config {
    /// What to do
    #[command(subcommand)]
    pub verb: ConfigVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-config`.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Back up the configuration of a server
    #[command(visible_alias = "backup")]
    Create(ConfigCreate),
    /// List stored versions
    #[command(visible_alias = "ls")]
    List(ConfigList),
    /// Show what a stored version holds
    #[command(visible_alias = "info")]
    Show(ConfigShow),
    /// Show what differs between a stored version and a server, two versions, or two servers
    Diff(ConfigDiff),
    /// Give a server the configuration of a stored version
    Restore(ConfigRestore),
    /// Delete stored versions
    #[command(visible_alias = "rm")]
    Delete(ConfigDelete),
    /// Protect stored versions from being deleted
    #[command(after_help = "Examples:
  incus-backup-config protect
  incus-backup-config protect prod: --version 20260131T235959Z")]
    Protect(ConfigProtect),
    /// Take the protection of stored versions back
    #[command(after_help = "Examples:
  incus-backup-config unprotect
  incus-backup-config unprotect prod: --all-versions")]
    Unprotect(ConfigProtect),
}

/// Which objects are meant.
#[derive(Debug, Clone, Args)]
pub struct ObjectScope {
    /// Only objects of this kind, such as `networks`; may be given several times
    #[arg(long = "kind", value_name = "KIND", value_parser = kind_parser(), hide_possible_values = true)]
    pub kinds: Vec<ObjectKind>,
    /// Only this project and what is in it
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
}

fn kind_parser() -> impl clap::builder::TypedValueParser<Value = ObjectKind> {
    let plurals = ObjectKind::ALL.map(ObjectKind::plural);
    let shown = plurals.map(|plural| {
        let word: ObjectKind = plural.parse().unwrap_or(ObjectKind::ServerKey);
        clap::builder::PossibleValue::new(plural)
            .alias(word.word())
            .alias(plural.replace('_', "-"))
    });
    PossibleValuesParser::new(shown).try_map(|text| text.parse::<ObjectKind>())
}

impl From<&ObjectScope> for Filter {
    fn from(scope: &ObjectScope) -> Self {
        Self {
            kinds: scope.kinds.iter().copied().collect(),
            project: scope.project.clone(),
        }
    }
}

/// Back up the configuration of a server
///
/// Reads it until nothing changes from one reading to the next. Passwords, tokens and keys are part
/// of it: the files are for their owner alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config create
  incus-backup-config create prod: --target dir:/mnt/nas/incus --yes

Exits with 3 when some kind of object could not be read; the rest is stored.")]
pub struct ConfigCreate {
    /// The server [default: the default remote]
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// Where to
    #[command(flatten)]
    pub target: WrittenTarget,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// List stored versions
///
/// Reads the target only; no server is asked unless a remote is named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config list
  incus-backup-config list prod: --format json")]
pub struct ConfigList {
    /// Only of this server
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}

/// Show what a stored version holds
///
/// Without --kind: what is known about it, and how many objects of each kind it has. Secrets are
/// masked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config show
  incus-backup-config show prod: --kind networks --kind network_acls
  incus-backup-config show --kind profiles --project shop --format json --show-secrets")]
pub struct ConfigShow {
    /// Of this server
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<Version>,
    /// Which objects are printed
    #[command(flatten)]
    pub scope: ObjectScope,
    /// Show passwords, tokens and keys
    #[arg(long)]
    pub show_secrets: bool,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Output
    #[command(flatten)]
    pub output: Output,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}

/// Show what differs between a stored version and a server, two versions, or two servers
///
/// The first side is the stored version (or the first server), the second is the server (or the
/// version of --with, or the second server): `+` is what only the second has, `-` what only the first
/// has, `~` what both have and not alike. What a server chooses for itself and observes is not
/// compared. Secrets are masked; that they differ is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config diff
  incus-backup-config diff prod: --version 20260131T235959Z --kind networks
  incus-backup-config diff --version 20260131T235959Z --with 20260201T235959Z
  incus-backup-config diff prod: dr: --exit-code

JSON: one array; each item has `change` (added, removed, changed), `kind`, `project`, `parent`, `name`,
`member` and `fields`, a list of `path`, `old` and `new`.

Exits with 0, different or not; with --exit-code 4 when there is a difference. Exits with 3 when some
kind of object could not be read on one side.")]
pub struct ConfigDiff {
    /// The server, or two servers to compare with each other
    #[arg(value_name = "REMOTE:", num_args = 0..=2)]
    pub remotes: Vec<String>,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<Version>,
    /// Compare with this version, instead of a server
    #[arg(long, value_name = "VERSION", requires = "version")]
    pub with: Option<Version>,
    /// Which objects are compared
    #[command(flatten)]
    pub scope: ObjectScope,
    /// Show passwords, tokens and keys
    #[arg(long)]
    pub show_secrets: bool,
    /// Exit with 4 when there is a difference
    #[arg(long)]
    pub exit_code: bool,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Output
    #[command(flatten)]
    pub output: Output,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}

/// Give a server the configuration of a stored version
///
/// Makes what is missing and changes what differs, object by object, in the order in which the server
/// can take them; what is equal is left alone. Each object is looked at again before it is changed, and
/// left alone if somebody else changed it meanwhile. Objects that the backup lacks are kept. Images and
/// instances come back with their own commands, and so does the data of volumes and buckets.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config restore --dry-run
  incus-backup-config restore dr: --from prod
  incus-backup-config restore --kind profiles --project shop
  incus-backup-config restore dr: --from prod --pool-source tank=/dev/sdb
  incus-backup-config restore --kind profiles --profile-map web=web-old

Exits with 3 when some objects failed or were refused; the others are done. A restore can be run again.")]
pub struct ConfigRestore {
    /// The server [default: the default remote]
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// The version [default: the newest complete one]
    #[arg(long, value_name = "VERSION", conflicts_with = "as_of")]
    pub version: Option<Version>,
    /// The newest complete version that is not later than this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Timestamp>,
    /// Which objects
    #[command(flatten)]
    pub scope: ObjectScope,
    /// Put storage pool POOL on this device, data set or folder; without it a pool that was on a device
    /// is refused
    #[arg(long, value_name = "POOL=SOURCE", value_parser = pool_source)]
    pub pool_source: Vec<(String, String)>,
    /// Other names; `--project` means the new one
    #[command(flatten)]
    pub renamings: Renamings,
    /// Make missing volumes and buckets, without their data
    #[arg(long)]
    pub with_empty_volumes: bool,
    /// Delete objects that the backup lacks, where nothing uses them
    #[arg(long)]
    pub force: bool,
    /// Where from
    #[command(flatten)]
    pub target: ReadTarget,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

pub(super) fn pool_source(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((pool, source)) if !pool.is_empty() && !source.is_empty() => {
            Ok((pool.to_owned(), source.to_owned()))
        }
        _ => Err("it is written POOL=SOURCE"),
    }
}

/// Delete stored versions
///
/// Servers are not touched. The last complete version is deleted only with --force.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-config delete --version 20260131T235959Z
  incus-backup-config delete prod: --all-versions --force")]
pub struct ConfigDelete {
    /// Of this server
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// The versions to delete
    #[arg(
        long = "version",
        value_name = "VERSION",
        required_unless_present = "all_versions"
    )]
    pub versions: Vec<Version>,
    /// Delete every version
    #[arg(long, conflicts_with = "versions")]
    pub all_versions: bool,
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
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

/// Protect stored versions from being deleted, or take that back
#[derive(Debug, Args)]
pub struct ConfigProtect {
    /// Of this server
    #[arg(value_name = "REMOTE:")]
    pub remote: Option<String>,
    /// The versions [default: the newest complete one]
    #[arg(long = "version", value_name = "VERSION")]
    pub versions: Vec<Version>,
    /// Every version
    #[arg(long, conflicts_with = "versions")]
    pub all_versions: bool,
    /// Where
    #[command(flatten)]
    pub target: TargetChoice,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
