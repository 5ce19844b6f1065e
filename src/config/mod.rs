//! The configuration of a server: everything that is declared on it, backed up, compared and given
//! back.
//!
//! A [`Document`] is what one side declares: a server that is read, or a stored version that is
//! loaded. Backups, differences and restores all work with documents; whether an object is equal is
//! decided in one place.
//!
//! # What holds
//!
//! - What could not be read is never taken for empty.
//! - What a user declares stands apart from what a server chooses for itself and observes.
//! - Nothing of a stored version is used before all of it is checked; names in it are data.
//! - Secrets are in the files, and nowhere else: not in rows, errors, logs, nor what is shown unless
//!   asked for.

mod coming;
mod compare;
mod create;
mod document;
mod error;
mod fields;
mod filter;
mod legacy;
mod load;
mod object;
mod read;
mod references;
mod renamed;
mod restore;
mod secret;

pub use coming::coming;
pub use compare::{ChangeKind, Comparison, NOT_COMPARED, ObjectDifference, Secrets, compare};
pub use create::{CreateContext, Reading, apply_create, gather, not_shown, plan_create};
pub use document::{Document, InvalidDocument, Objects, Section, file_name, parse, render};
pub use error::{ConfigError, Damage};
pub use filter::Filter;
pub use load::load;
pub use object::{InvalidObject, Object};
pub use read::read;
pub use renamed::{Renamed, renamed};
pub use restore::{
    Connection, Phase, RestoreFacts, RestoreRequest, Work, apply_restore, gather_restore,
    plan_restore,
};
pub use secret::{MASK, mask_change, mask_object};
