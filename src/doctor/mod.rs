//! What is well and what is not where backups are to be made: verdicts on facts (pure).
//!
//! `cli` gathers the facts, for only it knows of remotes, settings and the process; what they mean, and
//! which command mends it, is decided here.

mod finding;
mod server;
mod target;

pub use finding::{Check, Finding, Verdict};
pub use server::{ProjectRights, ServerFacts, server};
pub use target::{
    encrypted, key_file, left_over_on_server, left_over_on_target, locks, protection, restic, room,
};
