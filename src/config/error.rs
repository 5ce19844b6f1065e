//! What can go wrong with a server's configuration.

use crate::archive::ArchiveError;
use crate::incus;
use crate::model::{InvalidName, ObjectId, ObjectKind, Version};
use crate::target::TargetError;

use super::document::InvalidDocument;
use super::object::InvalidObject;

/// Why a configuration could not be backed up, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The server did not do what was asked.
    #[error("{0}")]
    Incus(#[from] incus::Error),
    /// The server refused a change; secrets are taken out of its words.
    #[error("the server refused to {action} {object}: {message}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On what.
        object: Box<ObjectId>,
        /// The server's words.
        message: String,
    },
    /// The server did not know some keys; everything else of the object is done.
    #[error("the server does not know {}; the rest of it is done", quoted(.keys))]
    UnknownKeys {
        /// The keys that were left out.
        keys: Vec<String>,
    },
    /// The connection went with the address that it used.
    #[error(
        "the connection was lost when {0} was set, as the plan said it might be; it is probably set"
    )]
    CutOff(Box<ObjectId>),
    /// Something else changed the object since the plan was made.
    #[error("{0} has changed since the plan was made: the plan is outdated")]
    Outdated(Box<ObjectId>),
    /// Something uses what was to be deleted.
    #[error("{0} is in use: it is kept")]
    InUse(Box<ObjectId>),
    /// This client sees only a part of the server, and is not told of the rest.
    #[error("only administrators are shown the whole of a server's configuration")]
    NotAdministrator,
    /// This client may not see the server's keys.
    #[error("this client may not see the server's keys")]
    NoServerKeys,
    /// An instance is on a cluster member that does not answer.
    #[error("instance `{0}` is on a cluster member that does not answer")]
    Unreachable(String),
    /// What the objects would be listed under is not known.
    #[error("the {0}s that they belong to could not be read")]
    NoParents(ObjectKind),
    /// The server gave something that is not an object.
    #[error("the server gave something that cannot be understood")]
    Object(#[from] InvalidObject),
    /// What an object names cannot be given other names.
    #[error("{0} cannot be given other names: {1}")]
    NotRenamed(Box<ObjectId>, #[source] ArchiveError),
    /// A name is none.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// The stored version is damaged.
    #[error("version {version} is damaged: `{file}` cannot be used")]
    Damaged {
        /// Which version.
        version: Version,
        /// Which file.
        file: String,
        /// What is wrong with it.
        #[source]
        cause: Damage,
    },
    /// It is not a configuration.
    #[error("version {0} holds no configuration")]
    NotConfig(Version),
    /// The target does not do what it should.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// A file cannot be written.
    #[error("cannot write to the target")]
    Write(#[source] std::io::Error),
    /// A part of the program ended without a word.
    #[error("a worker ended unexpectedly")]
    Worker,
    /// The user stopped the run.
    #[error("interrupted")]
    Interrupted,
}

/// What is wrong with a stored file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    /// It is not what was written.
    #[error("its SHA-256 is not the one that its manifest gives")]
    Digest,
    /// It is not a file of a configuration.
    #[error("{0}")]
    Document(#[from] InvalidDocument),
}

impl ConfigError {
    /// Whether the server itself is lost, so that nothing more can be asked of it.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Incus(incus::Error::Transport { .. }))
    }
}

fn quoted(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}
