//! What tests put in the place of the world: a fake Incus daemon with its faults, and a builder of
//! export tars. Feature `testing`; never in a package.

pub mod fake;
pub mod tarball;
