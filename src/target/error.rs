//! What can go wrong between this program and a target.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{InvalidManifest, StoredId, UnusableIdentity};
use crate::model::{SourceName, Version};

/// Why a target did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is not there.
    #[error("there is no backup target at `{}`", .0.display())]
    NoTarget(PathBuf),
    /// It cannot become one.
    #[error("`{}` cannot be a backup target: {reason}", path.display())]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It holds backups of the earlier tool and is no target of this one.
    #[error(
        "`{}` holds backups of the earlier tool only, which can be read and not added to",
        .0.display()
    )]
    LegacyOnly(PathBuf),
    /// What is of the earlier tool is never changed.
    #[error(
        "the backups of source `legacy` in `{}` are of the earlier tool: they are read, and never \
         changed or deleted",
        .0.display()
    )]
    Legacy(PathBuf),
    /// It is of a later program.
    #[error("`{}` has format {format}, and this version understands {understood}", path.display())]
    Format {
        /// The target.
        path: PathBuf,
        /// Its format.
        format: u64,
        /// What this program understands.
        understood: u64,
    },
    /// The place of a source belongs to another server.
    #[error(
        "source `{source_name}` of this target is another server: its certificate has fingerprint \
         {stored}, this one's {now}"
    )]
    OtherServer {
        /// The source.
        source_name: SourceName,
        /// The fingerprint on record.
        stored: String,
        /// The fingerprint of the server at hand.
        now: String,
    },
    /// There is no repository.
    #[error("there is no restic repository at `{0}`")]
    NoRepository(String),
    /// Its password is another.
    #[error("the password of restic repository `{0}` is wrong")]
    Password(String),
    /// Nobody says what its password is.
    #[error("nothing says what the password of restic repository `{0}` is")]
    NoPassword(String),
    /// restic is not installed.
    #[error("there is no program `{}`, which a restic repository needs", .0.display())]
    NoRestic(PathBuf),
    /// Another restic has the repository.
    #[error("restic repository `{repository}` is locked by {holder}")]
    RepositoryLocked {
        /// The repository.
        repository: String,
        /// Who has it, in restic's words.
        holder: String,
    },
    /// A restic that is gone had the repository.
    #[error("restic repository `{repository}` is locked by {holder}, which is gone")]
    Abandoned {
        /// The repository.
        repository: String,
        /// Who had it.
        holder: String,
    },
    /// The server of a repository lets nothing be removed.
    #[error("restic repository `{0}` takes additions only: its server lets nothing be removed")]
    AppendOnly(String),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
    /// restic does not do what it should.
    #[error("restic {verb} failed at `{repository}`: {said}")]
    Restic {
        /// What it was to do.
        verb: String,
        /// The repository.
        repository: String,
        /// What it said.
        said: String,
    },
    /// Somebody else has it.
    #[error("`{what}` is locked by {holder}")]
    Locked {
        /// What is locked.
        what: String,
        /// Who has it.
        holder: String,
    },
    /// A version is not there.
    #[error("version {} of `{}` is not in the target", .0.version, .0.resource)]
    NoVersion(Box<StoredId>),
    /// What several things failed of at once.
    #[error("{0}")]
    Shared(Arc<TargetError>),
    /// A version is deleted, and its room is not free yet.
    #[error("it is deleted, but its data stays until the next prune: {0}")]
    DataStays(Arc<TargetError>),
    /// What was to stay is not there any more, or not complete.
    #[error("version {0}, which was to stay, is not complete now: the plan is outdated")]
    Outdated(Version),
    /// A version that was to be copied is there already.
    #[error("version {} of `{}` has come to the target meanwhile: the plan is outdated", .0.version, .0.resource)]
    Taken(Box<StoredId>),
    /// Its files are encrypted, and nobody gives a key.
    #[error("version {} of `{}` is encrypted, and no key is given", .0.version, .0.resource)]
    NoKey(Box<StoredId>),
    /// Its files are encrypted, and the keys are others.
    #[error("version {} of `{}` is encrypted, and none of the keys given opens it", .0.version, .0.resource)]
    OtherKey(Box<StoredId>),
    /// The keys cannot be had.
    #[error("{0}")]
    Identity(#[from] UnusableIdentity),
    /// What a key needs does not do its part.
    #[error("version {} of `{}` is encrypted, and its key cannot be used: {said}", id.version, id.resource)]
    Plugin {
        /// The version.
        id: Box<StoredId>,
        /// What was said.
        said: String,
    },
    /// Only restic's repositories can be read in part.
    #[error("only a restic repository can be read in part")]
    NoSubset,
    /// A version must stay.
    #[error("version {} of `{}` is protected", .0.version, .0.resource)]
    Protected(Box<StoredId>),
    /// A manifest is not one.
    #[error("the manifest `{}` cannot be used", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: InvalidManifest,
    },
    /// A file name that is none.
    #[error("`{0}` is not the name of a file of a backup")]
    FileName(String),
    /// The file system does not do what it should.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl TargetError {
    /// Whether it is there, but somebody else has it.
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Shared(error) | Self::DataStays(error) => error.is_locked(),
            Self::Locked { .. } | Self::RepositoryLocked { .. } | Self::Abandoned { .. } => true,
            _ => false,
        }
    }

    /// Whether nothing can be removed from it.
    pub fn is_append_only(&self) -> bool {
        match self {
            Self::Shared(error) | Self::DataStays(error) => error.is_append_only(),
            _ => matches!(self, Self::AppendOnly(_)),
        }
    }

    /// Whether the user stopped it.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Shared(error) | Self::DataStays(error) => error.is_interrupted(),
            _ => matches!(self, Self::Interrupted),
        }
    }

    /// Whether it is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NoTarget(_) | Self::NoRepository(_))
    }

    /// Whether it is there, and its password is not known.
    pub fn is_password(&self) -> bool {
        matches!(self, Self::Password(_) | Self::NoPassword(_))
    }

    /// Whether it is there, and cannot be decrypted.
    pub fn is_key(&self) -> bool {
        match self {
            Self::Shared(error) | Self::DataStays(error) => error.is_key(),
            _ => matches!(
                self,
                Self::NoKey(_) | Self::OtherKey(_) | Self::Identity(_) | Self::Plugin { .. }
            ),
        }
    }

    /// Whether it can be read and not written to.
    pub fn is_read_only(&self) -> bool {
        let kinds = [
            io::ErrorKind::ReadOnlyFilesystem,
            io::ErrorKind::PermissionDenied,
        ];
        self.is_legacy() || matches!(self, Self::Io { cause, .. } if kinds.contains(&cause.kind()))
    }

    /// Whether it is the earlier tool's, and so never changed.
    pub fn is_legacy(&self) -> bool {
        matches!(self, Self::Legacy(_) | Self::LegacyOnly(_))
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Shared(error) | Self::DataStays(error) => error.hint(),
            Self::NoTarget(_) => Some(
                "is its file system mounted? `incus-backup-setup target init` makes a new one"
                    .to_owned(),
            ),
            Self::NoRepository(_) => Some(
                "is the address right? `incus-backup-setup target init` makes a new one"
                    .to_owned(),
            ),
            Self::Password(_) | Self::NoPassword(_) => Some(
                "set RESTIC_PASSWORD_FILE, RESTIC_PASSWORD_COMMAND or RESTIC_PASSWORD, or \
                 `password-file` of the target in backup.yml"
                    .to_owned(),
            ),
            Self::NoKey(_) | Self::OtherKey(_) => Some(
                "name the file of the key with --identity FILE, with INCUS_BACKUP_IDENTITY, or with \
                 `identities` of the target in backup.yml"
                    .to_owned(),
            ),
            Self::NoRestic(_) => Some(
                "install restic 0.18.0 or later, or name it with `restic-binary` in backup.yml"
                    .to_owned(),
            ),
            Self::RepositoryLocked { .. } => Some(
                "try again later, or wait longer: --lock-timeout SECONDS; if that process is gone, \
                 `restic unlock` takes its lock away"
                    .to_owned(),
            ),
            Self::Abandoned { repository, .. } => Some(format!(
                "--unlock takes its lock away, after asking; so does `restic -r {repository} unlock`"
            )),
            Self::AppendOnly(_) => Some(
                "remove versions where the repository can be reached without that, such as on the \
                 machine that serves it"
                    .to_owned(),
            ),
            Self::Restic { said, .. } if said.contains("(401)") || said.contains("AccessDenied") => {
                Some(
                    "its storage wants credentials: RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD, \
                     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what restic names for it"
                        .to_owned(),
                )
            }
            Self::LegacyOnly(_) => Some("use another folder as the target of backups".to_owned()),
            Self::Locked { .. } => {
                Some("try again later, or wait longer: --lock-timeout SECONDS".to_owned())
            }
            Self::Protected(_) => Some("`unprotect` lets it go".to_owned()),
            Self::OtherServer { .. } => Some(
                "if the server was set up anew, keep its old backups under another name: rename \
                 the folder of the source; otherwise use another target"
                    .to_owned(),
            ),
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                Some("delete versions that are no longer needed, or use a larger target".to_owned())
            }
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::ReadOnlyFilesystem => Some(
                "its file system is mounted read-only: `list`, `verify` and `restore` work, all \
                 else needs it mounted for writing"
                    .to_owned(),
            ),
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as the user who owns the target".to_owned())
            }
            _ => None,
        }
    }
}

/// Says what was tried on which path.
pub(super) trait At<T> {
    /// The same result, with an error that says what was tried on which path.
    fn at(self, action: &'static str, path: &std::path::Path) -> Result<T, TargetError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &std::path::Path) -> Result<T, TargetError> {
        self.map_err(|cause| TargetError::Io {
            action,
            path: path.to_owned(),
            cause: cause.into(),
        })
    }
}
