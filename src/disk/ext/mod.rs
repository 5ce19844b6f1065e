//! ext2, ext3 and ext4 (`fs/ext4/ext4.h` and `include/linux/jbd2.h` of Linux), read only.

mod directory;
mod inode;
mod journal;
mod runs;
mod superblock;

use std::fmt;

pub use inode::{Inode, InodeKind};
use journal::Journal;
use superblock::Superblock;

use super::numbers::{joined, le16, le32, length};
use super::{DiskError, Window};

/// How much of a file is read at a time.
const CHUNK: u64 = 256 * 1024;
/// The longest link: what Linux takes.
const LONGEST_LINK: u64 = 4096;
/// What is in the inode itself, of a link, is at most so long.
const SHORT_LINK: u64 = 59;

/// A part of what a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// So many zeros that were never written.
    Hole(u64),
}

/// A file system.
pub struct Ext {
    window: Window,
    superblock: Superblock,
    journal: Journal,
}

impl fmt::Debug for Ext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ext")
            .field("superblock", &self.superblock)
            .finish_non_exhaustive()
    }
}

impl Ext {
    /// Opens it as it is after its journal was replayed; nothing is written.
    pub fn open(window: Window) -> Result<Self, DiskError> {
        let superblock = Superblock::read(&window)?;
        let mut file_system = Self {
            window,
            superblock,
            journal: Journal::default(),
        };
        if let Some(number) = file_system.superblock.journal {
            file_system.journal = journal::load(&file_system, number)?;
            // What changes in it without being made anew: a file system that has grown.
            let superblock = file_system.replayed_superblock()?;
            file_system.superblock = superblock;
        }
        Ok(file_system)
    }

    fn replayed_superblock(&self) -> Result<Superblock, DiskError> {
        let (block, skip) = (1024 / self.superblock.block, 1024 % self.superblock.block);
        let bytes = self.block(block)?;
        let bytes = bytes.get(length(skip)..).unwrap_or_default();
        let replayed = Superblock::parse(bytes, self.window.size())?;
        if replayed.block != self.superblock.block {
            return Err(DiskError::Corrupt("its journal is of another file system"));
        }
        Ok(replayed)
    }

    /// A block, as it is after the journal.
    fn block(&self, number: u64) -> Result<Vec<u8>, DiskError> {
        let mut bytes = vec![0; length(self.superblock.block)];
        self.read_blocks(number, &mut bytes)?;
        Ok(bytes)
    }

    /// Blocks that follow each other, as they are after the journal.
    fn read_blocks(&self, first: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let size = self.superblock.block;
        let count = (buffer.len() as u64).div_ceil(size);
        let end = first.checked_add(count);
        let inside = end.is_some_and(|end| end <= self.superblock.blocks);
        if !inside || first < self.superblock.first_block {
            return Err(DiskError::Beyond);
        }
        self.window.read(first * size, buffer)?;
        for (number, newer) in self.journal.newer(first, count) {
            let at = length((number - first) * size);
            let end = buffer.len().min(at + length(size));
            if let Some(part) = buffer.get_mut(at..end) {
                newer.read(&self.window, size, part)?;
            }
        }
        Ok(())
    }

    /// The directory that everything is in.
    pub fn root(&self) -> Result<Inode, DiskError> {
        self.inode(2)
    }

    /// The inode of a number.
    pub fn inode(&self, number: u32) -> Result<Inode, DiskError> {
        let superblock = &self.superblock;
        let index = number.checked_sub(1);
        let index = index.filter(|_| number <= superblock.inodes);
        let index = index.ok_or(DiskError::Corrupt("an inode has no such number"))?;
        let group = u64::from(index / superblock.inodes_per_group);
        let (block, at) = superblock.descriptor(group);
        let descriptors = self.block(block)?;
        let descriptor = descriptors.get(at..at + superblock.descriptor_size);
        let descriptor = descriptor.ok_or(DiskError::Beyond)?;
        let high = if superblock.descriptor_size >= 64 {
            le32(descriptor, 0x28)
        } else {
            0
        };
        let table = joined(high, le32(descriptor, 0x8));
        let within = u64::from(index % superblock.inodes_per_group) * superblock.inode_size;
        let block = table.checked_add(within / superblock.block);
        let bytes = self.block(block.ok_or(DiskError::Beyond)?)?;
        let at = length(within % superblock.block);
        let bytes = bytes.get(at..at + length(superblock.inode_size));
        Inode::parse(number, bytes.ok_or(DiskError::Beyond)?)
    }

    /// Hands on what a file holds, from its beginning to its end.
    pub fn content<E: From<DiskError>>(
        &self,
        inode: &Inode,
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let block = self.superblock.block;
        if inode.size > block << 32 {
            return Err(DiskError::Corrupt("a file is larger than it can be").into());
        }
        let mut buffer = Vec::new();
        let mut done = 0;
        self.runs::<E>(inode, &mut |run| {
            let begin = run.first * block;
            if begin >= inode.size {
                return Ok(());
            }
            if begin > done {
                take(Piece::Hole(begin - done))?;
            }
            let bytes = (run.count * block).min(inode.size - begin);
            match run.at {
                None => take(Piece::Hole(bytes))?,
                Some(at) => {
                    let mut read = 0;
                    while read < bytes {
                        let count = (bytes - read).min(CHUNK);
                        buffer.resize(length(count), 0);
                        self.read_blocks(at + read / block, &mut buffer)?;
                        take(Piece::Data(&buffer))?;
                        read += count;
                    }
                }
            }
            done = begin + bytes;
            Ok(())
        })?;
        if done < inode.size {
            take(Piece::Hole(inode.size - done))?;
        }
        Ok(())
    }

    /// Where a link leads.
    pub fn link(&self, inode: &Inode) -> Result<Vec<u8>, DiskError> {
        inode.readable()?;
        if inode.size > LONGEST_LINK {
            return Err(DiskError::Corrupt("a link is too long"));
        }
        if inode.size <= SHORT_LINK && !inode.is_by_extents() {
            let link = inode.block.get(..length(inode.size));
            return Ok(link.unwrap_or_default().to_vec());
        }
        let mut link = Vec::new();
        self.content(inode, &mut |piece| {
            if let Piece::Data(bytes) = piece {
                link.extend_from_slice(bytes);
            }
            Ok::<(), DiskError>(())
        })?;
        Ok(link)
    }
}

/// A number of sixteen bits with the higher ones elsewhere.
fn joined16(bytes: &[u8], low: usize, high: usize) -> u32 {
    u32::from(le16(bytes, high)) << 16 | u32::from(le16(bytes, low))
}
