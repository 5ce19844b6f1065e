//! The verbs of `incus-backup-config`.

mod choose;
mod create;
mod delete;
mod diff;
mod list;
mod protect;
mod restore;
mod show;

pub(in crate::cli::command) use choose::pick_readable;
pub(in crate::cli) use create::create;
pub(in crate::cli) use delete::delete;
pub(in crate::cli) use diff::diff;
pub(in crate::cli) use list::list;
pub(in crate::cli) use protect::protect;
pub(in crate::cli) use restore::restore;
pub(in crate::cli) use show::show;
