//! The arguments of `incus-backup-setup aliases`.

use clap::{Args, Subcommand};

use super::{Answers, Rows};

/// What can be done with aliases of the `incus` client.
#[derive(Debug, Subcommand)]
pub enum AliasVerb {
    /// Make `incus backup …` run these programs
    ///
    /// Writes an alias for each program into the `config.yml` of the `incus` client, and keeps the old
    /// file beside the new one. Comments and everything else in it stay as they are. Afterwards
    /// `incus backup instance create web` and `incus backup-instance create web` are the same. Options
    /// of `incus` itself come after the alias: `incus backup-instance list --project shop`.
    #[command(after_help = "Examples:
  incus-backup-setup aliases install --dry-run
  incus-backup-setup aliases install --yes")]
    Install(InstallAliases),
    /// Take the aliases away again
    ///
    /// Only those that run these programs; an alias of the same name that runs something else stays.
    #[command(
        visible_alias = "rm",
        after_help = "Examples:
  incus-backup-setup aliases remove"
    )]
    Remove(RemoveAliases),
    /// Print the commands of `incus` that do the same as `install`
    #[command(after_help = "Examples:
  incus-backup-setup aliases print
  incus-backup-setup aliases print --format json")]
    Print(PrintAliases),
}

/// Make `incus backup …` run these programs
#[derive(Debug, Args)]
pub struct InstallAliases {
    /// Replace aliases of these names that run something else
    #[arg(long)]
    pub force: bool,
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// Take the aliases away again
#[derive(Debug, Args)]
pub struct RemoveAliases {
    /// Answers
    #[command(flatten)]
    pub answers: Answers,
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}

/// Print the commands of `incus` that do the same as `install`
#[derive(Debug, Args)]
pub struct PrintAliases {
    /// Output
    #[command(flatten)]
    pub rows: Rows,
}
