//! What can go wrong when something is restored.

use super::description::NoDescription;
use crate::archive::ArchiveError;
use crate::incus::{self, Exportable};
use crate::model::{InstanceName, InvalidName, ProjectName, Sha256, Version};
use crate::retrieve::Damage;
use crate::target::TargetError;
use crate::temporary::ChangeError;

/// Why something is not restored into a project: whoever is restricted is not told which it is.
pub(super) fn no_project(project: &ProjectName) -> String {
    format!("project `{project}` does not exist on the server, or is not for this client")
}

/// Why a restore failed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The project is not there.
    #[error("project `{0}` does not exist")]
    NoProject(ProjectName),
    /// The stored version is damaged.
    #[error("version {version} is damaged; nothing was imported")]
    Damaged {
        /// Which version.
        version: Version,
        /// What is wrong with it.
        #[source]
        cause: Damage,
    },
    /// The project does not let imports in, and cannot be made to.
    #[error("project `{0}` cannot be made to let the import in")]
    NotOpened(ProjectName, #[source] Box<ChangeError>),
    /// It has what the project does not allow.
    #[error("it has `{key}`, which project `{project}` does not allow")]
    Smuggled {
        /// The key of its configuration.
        key: String,
        /// The project.
        project: ProjectName,
    },
    /// The server served buckets when the plan was made.
    #[error("the server no longer serves buckets such as `{0}`: the plan is outdated")]
    NotServed(Exportable),
    /// An image has come since the plan was made.
    #[error("image `{0}` exists now: the plan is outdated")]
    ImageTaken(Sha256),
    /// An image has gone since the plan was made, or did not come.
    #[error("image `{0}` is not on the server")]
    NoImage(Sha256),
    /// Something has taken the name since the plan was made.
    #[error("{noun} `{what}` exists now: the plan is outdated", noun = .0.noun(), what = .0)]
    Taken(Exportable),
    /// What was to be replaced has gone since the plan was made.
    #[error("{noun} `{what}` is gone: the plan is outdated", noun = .0.noun(), what = .0)]
    Gone(Exportable),
    /// Instances that the plan did not name mount the volume now.
    #[error("volume `{volume}` is mounted by {users} now: the plan is outdated")]
    InUse {
        /// The volume.
        volume: String,
        /// The instances, as a list.
        users: String,
    },
    /// What was saved beside the archive cannot be used.
    #[error("{0}")]
    Saved(#[from] NoDescription),
    /// It was restored, but what used the volume does not use it again.
    #[error("volume `{0}` is restored, but not everything that was stopped for it runs again")]
    NotReattached(String, #[source] Box<RestoreError>),
    /// The server said the import was done, but nothing is there.
    #[error("the server finished the import of {noun} `{what}`, but it is not there",
        noun = .0.noun(), what = .0)]
    NothingCame(Exportable),
    /// The replacement failed; the old instance is back.
    #[error("cannot replace `{name}`; it is as it was")]
    NotReplaced {
        /// The instance or the volume.
        name: String,
        /// Why.
        #[source]
        cause: Box<RestoreError>,
    },
    /// The replacement failed; the old instance has its name, but does not run, or the new one is still
    /// there.
    #[error(
        "cannot replace `{name}`, which is there but not as it was ({undo}); the next run tries again"
    )]
    NotAsBefore {
        /// The instance or the volume.
        name: String,
        /// What could not be undone.
        undo: String,
        /// Why it could not be replaced.
        #[source]
        cause: Box<RestoreError>,
    },
    /// The replacement failed, and so did giving the old instance its name again.
    #[error(
        "cannot replace `{name}`, and the old one may now be called `{aside}` ({undo}); the next run tries again"
    )]
    NotPutBack {
        /// The instance or the volume.
        name: String,
        /// What the old one is called.
        aside: String,
        /// Why it could not be put back.
        undo: String,
        /// Why it could not be replaced.
        #[source]
        cause: Box<RestoreError>,
    },
    /// It was restored, but its mark stays, and so it is not started.
    #[error("`{0}` is restored, but still marked as temporary; the next run takes the mark off")]
    NotUnmarked(String, #[source] ChangeError),
    /// It was restored, but could not be started.
    #[error("`{0}` is restored, but does not start")]
    NotStarted(InstanceName, #[source] Box<RestoreError>),
    /// The server did not do what was asked.
    #[error("{0}")]
    Incus(#[from] incus::Error),
    /// An operation of the server failed.
    #[error("{0}")]
    Operation(#[from] incus::OperationError),
    /// An instance could not be changed.
    #[error("{0}")]
    Change(#[from] ChangeError),
    /// Its names cannot be changed.
    #[error("{0}")]
    Rewrite(#[from] ArchiveError),
    /// The target did not give it.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// A part of the program ended without a word.
    #[error("a worker ended unexpectedly")]
    Worker,
    /// A name that the program made is not one.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// The user stopped the run.
    #[error("interrupted")]
    Interrupted,
}

impl RestoreError {
    /// What kept a stored version from being read.
    pub(super) fn of_damage(version: Version, cause: Damage) -> Self {
        match cause {
            Damage::Key(error) => Self::Target(error),
            cause => Self::Damaged { version, cause },
        }
    }
}
