//! From a location to the target that is there, whatever kind it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{
    DirectoryTarget, Encryption, Glance, Location, Opening, Probe, ResticTarget, Target,
    TargetError, Tool, open_directory,
};
use crate::model::{Bytes, Owner};
use crate::progress::{Cancel, Progress};

/// How long a listing of a repository is good for: the plan of one command is made of one.
const FRESH: Duration = Duration::from_secs(20);

/// What a process brings along to reach a target.
#[derive(Debug, Clone)]
pub struct Access {
    /// How long locks are waited for.
    pub patience: Duration,
    /// What the files of a directory are encrypted to, and decrypted with.
    pub encryption: Encryption,
    /// What a repository of restic needs besides.
    pub restic: ResticAccess,
}

/// What a process brings along to reach a repository of restic.
#[derive(Debug, Clone)]
pub struct ResticAccess {
    /// The program.
    pub tool: Tool,
    /// The process that writes.
    pub owner: Owner,
    /// Where this machine's locks are.
    pub state: PathBuf,
    /// Who listens to what takes restic long.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

/// What is at a location.
#[derive(Debug, Clone)]
pub enum Found {
    /// A target.
    Target(Arc<dyn Target>),
    /// Nothing that would be in the way of one.
    Creatable,
}

impl Access {
    fn opening(&self) -> Opening {
        let ResticAccess {
            tool,
            owner,
            state,
            progress,
            cancel,
        } = self.restic.clone();
        Opening {
            tool,
            owner,
            state,
            patience: self.patience,
            fresh: FRESH,
            progress,
            cancel,
        }
    }
}

impl Location {
    /// Opens the target that is there. Blocks.
    pub fn open(&self, access: &Access) -> Result<Arc<dyn Target>, TargetError> {
        match self {
            Self::Directory(path) => {
                open_directory(path, access.patience, access.encryption.clone())
            }
            Self::Restic(repository) => {
                Ok(Arc::new(ResticTarget::open(repository, access.opening())?))
            }
        }
    }

    /// What a repository of restic holds, if it tells that within this time and asks nobody; a directory
    /// is opened instead. Blocks.
    pub fn glance(&self, access: &Access, within: Duration) -> Option<Glance> {
        match self {
            Self::Directory(_) => None,
            Self::Restic(repository) => ResticTarget::glance(repository, access.opening(), within),
        }
    }

    /// Opens the target that is there, or finds that one can be made. Blocks.
    pub fn find(&self, access: &Access) -> Result<Found, TargetError> {
        match self {
            Self::Directory(path) => match DirectoryTarget::probe(path)? {
                Probe::Target => Ok(Found::Target(self.open(access)?)),
                Probe::Creatable => Ok(Found::Creatable),
            },
            Self::Restic(_) => match self.open(access) {
                Err(TargetError::NoRepository(_)) => Ok(Found::Creatable),
                opened => Ok(Found::Target(opened?)),
            },
        }
    }

    /// Makes a target where there is none. Blocks.
    pub fn create(&self, access: &Access) -> Result<(), TargetError> {
        match self {
            Self::Directory(path) => DirectoryTarget::create(path),
            Self::Restic(repository) => ResticTarget::create(repository, access.opening()),
        }
    }

    /// Who held the locks in it that nobody holds any more; nothing where locks vanish with their
    /// processes. Blocks.
    pub fn abandoned_locks(&self, access: &Access) -> Result<Vec<String>, TargetError> {
        match self {
            Self::Directory(_) => Ok(Vec::new()),
            Self::Restic(repository) => ResticTarget::abandoned_locks(repository, access.opening()),
        }
    }

    /// Takes those locks away. Blocks.
    pub fn unlock(&self, access: &Access) -> Result<(), TargetError> {
        match self {
            Self::Directory(_) => Ok(()),
            Self::Restic(repository) => ResticTarget::unlock(repository, access.opening()),
        }
    }

    /// How much a target there could hold, where that can be told.
    pub fn free_space(&self) -> Result<Option<Bytes>, TargetError> {
        match self.path() {
            Some(path) => DirectoryTarget::free_space_at(path),
            None => Ok(None),
        }
    }

    /// Whether this process may write there, where that can be told without doing it.
    pub fn is_writable(&self) -> Option<bool> {
        let path = self.path()?;
        Some(rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
    }

    /// Where it is on this machine, if it is.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Restic(repository) => repository.path(),
        }
    }

    /// What is said of one that is not there.
    pub fn missing(&self) -> TargetError {
        match self {
            Self::Directory(path) => TargetError::NoTarget(path.clone()),
            Self::Restic(repository) => TargetError::NoRepository(repository.to_string()),
        }
    }
}
