//! `drill`: a stored instance is restored as a copy, to see it run, and removed again.
//!
//! # Design
//!
//! An operation that joins two of the row below, and so stands above them: what `verify` found good
//! is given to `restore`, and what comes of it is a finding of `verify`. The copy has a name of its
//! own in a project of its own, which is marked and removed whatever happens. It has no device but
//! its root disk (and TPM): no address, no volume, nothing of the host that the original may use.
//! Whatever its profiles gave it, it has by itself.

mod attempt;
mod copy;
mod error;
mod plan;
mod run;
mod wait;

pub use error::DrillError;
pub use plan::{Work, plan};
pub use run::{Context, run};
