//! The arguments of `incus-backup-setup notify`.

use clap::Args;

use super::Rows;

/// Send a test message to everybody whom `notifications` in `backup.yml` name
///
/// Whatever `on` says; an address that waits for a call is called as after a run that went well. The
/// exit status is 1 where somebody could not be told. Of addresses only the host is shown.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  incus-backup-setup notify
  incus-backup-setup notify mail --format json")]
pub struct Notify {
    /// Only these notifications
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
