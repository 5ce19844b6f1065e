//! What tests put in the place of the world: a fake Incus daemon with its faults, a builder of
//! export tars, keys, what spoils an example, and the suite that every target must pass. Feature `testing`;
//! never in a package.

pub mod fake;
pub mod key_file;
pub mod mutation;
pub mod tarball;
pub mod target_suite;
pub mod volume_tar;
