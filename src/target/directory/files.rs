//! Files and folders that only their owner can read, made durable.
//!
//! Every change that this target makes to the file system is made here, and asks [`step`] first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use crate::model::{Liveness, Owner, RunId};
use crate::target::TargetError;
use crate::target::error::At as _;

#[cfg(feature = "testing")]
use super::faults::step;

/// Nothing fails but what the file system says.
#[cfg(not(feature = "testing"))]
#[expect(clippy::unnecessary_wraps, reason = "in tests a step can fail")]
fn step(_name: &'static str) -> io::Result<()> {
    Ok(())
}

/// Makes a folder, and those above it that are missing below `root`, each durable in its parent.
pub(in crate::target) fn make_folders(root: &Path, path: &Path) -> Result<(), TargetError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && parent != root
        && parent.starts_with(root)
    {
        make_folders(root, parent)?;
    }
    make_folder(path)
}

/// Makes one folder; one that is there is as good.
pub(super) fn make_folder(path: &Path) -> Result<(), TargetError> {
    match step("mkdir").and_then(|()| DirBuilder::new().mode(0o700).create(path)) {
        Ok(()) => {
            step("chmod")
                .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
                .at("set the permissions of", path)?;
            path.parent().map_or(Ok(()), sync_folder)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error).at("create", path),
    }
}

/// Begins a file that must not be there yet.
pub(super) fn create_file(path: &Path) -> Result<File, TargetError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = step("create").and_then(|()| options.open(path));
    let file = file.at("create", path)?;
    step("chmod")
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(0o600)))
        .at("set the permissions of", path)?;
    Ok(file)
}

/// Opens a file that any number of processes may have open, and makes it where it is missing; a link is
/// not followed.
pub(in crate::target) fn open_or_create(path: &Path) -> Result<File, TargetError> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW));
    step("create")
        .and_then(|()| options.open(path))
        .at("open", path)
}

/// Writes to a file as [`io::Write::write`] does.
pub(super) fn write(file: &mut File, bytes: &[u8]) -> io::Result<usize> {
    if let Err(full) = step("write") {
        // A full disk has usually taken a part.
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(full);
    }
    file.write(bytes)
}

/// Makes what was written to a file durable.
pub(super) fn sync_file(file: &File) -> io::Result<()> {
    step("fsync")?;
    file.sync_all()
}

/// Gives a folder another name, which must not be that of a folder with anything in it.
pub(super) fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
    step("rename")?;
    fs::rename(from, to)
}

/// Gives a file another name beside the one that it has.
pub(super) fn link_file(file: &Path, name: &Path) -> io::Result<()> {
    step("link")?;
    fs::hard_link(file, name)
}

/// Removes a file.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    step("unlink")?;
    fs::remove_file(path)
}

/// Removes a folder with everything in it.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    step("remove")?;
    fs::remove_dir_all(path)
}

/// Removes a folder that has nothing in it.
pub(super) fn remove_empty(path: &Path) -> io::Result<()> {
    step("rmdir")?;
    fs::remove_dir(path)
}

/// Writes a whole small file, which must not be there yet, and makes it durable.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let mut file = create_file(path)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = write(&mut file, rest).at("write", path)?;
        rest = &rest[count..];
    }
    sync_file(&file).at("write", path)
}

/// Writes a whole small file in one step: nobody ever sees half of it, and one that is there stays.
///
/// It is written beside its place first, under a name that says which process writes it, so that
/// what a killed one left is known and goes.
pub(super) fn place_file(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let folder = path.parent().unwrap_or(path);
    clear_beside(path)?;
    let beside = folder.join(beside(path) + &Owner::current(&RunId::begin()).tag());
    let placed = write_file(&beside, bytes).and_then(|()| match link_file(&beside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.at("create", path).and_then(|()| sync_folder(folder)),
    });
    let removed = remove_file(&beside);
    placed?;
    removed.at("remove", &beside)
}

/// Writes a whole small file in one step, in the place of one that may be there.
pub(super) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let folder = path.parent().unwrap_or(path);
    clear_beside(path)?;
    let beside = folder.join(beside(path) + &Owner::current(&RunId::begin()).tag());
    let placed = write_file(&beside, bytes).and_then(|()| {
        step("rename")
            .and_then(|()| fs::rename(&beside, path))
            .at("replace", path)
    });
    if placed.is_err() {
        let _ = remove_file(&beside);
    }
    placed?;
    sync_folder(folder)
}

/// What a file is called, up to the process that writes it, before it is put into its place.
pub(super) fn beside(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}-")
}

/// Removes what ended processes wrote beside a file's place and never put there; gives how much.
pub(super) fn clear_beside(path: &Path) -> Result<u64, TargetError> {
    let (folder, prefix) = (path.parent().unwrap_or(path), beside(path));
    let mut removed = 0;
    for entry in fs::read_dir(folder).at("list", folder)? {
        let entry = entry.at("list", folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(tag) = name.strip_prefix(&prefix) else {
            continue;
        };
        // This process writes one file at a time.
        if matches!(Owner::liveness_of_tag(tag), Liveness::Dead | Liveness::Own) {
            remove_file(&entry.path()).at("remove", &entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Makes what happened to a folder's entries durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), TargetError> {
    File::open(path)
        .and_then(|folder| sync_file(&folder))
        .at("write", path)
}

/// Reads a small file that is a plain one, and not a link to another.
pub(in crate::target) fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_up_to(open_file(path)?, limit)
}

fn read_up_to(file: File, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    // Room for a manifest: a listing reads thousands, and each in as few reads as it can.
    let mut bytes = Vec::with_capacity(4096);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is too large",
        ));
    }
    Ok(bytes)
}

/// A folder that is looked into: by its path, or below one that is open, so that a listing of thousands
/// does not walk the whole path for each file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder<'a> {
    base: BorrowedFd<'a>,
    path: &'a Path,
}

impl<'a> Folder<'a> {
    /// One by its absolute path.
    pub(super) fn at(path: &'a Path) -> Self {
        Self { base: CWD, path }
    }

    /// One by its name in an open folder.
    pub(super) fn below(open: &'a File, name: &'a Path) -> Self {
        let base = open.as_fd();
        Self { base, path: name }
    }

    /// Where a file of it is, as far as that was said.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Reads a small file; a link is not followed. What is no plain file is at worst read up to the limit:
    /// asking first would be one call in eight of a listing.
    pub(super) fn read(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = openat(self.base, self.path(file), how, Mode::empty())?;
        read_up_to(File::from(open), limit)
    }

    /// Whether there is a file of this name: plain or not.
    pub(super) fn has(&self, file: &str) -> io::Result<bool> {
        match self.metadata(file) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The size of a plain file, in bytes.
    pub(super) fn size(&self, file: &str) -> Option<u64> {
        let found = self.metadata(file).ok()?;
        let is_plain = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        is_plain.then(|| u64::try_from(found.st_size).ok())?
    }

    fn metadata(&self, file: &str) -> Result<Stat, Errno> {
        statat(self.base, self.path(file), AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or(0)
}

/// Opens a plain file; a link is not followed, and nobody is waited for who would write to a pipe.
pub(in crate::target) fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a plain file",
        ))
    }
}
