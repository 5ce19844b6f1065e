//! Files on the disk of a virtual machine, or of a block volume. Blocks.

use super::walk::{Found, Walk};
use super::{Depth, FilePath, FilesError, Place};
use crate::archive::{Member, MemberKind, Members};
use crate::disk::{DiskError, Ext, Kind, Partition, Piece, Window, partitions};
use crate::progress::Cancel;

/// How many zeros are handed on at a time.
const HOLE: u64 = 64 * 1024 * 1024;

/// The disk that is a place of an archive.
#[derive(Debug)]
pub(super) struct Disk {
    place: Place,
    partitions: Vec<Partition>,
    cancel: Cancel,
}

impl Disk {
    pub(super) fn open(
        place: &Place,
        window: &Window,
        cancel: &Cancel,
    ) -> Result<Self, FilesError> {
        let partitions = partitions(window).map_err(|cause| FilesError::of_disk("/", cause))?;
        Ok(Self {
            place: place.clone(),
            partitions,
            cancel: cancel.clone(),
        })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Tells what is at a path, and below it.
    pub(super) fn members(
        &self,
        (root, depth): (&FilePath, Depth),
        visit: &mut dyn FnMut(Member) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        self.walk(root, depth, &mut |found| visit(found.member.clone()))
    }

    /// Hands on what is wanted of it, with what it holds.
    pub(super) fn read<M: Members>(
        &self,
        root: &FilePath,
        wanted: &dyn Fn(&Member) -> bool,
        mut members: M,
    ) -> Result<M, FilesError> {
        self.walk(root, Depth::All, &mut |found| {
            if !wanted(&found.member) {
                return Ok(());
            }
            members.begin(found.member.clone())?;
            if found.member.kind == MemberKind::File {
                found.file_system.content(found.inode, &mut |piece| {
                    self.unless_cancelled()?;
                    match piece {
                        Piece::Data(bytes) => members.data(bytes)?,
                        Piece::Hole(count) => self.hole(count, &mut members)?,
                    }
                    Ok::<(), FilesError>(())
                })?;
            }
            Ok(members.end()?)
        })?;
        Ok(members)
    }

    /// Hands zeros on, in parts between which it can be stopped.
    fn hole(&self, mut count: u64, members: &mut impl Members) -> Result<(), FilesError> {
        while count > 0 {
            self.unless_cancelled()?;
            let part = count.min(HOLE);
            members.zeros(part)?;
            count -= part;
        }
        Ok(())
    }

    pub(super) fn unless_cancelled(&self) -> Result<(), FilesError> {
        if self.cancel.is_cancelled() {
            return Err(FilesError::Interrupted);
        }
        Ok(())
    }

    fn walk(
        &self,
        root: &FilePath,
        depth: Depth,
        visit: &mut dyn FnMut(&Found<'_>) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        let Some((name, below)) = root.parts().split_first() else {
            return Err(FilesError::NoPartition);
        };
        let top = FilePath::default().with(name);
        let partition = self.partitions.iter().find(|it| it.name.as_bytes() == name);
        let partition = partition.ok_or_else(|| FilesError::Nothing(root.to_string()))?;
        let file_system = open(partition, &top)?;
        Walk::through(self, &file_system, visit).run((&top, below), depth)
    }
}

/// The file system of a partition.
fn open(partition: &Partition, path: &FilePath) -> Result<Ext, FilesError> {
    let at = |cause| FilesError::of_disk(&path.to_string(), cause);
    let kind = partition.holds.as_ref().map(|holds| holds.kind);
    let Some(window) = &partition.window else {
        return Err(at(DiskError::Beyond));
    };
    match kind {
        Some(Kind::Ext(_)) => Ext::open(window.clone()).map_err(at),
        other => Err(FilesError::Holds {
            path: path.to_string(),
            holds: other.map_or("nothing that is known".to_owned(), |it| it.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor};
    use std::sync::LazyLock;
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// See `tests/it/fixtures/disks/README.md`.
    const DISK: &[u8] = include_bytes!("../../tests/it/fixtures/disks/disk.img.zst");

    fn image() -> Vec<u8> {
        zstd::decode_all(DISK).unwrap()
    }

    fn opened(image: Vec<u8>) -> Result<Disk, FilesError> {
        let size = image.len() as u64;
        let window = Window::new(Box::new(Cursor::new(image)), 0, size);
        Disk::open(&Place::at("backup/volume.img"), &window, &Cancel::default())
    }

    /// Counts what it is given.
    #[derive(Default)]
    struct Counted {
        members: u64,
        bytes: u64,
    }

    impl Members for Counted {
        fn begin(&mut self, member: Member) -> io::Result<()> {
            assert!(member.path.0.starts_with(b"backup/volume.img/p"));
            assert!(!member.path.0.contains(&0));
            self.members += 1;
            Ok(())
        }

        fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.bytes += bytes.len() as u64;
            Ok(())
        }

        fn zeros(&mut self, _count: u64) -> io::Result<()> {
            Ok(())
        }

        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Reads everything that is on a disk.
    fn read(disk: &Disk, partition: &str) -> Result<Counted, FilesError> {
        let root = FilePath::parse(partition).unwrap();
        disk.read(&root, &|_| true, Counted::default())
    }

    fn told(disk: &Disk, path: &str, depth: Depth) -> Result<Vec<String>, FilesError> {
        let mut told = Vec::new();
        disk.members((&FilePath::parse(path).unwrap(), depth), &mut |member| {
            let link = member
                .link
                .map_or(String::new(), |link| format!(" -> {}", link.display()));
            let path = member.path.display();
            told.push(format!(
                "{}{link}",
                path.trim_start_matches("backup/volume.img")
            ));
            Ok(())
        })?;
        told.sort();
        Ok(told)
    }

    #[test]
    fn a_file_has_its_second_name_as_a_hard_link_to_the_first() {
        let disk = opened(image()).unwrap();
        let long = "x/".repeat(60);
        let (one, other) = ("/p1/etc/again", "/p1/etc/hostname");
        let found = told(&disk, "p1/etc", Depth::All).unwrap();
        let link = |name: &str, first: &str| format!("{name} -> backup/volume.img{first}");
        let (first, second) = if found.contains(&one.to_owned()) {
            (one.to_owned(), link(other, one))
        } else {
            (link(one, other), other.to_owned())
        };
        let expected = [
            "/p1/etc".to_owned(),
            first,
            second,
            "/p1/etc/link -> hostname".to_owned(),
            format!("/p1/etc/long -> {long}"),
        ];
        assert_eq!(found, expected);
        assert_eq!(told(&disk, "p2/etc", Depth::Children).unwrap().len(), 5);
        assert_eq!(told(&disk, "p2/d", Depth::All).unwrap().len(), 85);
        let counted = read(&disk, "p1").unwrap();
        assert!(counted.members > 90 && counted.bytes > 30_000);
    }

    /// Changes a number of two bytes in the superblock of the first partition.
    fn with(at: usize, value: u16) -> Vec<u8> {
        let mut image = image();
        let at = 64 * 512 + 1024 + at;
        image[at..at + 2].copy_from_slice(&value.to_le_bytes());
        image
    }

    #[test]
    fn what_a_file_system_says_of_itself_is_not_believed() {
        for (at, value, said) in [
            (0x6, 0x7FFF, "larger than its partition"),
            (0x18, 21, "blocks are too large"),
            (0x20, 0, "groups are empty"),
            (0x58, 0xFFFF, "inodes have no possible size"),
            (0x62, 0x4000, "newer system"),
            (0x60, 0x1, "compression"),
        ] {
            let disk = opened(with(at, value)).unwrap();
            let error = read(&disk, "p1")
                .map(|counted| counted.members)
                .unwrap_err();
            let FilesError::Disk { path, cause } = error else {
                panic!("{error:?}")
            };
            assert_eq!(path, "/p1");
            assert!(cause.to_string().contains(said), "{cause}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// However a disk was tampered with: everything is read or refused, soon, and no more comes out of
        /// it than could be in it.
        #[test]
        fn a_disk_that_was_tampered_with_is_read_or_refused(
            changes in vec((any::<prop::sample::Index>(), 0..64_usize, any::<u8>()), 1..12),
        ) {
            static GOOD: LazyLock<(Vec<u8>, Vec<usize>)> = LazyLock::new(|| {
                let image = image();
                // Where something is: it is mostly zeros.
                let mut hot: Vec<usize> = (0..image.len() / 64)
                    .filter(|at| image[at * 64..][..64].iter().any(|it| !matches!(it, 0 | b'y')))
                    .collect();
                // What everything depends on is struck more often.
                hot.extend([64 * 512 + 1024, 64 * 512 + 2048].map(|at| at / 64).repeat(40));
                (image, hot)
            });
            let (mut image, hot) = (GOOD.0.clone(), &GOOD.1);
            let size = image.len() as u64;
            for (index, within, value) in changes {
                image[hot[index.index(hot.len())] * 64 + within] = value;
            }
            let begun = Instant::now();
            if let Ok(disk) = opened(image) {
                for partition in disk.partitions() {
                    if let Ok(counted) = read(&disk, &partition.name) {
                        prop_assert!(counted.members < 5_000, "{}", counted.members);
                        prop_assert!(counted.bytes < 64 * size, "{}", counted.bytes);
                    }
                }
            }
            prop_assert!(begun.elapsed().as_secs() < 20);
        }
    }
}
