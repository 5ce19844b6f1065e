//! The fake Incus daemon and what tests build archives with.

pub mod tarball;
