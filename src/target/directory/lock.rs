//! Locks: `flock` on a file of each resource. They vanish with their process.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::{
    make_folders, open_or_create, remove_empty, remove_file, remove_tree, rename_folder,
    sync_folder,
};
use super::notes::is_protected;
use super::place::{DirectoryTarget, LOCKS};
use crate::model::{ResourceId, SourceName, Version, encode_component};
use crate::target::error::At as _;
use crate::target::{ExclusiveLock, StoredId, TargetError};

/// How long to wait before a lock is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// A lock file that nothing is locked by yet.
struct Unlocked {
    file: File,
    path: PathBuf,
    what: String,
}

fn prepare(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Unlocked, TargetError> {
    let mut path = target
        .root
        .join(LOCKS)
        .join(encode_component(source.as_str()));
    path.extend(resource.components());
    path.as_mut_os_string().push(".lock");
    if let Some(folder) = path.parent() {
        make_folders(&target.root, folder)?;
    }
    Ok(Unlocked {
        file: open_or_create(&path)?,
        path,
        what: resource.to_string(),
    })
}

impl Unlocked {
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
        let command: Vec<String> = std::env::args().take(12).collect();
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

/// Takes a resource for this process alone.
fn exclusive(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    prepare(target, source, resource)?.wait(target.patience, File::try_lock)
}

/// Takes a resource together with others that create and read.
pub(super) fn shared(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    prepare(target, source, resource)?.wait(target.patience, File::try_lock_shared)
}

/// Takes a resource as [`shared`] does. Where nobody else has it, clears what dead processes left
/// first: whoever writes has the lock, so what stands there then is nobody's.
pub(super) fn shared_and_clear(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<Lock, TargetError> {
    let unlocked = prepare(target, source, resource)?;
    if unlocked.file.try_lock().is_ok() {
        remove_left_over(&target.resource_folder(source, resource))?;
    }
    // On the same file this turns the exclusive lock into a shared one.
    unlocked.wait(target.patience, File::try_lock_shared)
}

/// Removes what dead processes left of a resource that nobody has; gives how much there was.
pub(super) fn clear_if_free(
    target: &DirectoryTarget,
    source: &SourceName,
    resource: &ResourceId,
) -> Result<u64, TargetError> {
    let folder = target.resource_folder(source, resource);
    // Without leftovers no lock is asked for, and no file made for it.
    if left_over(&folder)?.is_empty() {
        return Ok(0);
    }
    let unlocked = prepare(target, source, resource)?;
    match unlocked.file.try_lock() {
        Ok(()) => remove_left_over(&folder),
        Err(TryLockError::WouldBlock) => Ok(0),
        Err(TryLockError::Error(error)) => Err(error).at("lock", &unlocked.path),
    }
}

/// The folders of drafts and deletions that are not through.
fn left_over(folder: &Path) -> Result<Vec<PathBuf>, TargetError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let left = name.starts_with(".partial-") || name.starts_with(".deleting-");
        if left && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_left_over(folder: &Path) -> Result<u64, TargetError> {
    let mut removed = 0;
    for path in left_over(folder)? {
        remove_tree(&path).at("remove", &path)?;
        removed += 1;
    }
    Ok(removed)
}

/// The right to delete versions of one resource.
#[derive(Debug)]
pub(super) struct Exclusive {
    _lock: Lock,
    source: SourceName,
    resource: ResourceId,
    folder: PathBuf,
}

impl Exclusive {
    pub(super) fn take(
        target: &DirectoryTarget,
        source: &SourceName,
        resource: &ResourceId,
    ) -> Result<Self, TargetError> {
        Ok(Self {
            _lock: exclusive(target, source, resource)?,
            source: source.clone(),
            resource: resource.clone(),
            folder: target.resource_folder(source, resource),
        })
    }

    fn id(&self, version: Version) -> StoredId {
        StoredId {
            source: self.source.clone(),
            resource: self.resource.clone(),
            version,
        }
    }
}

impl ExclusiveLock for Exclusive {
    fn delete(&self, version: Version) -> Result<(), TargetError> {
        let path = self.folder.join(version.to_string());
        if is_protected(&path) {
            return Err(TargetError::Protected(Box::new(self.id(version))));
        }
        let doomed = self
            .folder
            .join(format!(".deleting-{version}-{}", std::process::id()));
        match rename_folder(&path, &doomed) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TargetError::NoVersion(Box::new(self.id(version))));
            }
            result => result.at("delete", &path)?,
        }
        sync_folder(&self.folder)?;
        // The manifest first: what is left of a deletion that is cut off here has none.
        let _ = remove_file(&doomed.join("manifest.json"));
        remove_tree(&doomed).at("remove", &doomed)?;
        // Only empty folders go.
        let _ = remove_empty(&self.folder);
        Ok(())
    }
}
