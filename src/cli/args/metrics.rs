//! The arguments of `incus-backup-setup metrics`.

use std::path::PathBuf;

use clap::Args;

use super::{ReadAnswers, SourceChoice};

/// Write metrics of what a target holds, as Prometheus reads them
///
/// For the textfile collector of the node exporter. Per resource: when the newest complete version was
/// begun, how old it is, how long it took, how large it is, how consistent, whether and when it was
/// verified, and how many versions there are. Only the target is read; no server is asked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-setup metrics
  incus-backup-setup metrics --target nas --output /var/lib/node_exporter/incus_backup.prom")]
pub struct Metrics {
    /// Where backups live: `dir:/absolute/path`, `restic:REPOSITORY` as `restic -r` takes it, or the
    /// name of a target in `backup.yml` [default:
    /// `INCUS_BACKUP_TARGET`, `default-target` in `backup.yml`, `dir:/var/backups/incus` for root]
    // Without the flags that every other command has for a target: one of them is known as `--output`.
    #[arg(long, value_name = "URI|NAME")]
    pub target: Option<String>,
    /// Of which server
    #[command(flatten)]
    pub source: SourceChoice,
    /// Write to this file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Answers
    #[command(flatten)]
    pub answers: ReadAnswers,
}
