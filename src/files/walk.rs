//! A walk through a file system of a disk, each file being told of once. Blocks.

use std::collections::HashMap;

use super::disk::Disk;
use super::{FilePath, FilesError};
use crate::archive::{Member, MemberKind, MemberPath};
use crate::disk::{DiskError, Ext, Inode, InodeKind};

/// How deep folders are followed: a path that Linux takes has fewer parts.
const DEEPEST: usize = 2048;

/// How far below a path is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// At it, and what is in it.
    Children,
    /// At it, and everything below.
    All,
}

/// A file that was found.
pub(super) struct Found<'a> {
    pub(super) member: Member,
    pub(super) file_system: &'a Ext,
    pub(super) inode: &'a Inode,
}

/// A walk through a file system, which finds each file once.
pub(super) struct Walk<'a> {
    disk: &'a Disk,
    file_system: &'a Ext,
    /// What was found by its inode: how often, and the first path of what has several.
    seen: HashMap<u32, (u32, Option<FilePath>)>,
    visit: &'a mut dyn FnMut(&Found<'_>) -> Result<(), FilesError>,
}

impl<'a> Walk<'a> {
    pub(super) fn through(
        disk: &'a Disk,
        file_system: &'a Ext,
        visit: &'a mut dyn FnMut(&Found<'_>) -> Result<(), FilesError>,
    ) -> Self {
        Self {
            disk,
            file_system,
            seen: HashMap::new(),
            visit,
        }
    }

    /// Begins at a path below the top of the partition.
    pub(super) fn run(
        mut self,
        (top, below): (&FilePath, &[Vec<u8>]),
        depth: Depth,
    ) -> Result<(), FilesError> {
        let begin = self.find(top, below);
        let begin = begin.map_err(|error| error.at(top))?;
        self.below(begin, depth)
    }

    /// Follows a path from the root of the partition; never through a link.
    fn find(&self, top: &FilePath, below: &[Vec<u8>]) -> Result<(FilePath, Inode), FilesError> {
        let mut path = top.clone();
        let mut inode = self.file_system.root()?;
        for part in below {
            if inode.kind == InodeKind::Symlink {
                let to = String::from_utf8_lossy(&self.file_system.link(&inode)?).into_owned();
                let path = path.to_string();
                return Err(FilesError::Link { path, to });
            }
            path = path.with(part);
            let nothing = || FilesError::Nothing(path.to_string());
            if inode.kind != InodeKind::Directory {
                return Err(nothing());
            }
            let mut found = None;
            self.file_system.names(&inode, &mut |name, number| {
                if name == part {
                    found.get_or_insert(number);
                }
                self.disk.unless_cancelled()
            })?;
            inode = self.file_system.inode(found.ok_or_else(nothing)?)?;
        }
        Ok((path, inode))
    }

    /// Tells of a file and of what is below it, each folder before what is in it.
    fn below(&mut self, begin: (FilePath, Inode), depth: Depth) -> Result<(), FilesError> {
        let deepest = begin.0.parts().len() + if depth == Depth::All { DEEPEST } else { 1 };
        let mut open = vec![begin];
        while let Some((path, inode)) = open.pop() {
            self.tell(&path, &inode).map_err(|error| error.at(&path))?;
            if inode.kind != InodeKind::Directory || path.parts().len() >= deepest {
                if path.parts().len() >= DEEPEST {
                    let cause = DiskError::Corrupt("its folders are too deep");
                    return Err(FilesError::of_disk(&path.to_string(), cause));
                }
                continue;
            }
            let inside = self.inside(&path, &inode);
            open.extend(inside.map_err(|error| error.at(&path))?);
        }
        Ok(())
    }

    /// What is in a folder, in the order in which it is told of from the end on.
    fn inside(&self, path: &FilePath, inode: &Inode) -> Result<Vec<(FilePath, Inode)>, FilesError> {
        let mut names = Vec::new();
        self.file_system.names(inode, &mut |name, number| {
            names.push((number, name.to_vec()));
            self.disk.unless_cancelled()
        })?;
        // As their inodes follow each other on the disk.
        names.sort_unstable_by(|one, other| other.cmp(one));
        let mut inside = Vec::new();
        for (number, name) in names {
            self.disk.unless_cancelled()?;
            inside.push((path.with(&name), self.file_system.inode(number)?));
        }
        Ok(inside)
    }

    fn tell(&mut self, path: &FilePath, inode: &Inode) -> Result<(), FilesError> {
        let place = self.disk.place();
        let mut link = None;
        let mut kind = match inode.kind {
            InodeKind::File => MemberKind::File,
            InodeKind::Directory => MemberKind::Directory,
            InodeKind::Symlink => MemberKind::Symlink,
            InodeKind::Character => MemberKind::Character,
            InodeKind::Block => MemberKind::Block,
            InodeKind::Fifo => MemberKind::Fifo,
            InodeKind::Socket => MemberKind::Other,
        };
        if let Some((names, first)) = self.seen.get_mut(&inode.number) {
            *names += 1;
            // A folder has one name, or it would be in itself; a file as many as it says.
            if kind == MemberKind::Directory || *names > inode.names {
                return Err(DiskError::Corrupt("a file has more names than it says").into());
            }
            if let (MemberKind::File, Some(first)) = (kind, first) {
                kind = MemberKind::Hardlink;
                link = Some(place.member(first));
            }
        } else {
            let several = kind == MemberKind::File && inode.names > 1;
            let first = several.then(|| path.clone());
            self.seen.insert(inode.number, (1, first));
        }
        if kind == MemberKind::Symlink {
            link = Some(MemberPath(self.file_system.link(inode)?));
        }
        let found = Found {
            member: Member {
                path: place.member(path),
                kind,
                size: if kind == MemberKind::File {
                    inode.size
                } else {
                    0
                },
                mode: inode.mode,
                uid: u64::from(inode.uid),
                gid: u64::from(inode.gid),
                mtime: inode.mtime,
                link,
                at: 0,
                crc32: None,
            },
            file_system: self.file_system,
            inode,
        };
        (self.visit)(&found)
    }
}
