//! Why files of a backup cannot be had.

use std::io;
use std::path::PathBuf;

use super::FilePath;
use crate::archive::ArchiveError;
use crate::disk::DiskError;
use crate::retrieve::Damage;
use crate::target::TargetError;

/// Why files of a backup cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The target does not give it.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// A path is none.
    #[error("`{0}` is no path of a file: write `NAME/PATH`, without `..`")]
    Path(String),
    /// The version has no archive of files.
    #[error("this version holds {0}, in which this program finds no files")]
    NoFiles(&'static str),
    /// A disk is meant, and no partition of it.
    #[error("this version holds a disk, and the path names no partition of it")]
    NoPartition,
    /// A partition has something else in it than what can be looked into.
    #[error("`{path}` holds {holds}, into which this program does not look")]
    Holds {
        /// The partition.
        path: String,
        /// What it holds.
        holds: String,
    },
    /// What is on a disk cannot be read.
    #[error("cannot look into `{path}`")]
    Disk {
        /// Where.
        path: String,
        /// Why.
        #[source]
        cause: DiskError,
    },
    /// A disk cannot be kept while it is looked into.
    #[error("cannot keep the disk in `{}` while it is looked into", folder.display())]
    Temporary {
        /// Where it was to be.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Files from a disk have no place in an instance.
    #[error(
        "files of a disk are not put back: where a partition is mounted, only its system knows"
    )]
    PutDisk,
    /// The version has no such snapshot.
    #[error("this version holds no snapshot `{wanted}`")]
    NoSnapshot {
        /// Which was meant.
        wanted: String,
        /// Those that it holds.
        held: Vec<String>,
    },
    /// There is nothing at the path.
    #[error("this version holds nothing at `{0}`")]
    Nothing(String),
    /// A part of the path is a link.
    #[error("`{path}` is a link to `{to}`")]
    Link {
        /// The part.
        path: String,
        /// Where it leads.
        to: String,
    },
    /// It is not a file.
    #[error("`{0}` is not a file")]
    NotFile(String),
    /// It is not a directory, nor a file, nor a link.
    #[error("`{0}` is a device or a pipe, which is not taken out")]
    Special(String),
    /// The archive is damaged.
    #[error("the archive is damaged")]
    Damaged(#[source] Damage),
    /// The archive cannot be read.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// Something is there already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The server did not take it.
    #[error("{0}")]
    Incus(#[from] crate::incus::Error),
    /// The instance is not there.
    #[error("there is no instance `{0}` to put files into")]
    NoInstance(String),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
    /// A part of the program ended without a word.
    #[error("a worker ended unexpectedly")]
    Worker,
}

impl FilesError {
    /// Why an archive cannot be opened whose key is known to fit.
    pub(super) fn of_open(error: TargetError) -> Self {
        match &error {
            // Its beginning or its end was altered: a file that was looks as if it were for others.
            TargetError::OtherKey(_) => Self::Damaged(Damage::Digest),
            TargetError::Io { cause, .. } if cause.raw_os_error().is_none() => {
                Self::Damaged(Damage::Read(io::Error::other(error)))
            }
            _ => Self::Target(error),
        }
    }
}

impl From<Damage> for FilesError {
    fn from(damage: Damage) -> Self {
        match damage {
            // What takes members says by itself what is wrong, through whatever is in between.
            Damage::Archive(ArchiveError::Write(cause)) | Damage::Read(cause) => Self::from(cause),
            Damage::Key(error) => Self::Target(error),
            damage => Self::Damaged(damage),
        }
    }
}

impl From<io::Error> for FilesError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => match ArchiveError::from_io(error) {
                Ok(archive) => Self::from(Damage::Archive(archive)),
                // What the system does not give is one thing, what cannot be unpacked another.
                Err(cause) if cause.raw_os_error().is_some() => Self::Read(cause),
                Err(cause) => Self::Damaged(Damage::Read(cause)),
            },
        }
    }
}

impl From<FilesError> for io::Error {
    fn from(error: FilesError) -> Self {
        Self::other(error)
    }
}

impl From<DiskError> for FilesError {
    fn from(cause: DiskError) -> Self {
        Self::of_disk("", cause)
    }
}

impl FilesError {
    /// What is wrong with a disk at a path; what cannot be read of its archive is that of the archive.
    pub(super) fn of_disk(path: &str, cause: DiskError) -> Self {
        match cause {
            DiskError::Read(cause) => Self::from(cause),
            cause => Self::Disk {
                path: path.to_owned(),
                cause,
            },
        }
    }

    /// Says where it was, if that is not known.
    pub(super) fn at(self, place: &FilePath) -> Self {
        match self {
            Self::Disk { path, cause } if path.is_empty() => {
                Self::of_disk(&place.to_string(), cause)
            }
            other => other,
        }
    }
}
