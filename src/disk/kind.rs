//! What a partition holds, by what it begins with.

use std::fmt;

use serde::{Serialize, Serializer};

use super::numbers::{le16, le32, text};
use super::{DiskError, Window};

/// How much of the beginning says it: the superblock of btrfs is the last of those that are known.
const BEGINNING: usize = 0x10000 + 4096;

/// What a partition holds, as `blkid` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file system that is read here.
    Ext(&'static str),
    /// Another one, or what is known not to be one.
    Other(&'static str),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Ext(name) | Self::Other(name)) = self;
        f.pad(name)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A file system, or what else fills a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// What it is.
    pub kind: Kind,
    /// What it was called.
    pub label: Option<String>,
}

impl FileSystem {
    /// Looks at what a partition begins with; nothing where that is not known.
    pub(super) fn of(window: &Window) -> Result<Option<Self>, DiskError> {
        Ok(Self::of_beginning(&window.beginning(BEGINNING)?))
    }

    fn of_beginning(bytes: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| {
            bytes
                .get(at..)
                .is_some_and(|bytes| bytes.starts_with(magic))
        };
        let label = |at: usize, length: usize| bytes.get(at..at + length).and_then(text);
        let other = |name, label: Option<String>| {
            Some(Self {
                kind: Kind::Other(name),
                label: label.filter(|label| label != "NO NAME"),
            })
        };
        if has(0x438, &[0x53, 0xEF]) {
            return Some(Self {
                kind: Kind::Ext(ext(bytes)),
                label: label(0x478, 16),
            });
        }
        match () {
            () if has(0, b"LUKS\xBA\xBE") => other("crypto_LUKS", None),
            () if (0..4).any(|sector| has(sector * 512, b"LABELONE")) => other("LVM2_member", None),
            () if has(0, b"XFSB") => other("xfs", label(108, 12)),
            () if has(0x10040, b"_BHRfS_M") => other("btrfs", label(0x1012B, 256)),
            () if has(3, b"NTFS    ") => other("ntfs", None),
            () if has(3, b"-FVE-FS-") => other("BitLocker", None),
            () if has(3, b"EXFAT   ") => other("exfat", None),
            () if has(82, b"FAT32   ") => other("vfat", label(71, 11)),
            () if has(54, b"FAT12   ") || has(54, b"FAT16   ") => other("vfat", label(43, 11)),
            () if has(4086, b"SWAPSPACE2") => other("swap", label(1052, 16)),
            () if has(4096, &0xA92B_4EFC_u32.to_le_bytes()) => other("linux_raid_member", None),
            () if has(1024, &0xF2F5_2010_u32.to_le_bytes()) => other("f2fs", None),
            () if has(1024, &0xE0F5_E1E2_u32.to_le_bytes()) => other("erofs", None),
            () if has(0, b"hsqs") => other("squashfs", None),
            () if has(0x8001, b"CD001") => other("iso9660", label(0x8028, 32)),
            () => None,
        }
    }
}

/// Which of them it is, by the features that it uses (`blkid`'s `probe_ext*`).
fn ext(bytes: &[u8]) -> &'static str {
    const JOURNAL: u32 = 0x4;
    /// Extents, 64 bits, flexible groups, inline data, …: what ext3 has not.
    const OF_EXT4: u32 = !(0x2 | 0x4 | 0x10);
    const READ_ONLY_OF_EXT4: u32 = !(0x1 | 0x2 | 0x4);
    let feature = |at: usize| le32(bytes, 1024 + at);
    debug_assert_eq!(le16(bytes, 0x438), 0xEF53);
    if feature(0x60) & OF_EXT4 != 0 || feature(0x64) & READ_ONLY_OF_EXT4 != 0 {
        "ext4"
    } else if feature(0x5C) & JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, b"XFSB", "xfs")]
    #[case(0x10040, b"_BHRfS_M", "btrfs")]
    #[case(3, b"NTFS    ", "ntfs")]
    #[case(82, b"FAT32   ", "vfat")]
    #[case(54, b"FAT16   ", "vfat")]
    #[case(0, b"LUKS\xBA\xBE", "crypto_LUKS")]
    #[case(512, b"LABELONE", "LVM2_member")]
    #[case(4086, b"SWAPSPACE2", "swap")]
    #[case(0x8001, b"CD001", "iso9660")]
    #[case(0x438, b"\x53\xEF", "ext2")]
    fn what_it_begins_with_says_what_it_is(
        #[case] at: usize,
        #[case] magic: &[u8],
        #[case] expected: &str,
    ) {
        let mut bytes = vec![0; BEGINNING];
        assert_eq!(FileSystem::of_beginning(&bytes), None);
        bytes[at..at + magic.len()].copy_from_slice(magic);
        let found = FileSystem::of_beginning(&bytes).unwrap();
        assert_eq!(found.kind.to_string(), expected);
        // However little of it there is.
        for length in (0..bytes.len()).step_by(97) {
            let _ = FileSystem::of_beginning(&bytes[..length]);
        }
    }
}
