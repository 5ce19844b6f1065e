//! `list`, `show`, `protect` and `delete`: what a target holds, what must stay, and less of it.
//!
//! Listing reads the target only. Deleting goes the way of everything that removes data: planned,
//! shown, agreed to, and done under the lock that nobody else can hold at the time.

mod delete;
mod protect;
mod select;

pub use delete::{DeleteRequest, DeleteScope, DeleteWork, apply_delete, plan_delete};
pub use protect::{ProtectRequest, ProtectWork, apply_protect, plan_protect};
pub use select::newest_complete;
