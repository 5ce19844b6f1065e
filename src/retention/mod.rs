//! Which versions of a resource stay, by rules of restic's meaning (pure).
//!
//! # What is promised
//!
//! Each promise is tested against an oracle that is written differently (`mark`).
//!
//! 1. The newest good version always stays, and the newest complete one.
//! 2. What is damaged, incomplete or inconsistent never takes the place of something better: every
//!    version that would stay if only good ones were there stays.
//! 3. What is protected, and what is of the future, stays and pushes nothing out.
//! 4. A damaged version goes only once a newer complete one is there.

mod mark;
mod rules;

pub use mark::{Candidate, Fate, Mark, Reason, Worth, mark};
pub use rules::{Count, InvalidRules, Period, Rules, Within};
