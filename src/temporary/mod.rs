//! Objects that exist on a server only while a run works: their names, their marks, their end.
//!
//! A temporary instance says in its configuration who made it, why, and for which instance, so that
//! the next run can tell what a killed one left behind and put it right: a copy is deleted, an
//! instance that was set aside comes back under its name unless its successor is in place.
//! Used by the operations that make such objects, and by nothing else.

mod change;
mod mark;
mod remedy;
mod sweep;

pub use change::{
    ChangeError, Editable, delete, edit_config, edit_instance, mark, rename, start, stop, unmark,
};
pub use mark::{InvalidMark, Mark, Role, backup_name, instance_name, is_left_over_backup};
pub use remedy::{Found, Remedy, remedies};
pub use sweep::sweep;
