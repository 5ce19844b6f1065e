//! Files and folders that only their owner can read, made durable.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::target::TargetError;
use crate::target::error::At as _;

/// Makes a folder, and those above it that are missing below `root`, each durable in its parent.
pub(super) fn make_folders(root: &Path, path: &Path) -> Result<(), TargetError> {
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
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .at("set the permissions of", path)?;
            path.parent().map_or(Ok(()), sync_folder)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error).at("create", path),
    }
}

/// Begins a file that must not be there yet.
pub(super) fn create_file(path: &Path) -> Result<File, TargetError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let file = file.at("create", path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
        .at("set the permissions of", path)?;
    Ok(file)
}

/// Writes a whole small file, which must not be there yet, and makes it durable.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let mut file = create_file(path)?;
    file.write_all(bytes).at("write", path)?;
    file.sync_all().at("write", path)
}

/// Writes a whole small file in one step: nobody ever sees half of it, and one that is there stays.
pub(super) fn place_file(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let _ = fs::remove_file(beside);
    write_file(beside, bytes)?;
    let placed = fs::hard_link(beside, path);
    fs::remove_file(beside).at("remove", beside)?;
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => {
            result.at("create", path)?;
            path.parent().map_or(Ok(()), sync_folder)
        }
    }
}

/// Makes what happened to a folder's entries durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), TargetError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .at("write", path)
}

/// Reads a small file that is a plain one, and not a link to another.
pub(super) fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let file = open_file(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is too large",
        ));
    }
    Ok(bytes)
}

/// Opens a plain file; a link is not followed.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
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
