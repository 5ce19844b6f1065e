//! The arguments of `incus-backup-setup`.

use clap::{Args, Parser, Subcommand};

use super::{
    AliasVerb, Answers, Doctor, Identities, LockWait, Metrics, Notify, Recipients, Rows,
    TargetVerb, Verbosity,
};
use crate::cli::exit::EXIT_STATUS;
use crate::model::{CompressionChoice, Kind, ProjectName, SourceName, Version};
const EXAMPLES: &str = "Examples:
  incus-backup-setup aliases install --dry-run
  incus-backup-setup target init nas
  incus-backup-setup doctor";
const ALIASES: &str = "Examples:
  incus-backup-setup aliases print
  incus-backup-setup aliases install --dry-run
  incus-backup-setup aliases remove --dry-run";
const TARGET: &str = "Examples:
  incus-backup-setup target init nas
  incus-backup-setup target init dir:/mnt/nas/incus --dry-run";

/// Set up what backups need: the `incus` command, targets, and what is in them
///
/// Runs by itself, or as `incus backup-setup` after `incus-backup-setup aliases install`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-setup",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Setup {
    /// What to do
    #[command(subcommand)]
    pub verb: SetupVerb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-setup`.
#[derive(Debug, Subcommand)]
pub enum SetupVerb {
    /// Make `incus backup …` run these programs
    #[command(subcommand, after_help = ALIASES)]
    Aliases(AliasVerb),
    /// Look whether backups can be made and restored, and say what mends what is wrong
    Doctor(Doctor),
    /// Write metrics of what a target holds, as Prometheus reads them
    Metrics(Metrics),
    /// Send a test message to everybody who is told how runs ended
    Notify(Notify),
    /// Make targets
    #[command(subcommand, after_help = TARGET)]
    Target(TargetVerb),
    /// Copy stored versions from one target to another
    Copy(Copy),
}

/// Copy stored versions from one target to another
///
/// From a directory to a restic repository, back, or from one directory to another. A copy is the same
/// version: its time, how consistent it is, what it is a backup of, whether it is protected. All that
/// is read is compared with its checksum on the way, and a copy is there only once it is whole. What is
/// there already is left alone, so that a copy that was interrupted goes on where it stopped. Versions
/// of the earlier tool are refused: they are restored from where they are.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-setup copy --from dir:/var/backups/incus --to restic:/mnt/usb/incus --dry-run
  incus-backup-setup copy --from nas --to offsite --latest --yes
  incus-backup-setup copy web --type instance --from offsite --to dir:/mnt/usb/incus")]
pub struct Copy {
    /// Only these, as `list` names them (`NAME`, or `POOL/NAME`); without a name everything
    #[arg(value_name = "[REMOTE:][NAME]")]
    pub names: Vec<String>,
    /// The target that is copied from: `dir:/absolute/path`, `restic:REPOSITORY`, or the name of a
    /// target in `backup.yml`
    #[arg(long, value_name = "TARGET")]
    pub from: String,
    /// The target that is copied to, which is made after asking where it is not there
    #[arg(long, value_name = "TARGET")]
    pub to: String,
    /// Only this kind: instance, volume, bucket, image or config
    #[arg(long = "type", value_name = "KIND")]
    pub kind: Option<Kind>,
    /// Only this project [default: all]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Only the backups of this server [default: all]
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<SourceName>,
    /// Only this version
    #[arg(long, value_name = "VERSION", conflicts_with = "latest")]
    pub version: Option<Version>,
    /// Only the newest complete version of each
    #[arg(long)]
    pub latest: bool,
    /// Compress all archives anew: `zstd`, `zstd:LEVEL` (1 to 19), `gzip`, `gzip:LEVEL` (1 to 9) or
    /// `none` [default: what is compressed stays as it is, the rest as the target has it in
    /// `backup.yml`, else zstd:3; never in a restic repository]
    #[arg(long, value_name = "ALG[:LEVEL]")]
    pub compression: Option<CompressionChoice>,
    /// What is decrypted
    #[command(flatten)]
    pub identities: Identities,
    /// What is encrypted
    #[command(flatten)]
    pub recipients: Recipients,
    /// Locks
    #[command(flatten)]
    pub locks: LockWait,
    /// Take away the locks of restic repositories whose processes are gone, after asking
    #[arg(long)]
    pub unlock: bool,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
