//! The arguments of `incus-backup-setup metrics`.

use std::path::PathBuf;

use clap::Args;

use super::{ReadAnswers, SourceChoice, TargetChoice};

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
    /// Where from
    #[command(flatten)]
    pub target: TargetChoice,
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
