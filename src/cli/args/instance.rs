//! The arguments of `incus-backup-instance`.

use clap::{Parser, Subcommand};

use super::{Create, Delete, InstanceFiles, List, Protect, Restore, Show, Verbosity};
use crate::cli::exit::EXIT_STATUS;

const EXAMPLES: &str = "Examples:
  incus-backup-instance create web
  incus-backup-instance list web
  incus-backup-instance restore web --target-name web-copy";
const LIST: &str = "Examples:
  incus-backup-instance list
  incus-backup-instance list web --format json
  incus-backup-instance list prod: --project shop";
const SHOW: &str = "Examples:
  incus-backup-instance show web
  incus-backup-instance show web --version 20260131T235959Z --format json";
const DELETE: &str = "Examples:
  incus-backup-instance delete web --version 20260131T235959Z
  incus-backup-instance delete web --all-versions --force";
const FILES: &str = "Examples:
  incus-backup-instance files list web/etc
  incus-backup-instance files get web/etc/nginx ./old
  incus-backup-instance files get vm/p1/etc/hostname -
  incus-backup-instance files put web/etc/nginx/nginx.conf --dry-run
  incus-backup-instance files diff web";
const PROTECT: &str = "Examples:
  incus-backup-instance protect web
  incus-backup-instance protect web --version 20260131T235959Z";
const UNPROTECT: &str = "Examples:
  incus-backup-instance unprotect web
  incus-backup-instance unprotect web --all-versions";

/// Back up Incus instances, and bring them back
///
/// Runs by itself, or as `incus backup-instance` after
/// `incus alias add backup-instance /usr/bin/incus-backup-instance`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup-instance",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Instance {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
    /// How much is said
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The verbs of `incus-backup-instance`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Back up instances, with their snapshots
    #[command(visible_alias = "backup")]
    Create(Create),
    /// List stored versions
    #[command(visible_alias = "ls", after_help = LIST)]
    List(List),
    /// Show what is known about a stored version
    #[command(visible_alias = "info", after_help = SHOW)]
    Show(Show),
    /// Bring instances back from their stored versions
    Restore(Restore),
    /// Delete stored versions
    #[command(visible_alias = "rm", after_help = DELETE)]
    Delete(Delete),
    /// Files of a stored version: list them, take them out, put them back, compare
    #[command(subcommand, after_help = FILES)]
    Files(InstanceFiles),
    /// Protect stored versions: neither `delete` nor `prune` removes them
    #[command(after_help = PROTECT)]
    Protect(Protect),
    /// Let stored versions go that were protected
    #[command(after_help = UNPROTECT)]
    Unprotect(Protect),
}
