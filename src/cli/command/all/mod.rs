//! What each verb of `incus-backup-all` does: the operations of every kind, planned as one.

mod create;
mod list;
mod protection;
mod report;
mod restore;
mod runs;
mod servers;
mod sweep;

pub(in crate::cli) use create::create;
pub(in crate::cli) use list::list;
pub(in crate::cli::command) use protection::protection;
pub(in crate::cli) use report::report;
pub(in crate::cli) use restore::restore;
