//! Why a version is not copied.

use std::io;

use crate::retrieve::Damage;
use crate::target::TargetError;

/// Why a version is not copied.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the targets does not do what it should.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// A file is not what was stored.
    #[error("`{file}` is not what was stored")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// What belongs to the version is not all there.
    #[error("it is not whole: {0}")]
    Lacks(String),
    /// The other target does not take it.
    #[error("cannot write to the other target")]
    Write(#[source] io::Error),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

impl TransferError {
    /// What a file could not be written for: the target's own error, where it is one.
    pub(super) fn of_write(cause: io::Error) -> Self {
        match cause.downcast::<TargetError>() {
            Ok(error) => Self::Target(error),
            Err(cause) => Self::Write(cause),
        }
    }
}
