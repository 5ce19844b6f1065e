//! The difference of two documents, and of two collections of them (pure).
//!
//! Knows nothing of servers and backups: a document is JSON, and what names it is a key. Objects are
//! compared key by key, lists item by item without regard to where an item stands, unless only the
//! order differs.

mod collection;
mod value;

pub use collection::{Difference, differences};
pub use value::{Change, Step, changes};
