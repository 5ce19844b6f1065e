//! Where in an archive a path of a user is (pure).

use std::fmt;

use super::FilesError;
use crate::archive::MemberPath;
use crate::model::{InstanceType, Kind, VolumeContent};
use crate::target::Manifest;

/// What the image of a disk ends in.
const IMAGE: &str = ".img";

/// A path inside an instance or a volume, from its root: no `..`, no empty parts, any bytes else.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
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

    /// What a name in it is called.
    pub(super) fn with(&self, name: &[u8]) -> Self {
        let mut parts = self.0.clone();
        parts.push(name.to_vec());
        Self(parts)
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

/// The folder or the disk of an archive that is the root of an instance, of a volume, or of one of its
/// snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: Vec<u8>,
    /// It is the image of a disk, in which the files are.
    is_disk: bool,
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
        let (main, snapshots, ending) = match (manifest.kind, &manifest.instance, &manifest.volume)
        {
            (Kind::Instance, Some(instance), _) => {
                held(&instance.snapshots)?;
                match instance.instance_type {
                    InstanceType::VirtualMachine => {
                        ("virtual-machine", "virtual-machine-snapshots", IMAGE)
                    }
                    InstanceType::Container => ("container", "snapshots", "/rootfs"),
                }
            }
            (Kind::Volume, _, Some(volume)) => {
                held(&volume.snapshots)?;
                match volume.content_type {
                    VolumeContent::Filesystem => ("volume", "volume-snapshots", ""),
                    VolumeContent::Block => ("volume", "volume-snapshots", IMAGE),
                    VolumeContent::Iso => return Err(FilesError::NoFiles("an ISO image")),
                }
            }
            _ => return Err(FilesError::NoFiles("no archive of files")),
        };
        let folder = snapshot.map_or_else(
            || format!("backup/{main}{ending}"),
            |name| format!("backup/{snapshots}/{name}{ending}"),
        );
        Ok(Self {
            folder: folder.into_bytes(),
            is_disk: ending == IMAGE,
        })
    }

    /// Whether it is the image of a disk, in which the files are.
    pub fn is_disk(&self) -> bool {
        self.is_disk
    }

    /// Where in the archive it is.
    pub(super) fn folder(&self) -> &[u8] {
        &self.folder
    }

    /// What a file in it is called, as a member.
    pub(super) fn member(&self, path: &FilePath) -> MemberPath {
        let mut bytes = self.folder.clone();
        if !path.0.is_empty() {
            bytes.extend(path.to_bytes());
        }
        MemberPath(bytes)
    }

    /// A folder of an archive.
    #[cfg(test)]
    pub(super) fn at(folder: &str) -> Self {
        Self {
            folder: folder.as_bytes().to_vec(),
            is_disk: false,
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
