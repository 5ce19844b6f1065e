//! How a run ended, told to those whom the settings name: by a webhook, by a program that sends mail,
//! by calling an address that waits for it.
//!
//! # What holds
//!
//! - Nothing of a run depends on it: who cannot be told is the matter of a warning.
//! - Everybody is told at a time, and each within [`Means::patience`]; a program that takes longer is
//!   ended with all that it has started.
//! - Of an address only its host is ever shown, for the rest is often a secret.
//! - Certificates are compared with the system's authorities; redirections are not followed, so that no
//!   header reaches somebody else.

mod command;
mod error;
mod http;
mod send;
mod summary;

pub use error::NotifyError;
pub use send::{Means, News, Told, Way, tell};
pub use summary::{Counts, Ending, Letter, Summary, Tally, Unsuccessful};
