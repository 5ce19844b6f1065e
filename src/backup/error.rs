//! What can go wrong when something is backed up.

use super::hooks::HookError;
use crate::archive::ArchiveError;
use crate::incus::{self, Exportable, InvalidMultipart};
use crate::model::{Bytes, InstanceName, InvalidName, ProjectName, Sha256};
use crate::target::TargetError;
use crate::temporary::{ChangeError, PauseError};

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The project is not there.
    #[error("project `{0}` does not exist")]
    NoProject(ProjectName),
    /// The instance was there when the plan was made.
    #[error("instance `{0}` no longer exists: the plan is outdated")]
    Vanished(InstanceName),
    /// It did not run when its export began, and did before the export was through.
    #[error("instance `{0}` was started while it was exported")]
    Started(InstanceName),
    /// The instance lost its root disk since the plan was made.
    #[error("instance `{0}` has no root disk")]
    NoRootDisk(InstanceName),
    /// The volume was there when the plan was made.
    #[error("volume `{0}` no longer exists: the plan is outdated")]
    VolumeVanished(Exportable),
    /// Nothing that ran mounted it when its export began, and something did before it was through.
    #[error("volume `{0}` was mounted by an instance that was started while it was exported")]
    Mounted(Exportable),
    /// What came of an ISO is not what the volume holds.
    #[error("the export of `{what}` has {received}, and the volume has {size}")]
    IsoSize {
        /// Which.
        what: Exportable,
        /// How much came.
        received: Bytes,
        /// How much there is.
        size: Bytes,
    },
    /// Instances cannot be paused, or do not go on.
    #[error("{0}")]
    Pause(#[from] PauseError),
    /// Something that exists on the server for a moment cannot be changed.
    #[error("{0}")]
    Change(#[from] ChangeError),
    /// A command that the instance wants to be run before its backup failed, or is not to be run.
    #[error("{0}")]
    Hook(#[from] HookError),
    /// The server did not do what was asked.
    #[error("{0}")]
    Incus(#[from] incus::Error),
    /// An operation of the server failed.
    #[error("{0}")]
    Operation(#[from] incus::OperationError),
    /// What the server sent is not a complete export.
    #[error("the export is not complete")]
    Archive(#[source] ArchiveError),
    /// What the server sent ended early.
    #[error("the export broke off after {received} bytes")]
    CutOff {
        /// How much came.
        received: u64,
        /// Why.
        #[source]
        cause: Option<incus::Error>,
    },
    /// The bucket was there when the plan was made.
    #[error("bucket `{0}` no longer exists: the plan is outdated")]
    BucketVanished(Exportable),
    /// The bucket was served when the plan was made.
    #[error("bucket `{0}` is no longer served by the server: the plan is outdated")]
    NotServed(Exportable),
    /// The image was there when the plan was made.
    #[error("image `{0}` no longer exists: the plan is outdated")]
    NoImage(Sha256),
    /// What the server sent is not the image that was asked for.
    #[error("what the server sent has the fingerprint {actual}, not {expected}")]
    Fingerprint {
        /// What was asked for.
        expected: Sha256,
        /// What came.
        actual: Sha256,
    },
    /// What the server sent is not an image in two parts.
    #[error("what the server sent is not a split image")]
    Parts(#[from] InvalidMultipart),
    /// The parts of a split image are others than those that there are.
    #[error("what the server sent is not a split image: it has a part `{0}`")]
    Part(String),
    /// Nothing came for a long time.
    #[error("the server sent nothing for {0} seconds")]
    Stalled(u64),
    /// The target did not take it.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// What was to be written could not be.
    #[error("cannot write the archive")]
    Write(#[source] std::io::Error),
    /// A part of the program ended without a word.
    #[error("a worker ended unexpectedly")]
    Worker,
    /// A name that the program made is not one.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// Its instance, with which it was to share a moment, could not be copied.
    #[error("it was to be of one moment with `{0}`, which failed")]
    NotTogether(String),
    /// The user stopped the run.
    #[error("interrupted")]
    Interrupted,
}

impl BackupError {
    /// Whether the snapshots of a copy are what could not be exported.
    ///
    /// On thin LVM Incus 6.0.4 and 7.0.2 copy a virtual machine's snapshots wrongly: what should be the
    /// small filesystem beside the disk is another copy of the disk, which cannot be mounted. The
    /// originals' are whole. Can go when `incus copy` and then `incus export` of a machine with a
    /// snapshot work there (`copyThinpoolVolume`).
    pub(super) fn is_of_copied_snapshots(&self) -> bool {
        let Self::Operation(incus::OperationError::Failed { message, .. }) = self else {
            return false;
        };
        message.contains("Failed to mount LVM snapshot volume")
    }

    /// Whether it may succeed when it is tried again: something changed under the export, or the network
    /// failed.
    ///
    /// The texts are those of Go's `archive/tar` and of the server's tar writer.
    pub(super) fn is_worth_retrying(&self) -> bool {
        const PASSING: [&str; 6] = [
            // Another run copies it at this moment.
            "is already frozen",
            "is busy running",
            "missed writing",
            "write too long",
            "Failed to get file stat",
            "no such file",
        ];
        // What a command says is its own matter, whatever the words.
        if matches!(self, Self::Hook(_)) {
            return false;
        }
        let mut error: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(inner) = error {
            let text = inner.to_string();
            // Whatever was begun has been taken back.
            let of_the_network = inner.downcast_ref().is_some_and(incus::Error::is_passing);
            if of_the_network || PASSING.iter().any(|passing| text.contains(passing)) {
                return true;
            }
            error = inner.source();
        }
        matches!(
            self,
            Self::CutOff { .. } | Self::Started(_) | Self::Mounted(_)
        )
    }
}
