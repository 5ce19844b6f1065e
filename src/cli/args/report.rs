//! The arguments of `incus-backup-all report`.

use std::path::PathBuf;

use clap::Args;

use super::{ReadAnswers, SourceChoice};
use crate::model::{Age, ProjectName};

/// Write a page that shows what is protected, and what is not
///
/// One HTML file, which loads nothing: what has a recent backup, since when, how consistent, last
/// verified and drilled, what has none, how much there is, and the last runs. It says what `list` and
/// `list --unprotected` say. A server that cannot be reached is named as such; the rest of the page is
/// what the target says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-all report --output backups.html
  incus-backup-all report prod: lab: --target nas --output /srv/reports/backups.html
  incus-backup-all report --from prod --max-age 8d --verified --output -")]
pub struct ReportAll {
    /// The servers that are asked what they hold [default: `servers` in `backup.yml`, else the client's
    /// default remote]
    #[arg(value_name = "REMOTE:")]
    pub remotes: Vec<String>,
    /// Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the
    /// name of a target in `backup.yml` [default:
    /// `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]
    // Without the flags that every other command has for a target: one of them is known as `--output`.
    #[arg(long, value_name = "URI|NAME")]
    pub target: Option<String>,
    /// Only this project [default: all]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// How old the newest backup may be: 90m, 26h, 7d, 2w
    #[arg(long, value_name = "AGE", default_value = "26h")]
    pub max_age: Age,
    /// Only backups count of which every checksum was found right (`incus-backup-verify --level full`)
    #[arg(long)]
    pub verified: bool,
    /// Only backups count of which a restored copy ran (`incus-backup-verify --level drill`); of what is
    /// not drilled, which is all but instances, those that were verified
    #[arg(long, conflicts_with = "verified")]
    pub drilled: bool,
    /// Write to this file, whole or not at all, instead of standard output (`-`); a new one can be read
    /// by its owner only, and one that is there keeps its permissions
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, default_value = "-")]
    pub output: PathBuf,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}
