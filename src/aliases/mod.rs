//! The aliases that make `incus backup …` run these programs, in the client's own `config.yml`.
//!
//! # What holds
//!
//! - Only the entries that are meant change: every other byte of the file, comments included, stays.
//!   An edit is taken only if the file, read again as YAML, says exactly what it said before and what
//!   was asked for.
//! - The old file stays beside the new one, under a name that nothing else has, and the new one
//!   appears whole or not at all.
//! - An alias that runs something else is the user's own, and neither replaced nor removed unasked.
//!
//! # Design
//!
//! The text is edited, instead of read and written again, because no YAML library keeps comments.
//! `incus` writes the whole file anew when it changes a remote, and loses them then.

mod document;
mod file;
mod flow;
mod plan;

pub use document::{Edit, NotEditable, aliases_in, edit};
pub use file::{ConfigFile, FileError};
pub use plan::{AliasRow, Foreign, Installed, edits, plan_install, plan_remove};
