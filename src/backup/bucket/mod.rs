//! `create` of buckets.
//!
//! Request → [`gather`] (reads the server) → [`plan`](plan()) (pure) → approved → [`apply`].
//!
//! # What holds
//!
//! - No server that does not serve buckets is asked to export one: 6.0.4 dies of that
//!   (`lxc/incus#2185`; `BackupBucket` uses an address that is not there). What is served is asked
//!   again right before the export.
//! - A version is committed only when the tar that came is complete. The server compresses it as it
//!   is configured to, whatever is asked; it is unpacked on the way in, and stored as other archives.
//! - Keys are stored with their secrets, in the archive and in `bucket.json`, and nowhere else.

mod apply;
mod gather;
mod plan;
mod record;

pub use apply::apply;
pub use gather::{Candidate, Facts, Request, gather};
pub use plan::{Work, plan};
