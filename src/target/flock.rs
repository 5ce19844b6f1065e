//! Locks: `flock` on a file of each resource. They vanish with their process.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::TargetError;
use super::directory::{make_folders, open_or_create};
use super::error::At as _;

/// How long to wait before a lock is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// A lock file that nothing is locked by yet.
#[derive(Debug)]
pub(super) struct Unlocked {
    file: File,
    path: PathBuf,
    what: String,
}

impl Unlocked {
    /// The lock file at `path` below `root`, made where it is missing; `what` is what it locks.
    pub(super) fn at(root: &Path, path: PathBuf, what: String) -> Result<Self, TargetError> {
        if let Some(folder) = path.parent() {
            make_folders(root, folder)?;
        }
        Ok(Self {
            file: open_or_create(&path)?,
            path,
            what,
        })
    }

    /// The lock file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it for this process alone if it is free now; it stays so until it is taken in another way.
    pub(super) fn try_exclusive(&self) -> Result<bool, TargetError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error).at("lock", &self.path),
        }
    }

    /// Takes it for this process alone.
    pub(super) fn exclusive(self, patience: Duration) -> Result<Lock, TargetError> {
        self.wait(patience, File::try_lock)
    }

    /// Takes it together with others.
    pub(super) fn shared(self, patience: Duration) -> Result<Lock, TargetError> {
        self.wait(patience, File::try_lock_shared)
    }

    fn wait(
        mut self,
        patience: Duration,
        attempt: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Lock, TargetError> {
        let begun = Instant::now();
        loop {
            match attempt(&self.file) {
                Ok(()) => {
                    self.sign();
                    return Ok(Lock { _file: self.file });
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                    let holder = self.holder();
                    return Err(TargetError::Locked {
                        what: self.what,
                        holder,
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error).at("lock", &self.path),
            }
        }
    }

    /// Writes who has it; of several that share it the last. Only messages are made of this.
    fn sign(&mut self) {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let command: Vec<String> = std::env::args()
            .take(12)
            .map(|word| super::without_credentials(&word))
            .collect();
        let text = format!(
            "{host}, pid {}: {}\n",
            std::process::id(),
            command.join(" ")
        );
        let _ = self.file.rewind();
        let _ = self.file.set_len(0);
        let _ = self.file.write_all(text.as_bytes());
    }

    fn holder(&mut self) -> String {
        let mut text = String::new();
        let _ = self.file.rewind();
        let _ = (&mut self.file).take(4096).read_to_string(&mut text);
        match text.trim() {
            "" => "another process".to_owned(),
            text => text.to_owned(),
        }
    }
}
