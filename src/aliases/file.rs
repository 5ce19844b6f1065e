//! The client's configuration on disk.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};

use crate::model::Version;
use crate::plan::Consent;

/// What a client writes that finds no configuration: without `images` it would lack a remote that it
/// has while there is none.
const FIRST: &str = "\
default-remote: local
remotes:
  images:
    addr: https://images.linuxcontainers.org
    protocol: simplestreams
    public: true
  local:
    addr: unix://
    protocol: incus
    public: false
aliases: {}
";

/// Why the configuration cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something failed.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What.
        action: &'static str,
        /// Of which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Somebody else wrote it.
    #[error("`{}` was changed meanwhile", .0.display())]
    Changed(PathBuf),
}

/// The configuration as it was read.
#[derive(Debug)]
pub struct ConfigFile {
    /// Where it really is, links followed.
    path: PathBuf,
    /// What it says; nothing where it is not there.
    text: Option<String>,
}

impl ConfigFile {
    /// Reads `config.yml` in the folder of the client's configuration.
    pub fn read(folder: &Path) -> Result<Self, FileError> {
        let named = folder.join("config.yml");
        // A link into a folder that is kept elsewhere stays a link.
        let path = fs::canonicalize(&named).unwrap_or(named);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self {
                path,
                text: Some(text),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path, text: None }),
            Err(cause) => Err(failed("read", &path, cause)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says; nothing where it is not there.
    pub fn said(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// What an edit begins with: what it says, or what a client writes first.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or(FIRST)
    }

    /// Puts a new text in its place, and keeps the old one beside it; gives where that is.
    pub fn replace(
        self,
        new: &str,
        now: Version,
        _: &Consent,
    ) -> Result<Option<PathBuf>, FileError> {
        let path = &self.path;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(|cause| failed("create", folder, cause))?;
        let again = Self::read_again(path)?;
        if again != self.text {
            return Err(FileError::Changed(path.clone()));
        }
        let kept = match &self.text {
            Some(text) => Some(self.keep(text, now)?),
            None => None,
        };
        self.write_beside(folder, new, path)?;
        Ok(kept)
    }

    fn read_again(path: &Path) -> Result<Option<String>, FileError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("read", path, cause)),
        }
    }

    /// Keeps the old text under a name that nothing has yet.
    fn keep(&self, text: &str, now: Version) -> Result<PathBuf, FileError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let mut version = now;
        loop {
            let kept = folder.join(format!("config.yml.{version}.bak"));
            if kept.symlink_metadata().is_err() {
                self.write_beside(folder, text, &kept)?;
                return Ok(kept);
            }
            version = version.next();
        }
    }

    /// Writes a file whole or not at all, with owner and permissions of the one that is there.
    fn write_beside(&self, folder: &Path, text: &str, path: &Path) -> Result<(), FileError> {
        let written = || -> io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(".config.yml.")
                .tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            if let Ok(old) = fs::metadata(&self.path) {
                let own = file.as_file().metadata()?;
                if (old.uid(), old.gid()) != (own.uid(), own.gid()) {
                    let owner = (Uid::from_raw(old.uid()), Gid::from_raw(old.gid()));
                    rustix::fs::fchown(file.as_file(), Some(owner.0), Some(owner.1))?;
                }
                let mode = Permissions::from_mode(old.mode() & 0o777);
                file.as_file().set_permissions(mode)?;
            }
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(folder)?.sync_all()
        };
        written().map_err(|cause| failed("write", path, cause))
    }
}

fn failed(action: &'static str, path: &Path, cause: io::Error) -> FileError {
    FileError::Io {
        action,
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Version {
        "20260131T235959Z".parse().unwrap()
    }

    #[test]
    fn the_old_file_stays_beside_the_new_one_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, at) = (folder.path().join("dotfiles"), folder.path().join("incus"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&at).unwrap();
        fs::write(real.join("mine.yml"), "one").unwrap();
        fs::set_permissions(real.join("mine.yml"), Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(real.join("mine.yml"), at.join("config.yml")).unwrap();
        let consent = Consent::given_by_yes();
        for (old, new, name) in [
            ("one", "two", "config.yml.20260131T235959Z.bak"),
            ("two", "three", "config.yml.20260201T000000Z.bak"),
        ] {
            let file = ConfigFile::read(&at).unwrap();
            let kept = file.replace(new, now(), &consent).unwrap().unwrap();
            assert_eq!(kept, real.canonicalize().unwrap().join(name));
            assert_eq!(fs::read_to_string(kept).unwrap(), old);
        }
        assert!(at.join("config.yml").is_symlink());
        assert_eq!(fs::read_to_string(at.join("config.yml")).unwrap(), "three");
        let mode = fs::metadata(real.join("mine.yml")).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o640);
        assert_eq!(fs::read_dir(&real).unwrap().count(), 3);
    }

    #[test]
    fn a_file_that_somebody_else_wrote_meanwhile_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = ConfigFile::read(folder.path()).unwrap();
        fs::write(folder.path().join("config.yml"), "theirs").unwrap();
        let error = file.replace("mine", now(), &Consent::given_by_yes());
        assert!(matches!(error, Err(FileError::Changed(_))));
        let text = fs::read_to_string(folder.path().join("config.yml")).unwrap();
        assert_eq!(text, "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
