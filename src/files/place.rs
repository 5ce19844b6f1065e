//! Where in an archive a path of a user is (pure).

use std::fmt;

use super::FilesError;
use crate::archive::MemberPath;
use crate::model::{InstanceType, Kind, VolumeContent};
use crate::target::Manifest;

/// A path inside an instance or a volume, from its root: no `..`, no empty parts, any bytes else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePath(Vec<Vec<u8>>);

impl FilePath {
    /// Reads a path; a slash at its beginning means nothing.
    pub fn parse(text: &str) -> Result<Self, FilesError> {
        Self::of_bytes(text.as_bytes()).ok_or_else(|| FilesError::Path(text.to_owned()))
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let parts = bytes.split(|byte| *byte == b'/');
        let parts = parts.filter(|part| !part.is_empty() && *part != b".");
        let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let whole = parts.iter().all(|part| part != b".." && !part.contains(&0));
        whole.then_some(Self(parts))
    }

    /// Its parts.
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The last part; nothing of the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.0.last().map(Vec::as_slice)
    }

    /// Whether it is the other, or is in it.
    pub fn is_in(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Where it is, seen from `root`.
    pub fn below(&self, root: &Self) -> Option<Self> {
        self.0
            .strip_prefix(root.0.as_slice())
            .map(|rest| Self(rest.to_vec()))
    }

    /// The bytes, from the root: `/etc/hosts`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.0 {
            bytes.push(b'/');
            bytes.extend_from_slice(part);
        }
        if bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

/// The folder of an archive that is the root of an instance, of a volume, or of one of its snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: Vec<u8>,
}

impl Place {
    /// Of what a version holds, or of a snapshot in it (`instancewriter` and `backup_*_create` of the
    /// server).
    pub fn of(manifest: &Manifest, snapshot: Option<&str>) -> Result<Self, FilesError> {
        let held = |snapshots: &[String]| match snapshot {
            Some(wanted) if !snapshots.iter().any(|known| known == wanted) => {
                Err(FilesError::NoSnapshot {
                    wanted: wanted.to_owned(),
                    held: snapshots.to_vec(),
                })
            }
            _ => Ok(()),
        };
        if manifest.options.optimized {
            return Err(FilesError::NoFiles(
                "an archive in the storage driver's own format",
            ));
        }
        let folder = match (manifest.kind, &manifest.instance, &manifest.volume) {
            (Kind::Instance, Some(instance), _) => {
                if instance.instance_type == InstanceType::VirtualMachine {
                    return Err(FilesError::NoFiles("the disk of a virtual machine"));
                }
                held(&instance.snapshots)?;
                snapshot.map_or_else(
                    || "backup/container/rootfs".to_owned(),
                    |name| format!("backup/snapshots/{name}/rootfs"),
                )
            }
            (Kind::Volume, _, Some(volume)) => {
                match volume.content_type {
                    VolumeContent::Filesystem => held(&volume.snapshots)?,
                    VolumeContent::Block => return Err(FilesError::NoFiles("a disk")),
                    VolumeContent::Iso => return Err(FilesError::NoFiles("an ISO image")),
                }
                snapshot.map_or_else(
                    || "backup/volume".to_owned(),
                    |name| format!("backup/volume-snapshots/{name}"),
                )
            }
            _ => return Err(FilesError::NoFiles("no archive of files")),
        };
        Ok(Self {
            folder: folder.into_bytes(),
        })
    }

    /// A folder of an archive.
    #[cfg(test)]
    pub(super) fn at(folder: &str) -> Self {
        Self {
            folder: folder.as_bytes().to_vec(),
        }
    }

    /// Where in it a member is; nothing where it is elsewhere, or at a path that is none.
    pub fn path_of(&self, member: &MemberPath) -> Option<FilePath> {
        let rest = member.0.strip_prefix(self.folder.as_slice())?;
        if !(rest.is_empty() || rest.starts_with(b"/")) {
            return None;
        }
        FilePath::of_bytes(rest)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("etc/hosts", Some("/etc/hosts"))]
    #[case("//etc/./hosts/", Some("/etc/hosts"))]
    #[case("", Some("/"))]
    #[case("etc/../../x", None)]
    #[case("..", None)]
    #[case("..a/b..", Some("/..a/b.."))]
    fn a_path_does_not_lead_up(#[case] text: &str, #[case] expected: Option<&str>) {
        let path = FilePath::parse(text).ok().map(|path| path.to_string());
        assert_eq!(path.as_deref(), expected);
    }

    #[rstest]
    #[case("backup/container/rootfs", Some("/"))]
    #[case("backup/container/rootfs/etc/hosts", Some("/etc/hosts"))]
    #[case("backup/container/rootfs-no/etc", None)]
    #[case("backup/container/rootfs/../x", None)]
    #[case("backup/container/backup.yaml", None)]
    #[case("backup/snapshots/s0/rootfs/etc", None)]
    fn a_member_has_its_path_in_the_place(#[case] member: &str, #[case] path: Option<&str>) {
        let place = Place::at("backup/container/rootfs");
        let found = place.path_of(&MemberPath(member.as_bytes().to_vec()));
        assert_eq!(found.map(|path| path.to_string()).as_deref(), path);
    }

    #[test]
    fn a_path_is_in_itself_and_in_what_is_above_it_only() {
        let path = |text| FilePath::parse(text).unwrap();
        assert!(path("etc/nginx").is_in(&path("etc")));
        assert!(path("etc").is_in(&path("etc")));
        assert!(path("etc").is_in(&path("/")));
        assert!(!path("etcetera").is_in(&path("etc")));
        assert_eq!(path("etc/a/b").below(&path("etc")), Some(path("a/b")));
        assert_eq!(path("etc").below(&path("usr")), None);
    }
}
