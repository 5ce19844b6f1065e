//! What of a server has a recent backup, and what has none (pure).
//!
//! What there is to protect is what a backup of the whole server would back up, so that a check of it
//! and the backup itself never disagree about what counts: both read the rows of the same plan.

mod judge;

pub use judge::{Least, Protection, Rule, Wanted, judge, wanted};
