//! Why a disk cannot be looked into.

use std::io;

/// Why a disk cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It cannot be read.
    #[error("cannot read the disk")]
    Read(#[source] io::Error),
    /// Something is said to be where nothing is.
    #[error("it reaches beyond its end")]
    Beyond,
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Corrupt(&'static str),
    /// It has something that is not understood here.
    #[error("it uses {0}, which this program does not read")]
    Unsupported(&'static str),
}
