//! What can go wrong when a copy is drilled.

use crate::incus::{self, ExecError};
use crate::model::{InvalidName, ProjectName};
use crate::plan::Failure;
use crate::restore::RestoreError;
use crate::temporary::ChangeError;

/// Why nothing can be said of a version by a drill.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// It does not fit the server.
    #[error("it cannot be restored here: {0}")]
    Refused(String),
    /// The restore would be more than what was agreed to.
    #[error("it is not drilled, because more would have to be changed than was shown")]
    NotAgreed,
    /// The restore failed.
    #[error("it cannot be restored here: {0}")]
    NotRestored(Failure),
    /// Its configuration may reach what the original uses.
    #[error("it is not drilled, because `{0}` may reach what the original uses")]
    Reaching(String),
    /// What was saved beside it is not there.
    #[error("the configuration that was saved beside it cannot be read")]
    NotDescribed,
    /// This client may not make projects.
    #[error(
        "it is not drilled, for its copy needs a project of its own, which administrators make"
    )]
    NotAllowed(#[source] ChangeError),
    /// The copy is still there.
    #[error("the copy in project `{0}` cannot be removed")]
    NotRemoved(ProjectName, #[source] ChangeError),
    /// The restore could not be planned.
    #[error("{0}")]
    Restore(#[from] RestoreError),
    /// The copy could not be changed.
    #[error("{0}")]
    Change(#[from] ChangeError),
    /// The server did not answer.
    #[error("{0}")]
    Incus(#[from] incus::Error),
    /// The command was not run.
    #[error("user.backup.drill cannot be run: {0}")]
    Exec(#[from] ExecError),
    /// A name that the program made is not one.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// The user stopped the run.
    #[error("interrupted")]
    Interrupted,
}
