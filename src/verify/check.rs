//! Checks of one version. Both block.

use std::io::{self, Read as _};
use std::sync::Arc;

use crate::archive::{ArchiveError, ContentType, Contents, Pass, Raw};
use crate::model::{CheckLevel, InstanceType, Kind, ResourceName, Sha256};
use crate::progress::{Silent, Task};
use crate::retrieve::{self, Damage};
use crate::target::{ArchiveFacts, Checksums, Manifest, Opened, Stored, Target, TargetError};

/// How large a list of checksums may be.
const LIMIT: u64 = 1024 * 1024;

/// Why a version could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The target did not give it.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// What it is compressed with is not undone here.
    #[error("`{file}`: {cause}")]
    Packing {
        /// The file.
        file: String,
        /// With what.
        cause: ArchiveError,
    },
    /// A file could not be read, though it is there.
    #[error("cannot read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Looks at manifest, required files and sizes, and reads no data; gives what is wrong.
pub fn quick(target: &dyn Target, stored: &Stored) -> Result<Option<String>, Unreadable> {
    let opened = match open(target, stored)? {
        Ok(opened) => opened,
        Err(wrong) => return Ok(Some(wrong)),
    };
    let manifest = opened.manifest();
    let checksums = match checksums(&*opened)? {
        Ok(checksums) => checksums,
        Err(wrong) => return Ok(Some(wrong)),
    };
    if let Some(wrong) = retrieve::listed(manifest, &checksums) {
        return Ok(Some(wrong));
    }
    for name in checksums.0.keys() {
        let size = match opened.size(name) {
            Ok(size) => size,
            Err(error) if is_missing(&error) => return Ok(Some(missing(name))),
            Err(error) => return Err(error.into()),
        };
        let archive = manifest.archive.as_ref();
        if let Some(archive) = archive.filter(|archive| archive.file == *name)
            && size != archive.stored_size
        {
            return Ok(Some(format!(
                "`{name}` has {} bytes, and its manifest gives {}",
                size.0, archive.stored_size.0
            )));
        }
    }
    Ok(None)
}

/// Compares every checksum and reads the archive to its end; gives what is wrong, and how thorough that
/// was: of what is encrypted, and no key at hand opens, only the checksums of what is stored are compared.
pub fn full(
    target: &dyn Target,
    stored: &Stored,
    task: &Arc<dyn Task>,
) -> Result<(Option<String>, CheckLevel), Unreadable> {
    if let Some(wrong) = quick(target, stored)? {
        return Ok((Some(wrong), CheckLevel::Full));
    }
    let opened = match open(target, stored)? {
        Ok(opened) => opened,
        Err(wrong) => return Ok((Some(wrong), CheckLevel::Full)),
    };
    let unlocked = opened.unlock().map_err(Unreadable::from);
    let looked = unlocked.and_then(|()| files(&*opened, CheckLevel::Full, task));
    match looked {
        Err(Unreadable::Target(TargetError::NoKey(_) | TargetError::OtherKey(_))) => {
            let level = CheckLevel::Stored;
            Ok((files(&*opened, level, task)?, level))
        }
        looked => Ok((looked?, CheckLevel::Full)),
    }
}

/// Compares every checksum, and reads the archive where that is asked for.
fn files(
    opened: &dyn Opened,
    level: CheckLevel,
    task: &Arc<dyn Task>,
) -> Result<Option<String>, Unreadable> {
    let checksums = match checksums(opened)? {
        Ok(checksums) => checksums,
        Err(wrong) => return Ok(Some(wrong)),
    };
    let manifest = opened.manifest();
    for (name, expected) in &checksums.0 {
        let archive = manifest.archive.as_ref().filter(|it| it.file == *name);
        let read = match archive {
            Some(archive) if level >= CheckLevel::Full => {
                self::archive(opened, manifest, archive, task)
            }
            Some(_) => compare(opened, (name, *expected), task.clone()),
            // Only archives are in the sum that progress is told of.
            None => compare(opened, (name, *expected), Arc::new(Silent)),
        };
        if let Some(wrong) = verdict(name, read)? {
            return Ok(Some(wrong));
        }
    }
    Ok(None)
}

/// Compares a stored file with its checksum.
fn compare(
    opened: &dyn Opened,
    (name, expected): (&str, Sha256),
    task: Arc<dyn Task>,
) -> Result<Option<String>, Damage> {
    if retrieve::digest(opened, name, task)? == expected {
        Ok(None)
    } else {
        Err(Damage::Digest)
    }
}

/// Reads an archive to its end and compares it with its manifest.
fn archive(
    opened: &dyn Opened,
    manifest: &Manifest,
    archive: &ArchiveFacts,
    task: &Arc<dyn Task>,
) -> Result<Option<String>, Damage> {
    let task = task.clone();
    if is_tar(manifest.kind, archive) {
        let pass = Pass::new(io::sink(), None);
        let (_, contents) = retrieve::archive(opened, archive, pass, task)?;
        return Ok(difference(manifest, archive, &contents));
    }
    let raw = Raw::new(io::sink());
    let (_, size) = retrieve::archive(opened, archive, raw, task)?;
    Ok((size != archive.size)
        .then(|| format!("it holds {size}, and its manifest gives {}", archive.size)))
}

/// Whether an archive is an export tar; images and ISO volumes are files of their own.
fn is_tar(kind: Kind, archive: &ArchiveFacts) -> bool {
    let iso = archive.file.contains(".iso");
    matches!(kind, Kind::Instance | Kind::Volume | Kind::Bucket) && !iso
}

/// What an archive's index and its manifest say differently.
fn difference(manifest: &Manifest, archive: &ArchiveFacts, contents: &Contents) -> Option<String> {
    let index = &contents.index;
    if archive.is_measured() && contents.size != archive.size {
        return Some(format!(
            "the tar has {} bytes, and its manifest gives {}",
            contents.size.0, archive.size.0
        ));
    }
    // What the earlier tool left was not counted.
    if archive.members > 0 && contents.members != archive.members {
        return Some(format!(
            "the tar has {} members, and its manifest gives {}",
            contents.members, archive.members
        ));
    }
    let name = manifest.name.as_ref().map(ResourceName::as_str);
    if name != Some(index.name.as_str()) {
        return Some(format!("the tar is of `{}`", index.name));
    }
    if let Some(instance) = &manifest.instance {
        let own = match instance.instance_type {
            InstanceType::Container => ContentType::Container,
            InstanceType::VirtualMachine => ContentType::VirtualMachine,
        };
        if index.content != own {
            return Some("the tar is of another type of instance".to_owned());
        }
        if index.snapshots != instance.snapshots {
            return Some("the tar has other snapshots than its manifest gives".to_owned());
        }
    }
    None
}

/// Tells what is wrong with a file from what kept it from being read.
fn verdict(name: &str, read: Result<Option<String>, Damage>) -> Result<Option<String>, Unreadable> {
    match read {
        Ok(None) => Ok(None),
        Ok(Some(wrong)) => Ok(Some(format!("`{name}`: {wrong}"))),
        Err(Damage::Read(cause)) if is_of_the_system(&cause) => Err(Unreadable::Read {
            file: name.to_owned(),
            cause,
        }),
        Err(Damage::Key(error)) => Err(error.into()),
        Err(Damage::Archive(cause @ ArchiveError::Packing(_))) => Err(Unreadable::Packing {
            file: name.to_owned(),
            cause,
        }),
        Err(damage) => Ok(Some(format!("`{name}`: {}", chain(&damage)))),
    }
}

/// Whether the system refuses to read; a medium that fails to (`EIO`) and a decoder that stumbles
/// have found damage.
fn is_of_the_system(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::OutOfMemory | io::ErrorKind::TimedOut
    )
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// Opens a version, or says what is wrong with it.
fn open(
    target: &dyn Target,
    stored: &Stored,
) -> Result<Result<Box<dyn Opened>, String>, TargetError> {
    match target.open(&stored.id) {
        Ok(opened) => Ok(Ok(opened)),
        Err(error @ TargetError::Manifest { .. }) => Ok(Err(chain(&error))),
        // One that was deleted meanwhile is not damaged.
        Err(TargetError::NoVersion(_)) if stored.manifest.is_none() => {
            Ok(Err(missing("manifest.json")))
        }
        Err(error) => Err(error),
    }
}

fn checksums(opened: &dyn Opened) -> Result<Result<Checksums, String>, Unreadable> {
    const NAME: &str = "checksums.txt";
    let file = match opened.file(NAME) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(Err(missing(NAME))),
        Err(error) => return Err(error.into()),
    };
    let mut text = String::new();
    match file.take(LIMIT).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok(Err(format!("`{NAME}` is not text")));
        }
        Err(cause) => {
            return Err(Unreadable::Read {
                file: NAME.to_owned(),
                cause,
            });
        }
    }
    Ok(Checksums::parse(&text).map_err(|error| format!("`{NAME}`: {error}")))
}

fn is_missing(error: &TargetError) -> bool {
    matches!(error, TargetError::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
}

fn missing(name: &str) -> String {
    format!("`{name}` is missing")
}
