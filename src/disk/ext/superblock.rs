//! What a file system says of itself.

use super::super::numbers::{joined, le16, le32, length};
use super::super::{DiskError, Window};

const HAS_JOURNAL: u32 = 0x4;
const RECOVER: u32 = 0x4;
const META_GROUPS: u32 = 0x10;
const BITS_64: u32 = 0x80;
/// A journal elsewhere, compression, data in directory entries.
const REFUSED: [(u32, &str); 3] = [
    (0x1, "compression"),
    (0x8, "the format of an external journal"),
    (0x1000, "data in directory entries"),
];
/// Types in directory entries, recovery, groups of groups, extents, 64 bits, protection of mounts, flexible
/// groups, values in inodes, seeds, large directories, inline data, encryption, case folding. The last
/// ones concern inodes that say so.
const KNOWN: u32 = 0x0003_E7D6;
const SPARSE_SUPERBLOCKS: u32 = 0x1;

/// What a file system says of itself.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    /// How large a block is.
    pub(super) block: u64,
    /// How many blocks there are; no more than the partition holds.
    pub(super) blocks: u64,
    pub(super) first_block: u64,
    blocks_per_group: u64,
    pub(super) inodes: u32,
    pub(super) inodes_per_group: u32,
    pub(super) inode_size: u64,
    pub(super) descriptor_size: usize,
    /// From which group of groups on the descriptors are in these.
    first_meta_group: Option<u64>,
    has_sparse_superblocks: bool,
    /// The inode of the journal, where it has to be replayed.
    pub(super) journal: Option<u32>,
}

impl Superblock {
    pub(super) fn read(window: &Window) -> Result<Self, DiskError> {
        let mut bytes = [0; 1024];
        window.read(1024, &mut bytes)?;
        Self::parse(&bytes, window.size())
    }

    pub(super) fn parse(bytes: &[u8], available: u64) -> Result<Self, DiskError> {
        let corrupt = DiskError::Corrupt;
        if le16(bytes, 0x38) != 0xEF53 {
            return Err(corrupt("its superblock is none"));
        }
        let features = le32(bytes, 0x60);
        for (feature, name) in REFUSED {
            if features & feature != 0 {
                return Err(DiskError::Unsupported(name));
            }
        }
        if features & !KNOWN != 0 {
            return Err(DiskError::Unsupported("features of a newer system"));
        }
        let shift = le32(bytes, 0x18);
        if shift > 6 {
            return Err(corrupt("its blocks are too large"));
        }
        let block = 1024_u64 << shift;
        let has_64 = features & BITS_64 != 0;
        let high = if has_64 { le32(bytes, 0x150) } else { 0 };
        let blocks = joined(high, le32(bytes, 0x4));
        if blocks
            .checked_mul(block)
            .is_none_or(|size| size > available)
        {
            return Err(corrupt("it is larger than its partition"));
        }
        let dynamic = le32(bytes, 0x4C) != 0;
        let inode_size = if dynamic { le16(bytes, 0x58) } else { 128 };
        let inode_size = u64::from(inode_size);
        if inode_size < 128 || inode_size > block || !inode_size.is_power_of_two() {
            return Err(corrupt("its inodes have no possible size"));
        }
        let descriptor_size = if has_64 { le16(bytes, 0xFE) } else { 32 };
        let fits = u64::from(descriptor_size) <= block && descriptor_size >= 32;
        if !fits || !descriptor_size.is_power_of_two() {
            return Err(corrupt("its descriptors of groups have no possible size"));
        }
        let inodes_per_group = le32(bytes, 0x28);
        let blocks_per_group = u64::from(le32(bytes, 0x20));
        if inodes_per_group == 0 || blocks_per_group == 0 {
            return Err(corrupt("its groups are empty"));
        }
        let must_recover = features & RECOVER != 0 && le32(bytes, 0x5C) & HAS_JOURNAL != 0;
        let journal = must_recover.then_some(le32(bytes, 0xE0));
        if journal == Some(0) {
            return Err(DiskError::Unsupported("a journal on another disk"));
        }
        Ok(Self {
            block,
            blocks,
            first_block: u64::from(le32(bytes, 0x14)),
            blocks_per_group,
            inodes: le32(bytes, 0x0),
            inodes_per_group,
            inode_size,
            descriptor_size: usize::from(descriptor_size),
            first_meta_group: (features & META_GROUPS != 0)
                .then_some(u64::from(le32(bytes, 0x104))),
            has_sparse_superblocks: le32(bytes, 0x64) & SPARSE_SUPERBLOCKS != 0,
            journal,
        })
    }

    /// Where the descriptor of a group is: in which block, and where in it.
    pub(super) fn descriptor(&self, group: u64) -> (u64, usize) {
        let per_block = (self.block / self.descriptor_size as u64).max(1);
        let (index, within) = (group / per_block, group % per_block);
        let at = length(within) * self.descriptor_size;
        if self.first_meta_group.is_none_or(|first| index < first) {
            return (self.first_block + 1 + index, at);
        }
        let first = index * per_block;
        let copies = u64::from(self.has_superblock(first));
        let begin = self.first_block + first * self.blocks_per_group;
        (begin + copies, at)
    }

    fn has_superblock(&self, group: u64) -> bool {
        let is_power = |of: u64| {
            let mut power = of;
            while power < group {
                power *= of;
            }
            power == group
        };
        !self.has_sparse_superblocks || group <= 1 || is_power(3) || is_power(5) || is_power(7)
    }
}
