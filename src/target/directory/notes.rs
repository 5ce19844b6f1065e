//! What is written beside a version's manifest later: that it is protected, and how it was checked.
//!
//! Neither is among the checksums: the version itself does not change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{Folder, clear_beside, place_file, remove_file, replace_file, sync_folder};
use super::lock::shared;
use super::place::DirectoryTarget;
use crate::model::{Check, Checks, Version};
use crate::target::error::At as _;
use crate::target::{Protection, StoredId, TargetError};

/// The file that protects a version.
const PROTECTED: &str = "protected.json";
/// The file of the checks.
const CHECKS: &str = "checks.json";
/// How large these may be.
const LIMIT: u64 = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Protected {
    since: jiff::Timestamp,
}

/// Whether a version's folder says that it is protected. One that cannot be asked is.
pub(super) fn is_protected(folder: Folder<'_>) -> bool {
    folder.has(PROTECTED).unwrap_or(true)
}

/// How a version was checked. What cannot be read is as good as no check.
pub(super) fn checks(folder: Folder<'_>) -> Checks {
    let read = folder.read(CHECKS, LIMIT).ok();
    read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Protects a version, or takes that back.
pub(super) fn protect(
    target: &DirectoryTarget,
    id: &StoredId,
    protection: Protection,
) -> Result<(), TargetError> {
    let _lock = shared(target, &id.source, &id.resource)?;
    let folder = version_folder(target, id)?;
    let path = folder.join(PROTECTED);
    match protection {
        Protection::On => {
            let since = Version::now().timestamp();
            place_file(&path, &json(&Protected { since })?)
        }
        Protection::Off => match remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => {
                result.at("remove", &path)?;
                sync_folder(&folder)
            }
        },
    }
}

/// Records a check.
pub(super) fn record(
    target: &DirectoryTarget,
    id: &StoredId,
    check: Check,
) -> Result<(), TargetError> {
    let _lock = shared(target, &id.source, &id.resource)?;
    let folder = version_folder(target, id)?;
    let mut all = checks(Folder::at(&folder));
    all.add(check);
    replace_file(&folder.join(CHECKS), &json(&all)?)
}

/// Removes what ended processes began to write beside a manifest, of every version in the folder of a
/// resource; gives how much.
pub(super) fn clear_unwritten(folder: &Path) -> Result<u64, TargetError> {
    let versions = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        versions => versions.at("list", folder)?,
    };
    let mut removed = 0;
    for version in versions {
        let version = version.at("list", folder)?;
        let is_version = version
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<Version>().is_ok());
        if !is_version || !version.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for name in [CHECKS, PROTECTED] {
            match clear_beside(&version.path().join(name)) {
                // Whoever deletes a version does not wait for this.
                Err(TargetError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
                cleared => removed += cleared?,
            }
        }
    }
    Ok(removed)
}

fn version_folder(target: &DirectoryTarget, id: &StoredId) -> Result<PathBuf, TargetError> {
    let folder = target
        .resource_folder(&id.source, &id.resource)
        .join(id.version.to_string());
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(TargetError::NoVersion(Box::new(id.clone())))
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, TargetError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(io::Error::other)
        .at("write", Path::new(CHECKS))?;
    bytes.push(b'\n');
    Ok(bytes)
}
