//! `prune`: versions that no rule keeps are removed.
//!
//! What stays is decided by [`retention`](crate::retention) alone, for every target and kind alike.
//! Removing goes the way of every deletion: planned, shown, agreed to, and done under the lock of the
//! resource, once what is to survive has been seen again.

mod apply;
mod plan;

pub use apply::apply;
pub use plan::{Request, Work, plan};
