//! Where the blocks of a file are.

use super::super::DiskError;
use super::super::numbers::{joined, le16, le32};
use super::{Ext, Inode};

const MAGIC: u16 = 0xF30A;
/// How deep a tree of extents is at most.
const DEEPEST: u16 = 5;
/// The longest extent; one that says more was never written.
const LONGEST: u16 = 0x8000;
const ENTRY: usize = 12;

/// Blocks of a file that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Which of the file's blocks is the first.
    pub(super) first: u64,
    /// How many there are.
    pub(super) count: u64,
    /// Where they are; nothing where they are zeros that were never written.
    pub(super) at: Option<u64>,
}

/// Takes runs in the order of the file, each of them once, and no more than there can be.
struct Runs<'a, E> {
    file_system: &'a Ext,
    visit: &'a mut dyn FnMut(Run) -> Result<(), E>,
    /// From where on runs are expected.
    next: u64,
    /// How many blocks a file may still have.
    left: u64,
    /// A run that may go on.
    open: Option<Run>,
}

impl Ext {
    /// Tells where the blocks of a file are, in its order. What is between two runs are zeros.
    pub(super) fn runs<E: From<DiskError>>(
        &self,
        inode: &Inode,
        visit: &mut dyn FnMut(Run) -> Result<(), E>,
    ) -> Result<(), E> {
        inode.readable()?;
        let mut runs = Runs {
            file_system: self,
            visit,
            next: 0,
            left: self.superblock.blocks,
            open: None,
        };
        if inode.is_by_extents() {
            let depth = le16(&inode.block, 6);
            if depth > DEEPEST {
                return Err(DiskError::Corrupt("a tree of extents is too deep").into());
            }
            runs.node(&inode.block, depth)?;
        } else {
            runs.map(inode)?;
        }
        runs.close()
    }
}

impl<E: From<DiskError>> Runs<'_, E> {
    fn close(&mut self) -> Result<(), E> {
        match self.open.take() {
            Some(run) => (self.visit)(run),
            None => Ok(()),
        }
    }

    fn run(&mut self, run: Run) -> Result<(), E> {
        let end = run.first.checked_add(run.count);
        let end = end.filter(|_| run.first >= self.next && run.count > 0);
        self.next = end.ok_or(DiskError::Corrupt("extents of a file overlap"))?;
        let left = self.left.checked_sub(run.count);
        self.left = left.ok_or(DiskError::Corrupt(
            "a file has more blocks than its file system",
        ))?;
        if let Some(open) = &mut self.open {
            let follows = open.first + open.count == run.first
                && match (open.at, run.at) {
                    (Some(open_at), Some(at)) => open_at + open.count == at,
                    (None, None) => true,
                    _ => false,
                };
            if follows {
                open.count += run.count;
                return Ok(());
            }
        }
        self.close()?;
        self.open = Some(run);
        Ok(())
    }

    /// A node of a tree of extents. Each leads on by at least one extent, or is refused.
    fn node(&mut self, bytes: &[u8], depth: u16) -> Result<(), E> {
        let corrupt = || DiskError::Corrupt("a tree of extents is none");
        if le16(bytes, 0) != MAGIC || le16(bytes, 6) != depth {
            return Err(corrupt().into());
        }
        let end = ENTRY * (usize::from(le16(bytes, 2)) + 1);
        let entries = bytes.get(ENTRY..end).ok_or_else(corrupt)?;
        for entry in entries.chunks_exact(ENTRY) {
            let first = u64::from(le32(entry, 0));
            if depth > 0 {
                if first < self.next {
                    return Err(corrupt().into());
                }
                let child = joined(u32::from(le16(entry, 8)), le32(entry, 4));
                let child = self.file_system.block(child)?;
                let before = self.next;
                self.node(&child, depth - 1)?;
                if self.next == before {
                    return Err(corrupt().into());
                }
                continue;
            }
            let count = le16(entry, 4);
            let written = count <= LONGEST;
            let count = if written { count } else { count - LONGEST };
            let at = joined(u32::from(le16(entry, 6)), le32(entry, 8));
            self.run(Run {
                first,
                count: u64::from(count),
                at: written.then_some(at),
            })?;
        }
        Ok(())
    }

    /// The blocks of a file of ext2 and ext3: twelve, and three trees of pointers.
    fn map(&mut self, inode: &Inode) -> Result<(), E> {
        let size = self.file_system.superblock.block;
        let blocks = inode.size.div_ceil(size);
        let per_block = size / 4;
        let mut first = 0;
        for (index, pointer) in (0_u32..).zip(inode.pointers()) {
            let depth = index.saturating_sub(11);
            let span = per_block.pow(depth);
            if first >= blocks {
                break;
            }
            self.pointer(u64::from(pointer), depth, (first, blocks))?;
            first += span;
        }
        Ok(())
    }

    /// What a pointer leads to, up to the end of the file.
    fn pointer(&mut self, pointer: u64, depth: u32, (first, blocks): (u64, u64)) -> Result<(), E> {
        if pointer == 0 || first >= blocks {
            return Ok(());
        }
        if depth == 0 {
            return self.run(Run {
                first,
                count: 1,
                at: Some(pointer),
            });
        }
        // Blocks of pointers are blocks as well, of which there are not more than there are.
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(DiskError::Corrupt(
            "a file has more blocks than its file system",
        ))?;
        let bytes = self.file_system.block(pointer)?;
        let per_block = self.file_system.superblock.block / 4;
        let span = per_block.pow(depth - 1);
        for (index, pointer) in (0..).zip(bytes.chunks_exact(4)) {
            let first = first + index * span;
            self.pointer(u64::from(le32(pointer, 0)), depth - 1, (first, blocks))?;
        }
        Ok(())
    }
}
