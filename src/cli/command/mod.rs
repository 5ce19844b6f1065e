//! What each verb does: from its arguments to a report.

pub(super) mod all;
pub(super) mod bucket;
pub(super) mod config;
mod create;
mod delete;
pub(super) mod files;
pub(super) mod image;
mod list;
mod protect;
mod prune;
mod report;
mod restore;
pub(super) mod setup;
mod show;
mod source;
mod verify;
pub(super) mod volume;
mod whole;
mod written;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use list::list;
pub(super) use protect::protect;
pub(super) use prune::prune;
pub(super) use restore::restore;
pub(super) use show::show;
pub(super) use verify::verify;
