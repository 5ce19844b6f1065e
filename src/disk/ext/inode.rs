//! Files as the file system knows them.

use super::super::DiskError;
use super::super::numbers::{joined, le16, le32, length};
use super::joined16;

const ENCRYPTED: u32 = 0x800;
const BY_EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;
const COMPRESSED: u32 = 0x4;

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InodeKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A file, directory or link, without its names.
#[derive(Debug, Clone)]
pub struct Inode {
    /// Its number.
    pub number: u32,
    /// What it is.
    pub kind: InodeKind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// How many bytes it holds.
    pub size: u64,
    /// When it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// How many names it has.
    pub names: u32,
    flags: u32,
    /// Where its blocks are, or what a short link leads to.
    pub(super) block: [u8; 60],
}

impl Inode {
    pub(super) fn parse(number: u32, bytes: &[u8]) -> Result<Self, DiskError> {
        let mode = le16(bytes, 0);
        let kind = match mode >> 12 {
            0x1 => InodeKind::Fifo,
            0x2 => InodeKind::Character,
            0x4 => InodeKind::Directory,
            0x6 => InodeKind::Block,
            0x8 => InodeKind::File,
            0xA => InodeKind::Symlink,
            0xC => InodeKind::Socket,
            _ => return Err(DiskError::Corrupt("a name leads to an inode that is none")),
        };
        let block = bytes.get(0x28..).and_then(|bytes| bytes.first_chunk());
        let block = block.ok_or(DiskError::Corrupt("an inode is too short"))?;
        // Two bits more of the time, where the inode is large enough and says that they are used.
        let extra = bytes.len() > 128 && le16(bytes, 0x80) >= 0xC;
        let era = if extra { le32(bytes, 0x88) & 3 } else { 0 };
        let mtime = i64::from(le32(bytes, 0x10).cast_signed()) + (i64::from(era) << 32);
        let high = match kind {
            InodeKind::File | InodeKind::Directory => le32(bytes, 0x6C),
            _ => 0,
        };
        Ok(Self {
            number,
            kind,
            mode: u32::from(mode & 0o7777),
            uid: joined16(bytes, 0x2, 0x78),
            gid: joined16(bytes, 0x18, 0x7A),
            size: joined(high, le32(bytes, 0x4)),
            mtime,
            names: u32::from(le16(bytes, 0x1A)),
            flags: le32(bytes, 0x20),
            block: *block,
        })
    }

    pub(super) fn is_by_extents(&self) -> bool {
        self.flags & BY_EXTENTS != 0
    }

    /// Fails where what it holds cannot be read.
    pub(super) fn readable(&self) -> Result<(), DiskError> {
        let refused = [
            (ENCRYPTED, "encryption"),
            (INLINE, "data inside of inodes"),
            (COMPRESSED, "compression"),
        ];
        match refused.iter().find(|(flag, _)| self.flags & flag != 0) {
            Some((_, name)) => Err(DiskError::Unsupported(name)),
            None => Ok(()),
        }
    }

    /// The numbers of blocks in it, where it is not by extents.
    pub(super) fn pointers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..15).map(|index| le32(&self.block, length(index * 4_u32)))
    }
}
