//! The arguments of `incus-backup-setup doctor`.

use clap::Args;

use super::{Rows, TargetChoice};
use crate::model::Age;

/// Look whether backups can be made and restored, and say what mends what is wrong
///
/// The client's configuration and aliases, `backup.yml`, every remote and what this client may do there,
/// what the servers can do, clocks, the target and the room in it, restic, locks and leftovers of ended
/// runs, and whether everything has a recent backup. Nothing is changed. The exit status is 4 where
/// there is a problem; warnings and notes alone give 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-setup doctor
  incus-backup-setup doctor prod: --target nas --max-age 8d
  incus-backup-setup doctor --format json")]
pub struct Doctor {
    /// The servers that must be well; without one the default remote, and a remote that cannot be reached
    /// is only a warning
    #[arg(value_name = "REMOTE:")]
    pub remotes: Vec<String>,
    /// Where backups live
    #[command(flatten)]
    pub target: TargetChoice,
    /// How old the newest backup of everything may be: 90m, 26h, 7d, 2w
    #[arg(long, value_name = "AGE", default_value = "26h")]
    pub max_age: Age,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
