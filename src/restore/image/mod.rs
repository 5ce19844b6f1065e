//! `restore` of images.
//!
//! Request → [`gather`] (reads the target and the server) → [`plan`](plan()) (pure) → approved →
//! [`apply`].
//!
//! # What holds
//!
//! - The files are checked against their checksums and the image's fingerprint while they are sent,
//!   and their end is withheld until both are right: a damaged image never comes to be.
//! - An image that is there has the same files by definition. `--replace` brings what is said of it
//!   into line: properties, profiles, expiry, who may have it, aliases.
//! - An alias that stands for another image stays with it, unless `--force` moves it. Aliases that
//!   the backup does not have stay.
//! - An image that this run uploaded and could not finish is removed again.

mod apply;
mod finish;
mod gather;
mod plan;
mod record;
mod request;
mod send;

pub use apply::apply;
pub use gather::{Facts, Found, Server, Wanted, gather};
pub use plan::{Fate, Work, lacks_undamaged, plan};
pub use request::{Request, Scope};
