//! One file of several versions: a hard link.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::Digest as _;

use super::files::{link_file, open_file, remove_file};
use super::lock::shared;
use super::place::DirectoryTarget;
use crate::model::{Bytes, Sha256};
use crate::target::error::At as _;
use crate::target::{StoredId, TargetError, Written};

/// Links a file of a version into the folder of a draft, if it holds what it should.
pub(super) fn share(
    target: &DirectoryTarget,
    of: &StoredId,
    file: &str,
    (folder, sha256): (&Path, Sha256),
) -> Result<Option<Written>, TargetError> {
    // Whoever reads a version has its lock; one that is being deleted is not waited for.
    let impatient = DirectoryTarget {
        patience: std::time::Duration::ZERO,
        ..target.clone()
    };
    let _lock = match shared(&impatient, &of.source, &of.resource) {
        Err(error) if error.is_locked() => return Ok(None),
        lock => lock?,
    };
    let path = target
        .resource_folder(&of.source, &of.resource)
        .join(of.version.to_string())
        .join(file);
    let Ok(opened) = open_file(&path) else {
        return Ok(None);
    };
    let Ok(written) = read(&opened) else {
        return Ok(None);
    };
    if written.sha256 != sha256 {
        tracing::debug!(path = %path.display(), "is damaged, and not shared");
        return Ok(None);
    }
    let link = folder.join(file);
    if let Err(error) = link_file(&path, &link) {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return Err(error).at("create", &link);
        }
        tracing::debug!(%error, path = %path.display(), "cannot be shared");
        return Ok(None);
    }
    if is_same(&opened, &link).at("read", &link)? {
        return Ok(Some(written));
    }
    // Something else took its place while it was read.
    remove_file(&link).at("remove", &link)?;
    Ok(None)
}

fn read(mut file: &File) -> io::Result<Written> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            let sha256 = Sha256(hasher.finalize().into());
            let size = Bytes(size);
            return Ok(Written { size, sha256 });
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
    }
}

fn is_same(opened: &File, link: &Path) -> io::Result<bool> {
    let (one, other) = (opened.metadata()?, fs::symlink_metadata(link)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target as _;
    use crate::testing::target_suite::{ARCHIVE, instance, second, server, store};

    #[test]
    fn a_shared_file_is_one_file_and_a_link_to_another_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("target");
        DirectoryTarget::create(&root).unwrap();
        let target = DirectoryTarget::open(&root, std::time::Duration::ZERO).unwrap();
        let here = server("here", 1);
        let one = store(&target, &here, (&instance("web"), second(1)), b"shared").unwrap();
        let place = target.resource_folder(&here.name, &instance("web"));
        let file = place.join(one.id.version.to_string()).join(ARCHIVE);
        let draft = || {
            target
                .begin(&here.name, &instance("db"), second(1))
                .unwrap()
        };
        let digest = Sha256::of(b"shared");
        let mut first = draft();
        assert!(first.share(&one.id, ARCHIVE, digest).unwrap().is_some());
        assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
        assert!(
            first.share(&one.id, ARCHIVE, digest).is_err(),
            "it is there already"
        );
        drop(first);
        assert_eq!(fs::metadata(&file).unwrap().nlink(), 1);
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        assert_eq!(draft().share(&one.id, ARCHIVE, digest).unwrap(), None);
    }
}
