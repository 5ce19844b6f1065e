//! What the verbs of `incus-backup-volume` do that those of instances do not.

mod create;
mod restore;

pub(in crate::cli) use create::create;
pub(in crate::cli::command) use create::sweep_both;
pub(in crate::cli) use restore::restore;
