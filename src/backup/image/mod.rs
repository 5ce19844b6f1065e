//! `create` of images.
//!
//! Request → [`gather`] (reads the server) → [`plan`](plan()) (pure) → approved → [`apply`].
//!
//! # What holds
//!
//! - A version is committed only when what came has the image's fingerprint, the SHA-256 of its files.
//!   Images that a server made from OCI ones have fingerprints of another kind: of those it is
//!   recorded, and told, that they could not be checked.
//! - The same data is stored once in a target, whatever the project, source or version: files that
//!   are there already are shared after they were read and found right, and nothing is downloaded.
//!   Every run makes its own version all the same, with the image's record as it is now.
//! - Files are stored as they are, under the name that tells their compression: `image.tar.xz`, or
//!   `metadata.tar.xz` and `rootfs.squashfs`.

mod apply;
mod download;
mod gather;
mod plan;
mod record;
mod request;

pub use apply::apply;
pub use gather::{Candidate, Facts, Unknown, gather};
pub use plan::{Work, plan};
pub use request::{Request, Scope};
