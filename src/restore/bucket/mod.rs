//! `restore` of buckets.
//!
//! Request → [`gather`] (reads the target and the server) → [`plan`](plan()) (pure) → approved →
//! [`apply`].
//!
//! # What holds
//!
//! - No server that does not serve buckets is given one: it writes the objects by way of that service,
//!   and 6.0.4 dies where there is none.
//! - A bucket that is there is never replaced: the API knows no renaming of buckets, so that there is
//!   no way to have the new one whole before the old one goes. It is restored beside it.
//! - Keys come back with the same secrets, but for those whose access key another bucket of the server
//!   has: they get new ones, and the plan says which.
//! - A bucket without a key that may write is lent one for the time of its import.

mod apply;
mod gather;
mod plan;

pub use apply::apply;
pub use gather::{Facts, Request, Scope, Server, gather};
pub use plan::{Work, lacks_undamaged, plan};
