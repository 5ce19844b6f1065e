//! What was written down and not yet put where it belongs.

use std::collections::{BTreeMap, HashMap};

use super::super::numbers::{be16, be32, joined, length};
use super::super::{DiskError, Window};
use super::{Ext, runs::Run};

const MAGIC: u32 = 0xC03B_3998;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const SUPERBLOCK_1: u32 = 3;
const SUPERBLOCK_2: u32 = 4;
const REVOCATION: u32 = 5;

const BITS_64: u32 = 0x2;
const SUMS_2: u32 = 0x8;
const SUMS_3: u32 = 0x10;
const FAST_COMMITS: u32 = 0x20;
/// Revocations, 64 bits, asynchronous commits, checksums, fast commits.
const KNOWN: u32 = 0x3F;

/// The block begins like a block of the journal, and had to be changed for that.
const ESCAPED: u32 = 0x1;
const SAME_UUID: u32 = 0x2;
const LAST: u32 = 0x8;

/// A header: magic number, kind, sequence.
const HEAD: usize = 12;
/// The most revocations that are remembered: a journal of one gigabyte full of them has fewer.
const MOST_REVOKED: usize = 8_000_000;

/// A block in the journal that is newer than the one in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newer {
    at: u64,
    escaped: bool,
}

impl Newer {
    /// Reads it, or as much of it as fits.
    pub(super) fn read(
        self,
        window: &Window,
        block: u64,
        buffer: &mut [u8],
    ) -> Result<(), DiskError> {
        window.read(self.at * block, buffer)?;
        if let (true, Some(head)) = (self.escaped, buffer.get_mut(..4)) {
            head.copy_from_slice(&MAGIC.to_be_bytes());
        }
        Ok(())
    }
}

/// What a journal has that is newer, by the place of the block.
#[derive(Debug, Default)]
pub(super) struct Journal(BTreeMap<u64, Newer>);

impl Journal {
    pub(super) fn newer(&self, first: u64, count: u64) -> impl Iterator<Item = (u64, Newer)> + '_ {
        let end = first.saturating_add(count);
        self.0
            .range(first..end)
            .map(|(number, newer)| (*number, *newer))
    }
}

/// Reads the journal of a file system: which blocks are newer in it.
pub(super) fn load(file_system: &Ext, inode: u32) -> Result<Journal, DiskError> {
    let inode = file_system.inode(inode)?;
    let mut runs: Vec<Run> = Vec::new();
    file_system.runs(&inode, &mut |run| {
        runs.push(run);
        Ok::<(), DiskError>(())
    })?;
    let mut log = Log {
        file_system,
        runs,
        features: 0,
        first: 0,
        end: inode.size / file_system.superblock.block,
        block: vec![0; length(file_system.superblock.block)],
    };
    let Some((start, sequence)) = log.begin()? else {
        return Ok(Journal::default());
    };
    log.replay(start, sequence)
}

struct Log<'a> {
    file_system: &'a Ext,
    runs: Vec<Run>,
    features: u32,
    /// The part of it that is written in a circle.
    first: u64,
    end: u64,
    block: Vec<u8>,
}

impl Log<'_> {
    /// Where in the file system a block of the journal is.
    fn place(&self, number: u64) -> Result<u64, DiskError> {
        let index = self.runs.partition_point(|run| run.first <= number);
        let run = index.checked_sub(1).and_then(|index| self.runs.get(index));
        let run = run.filter(|run| number - run.first < run.count);
        let at = run.and_then(|run| Some(run.at? + (number - run.first)));
        at.ok_or(DiskError::Corrupt("its journal has a hole"))
    }

    fn read(&mut self, number: u64) -> Result<(), DiskError> {
        let at = self.place(number)?;
        self.file_system.read_blocks(at, &mut self.block)
    }

    /// Where replaying begins, and with which sequence; nothing where there is nothing to replay.
    fn begin(&mut self) -> Result<Option<(u64, u32)>, DiskError> {
        let corrupt = DiskError::Corrupt;
        self.read(0)?;
        let head = &self.block;
        let kind = be32(head, 4);
        if be32(head, 0) != MAGIC || !matches!(kind, SUPERBLOCK_1 | SUPERBLOCK_2) {
            return Err(corrupt("its journal is none"));
        }
        if u64::from(be32(head, 0xC)) != self.file_system.superblock.block {
            return Err(corrupt("its journal has blocks of another size"));
        }
        if kind == SUPERBLOCK_2 {
            self.features = be32(head, 0x28);
        }
        if self.features & !KNOWN != 0 {
            return Err(DiskError::Unsupported("a journal of a newer system"));
        }
        self.first = u64::from(be32(head, 0x14));
        self.end = self.end.min(u64::from(be32(head, 0x10)));
        if self.features & FAST_COMMITS != 0 {
            let count = match be32(head, 0x54) {
                0 => 256,
                count => u64::from(count),
            };
            self.end = self.end.saturating_sub(count);
        }
        let (sequence, start) = (be32(head, 0x18), u64::from(be32(head, 0x1C)));
        if start == 0 {
            return Ok(None);
        }
        if self.first == 0 || !(self.first..self.end).contains(&start) {
            return Err(corrupt("its journal begins outside of itself"));
        }
        Ok(Some((start, sequence)))
    }

    fn after(&self, number: u64) -> u64 {
        if number + 1 < self.end {
            number + 1
        } else {
            self.first
        }
    }

    /// Follows the journal as far as transactions are complete. A block that a later or the same transaction
    /// revoked is not taken (`fs/jbd2/recovery.c`, `fs/jbd2/revoke.c`).
    fn replay(&mut self, start: u64, sequence: u32) -> Result<Journal, DiskError> {
        let mut written: Vec<(u32, u64, Newer)> = Vec::new();
        let mut revoked: HashMap<u64, u32> = HashMap::new();
        let (mut number, mut left) = (start, self.end - self.first);
        let mut transaction = 0;
        // What the transaction has that is not complete yet.
        let (mut writes, mut freed) = (Vec::new(), Vec::new());
        while left > 0 {
            self.read(number)?;
            left -= 1;
            number = self.after(number);
            let expected = sequence.wrapping_add(transaction);
            if be32(&self.block, 0) != MAGIC || be32(&self.block, 8) != expected {
                break;
            }
            match be32(&self.block, 4) {
                DESCRIPTOR => {
                    for (place, escaped) in self.tags() {
                        let Some(rest) = left.checked_sub(1) else {
                            break;
                        };
                        left = rest;
                        let at = self.place(number)?;
                        number = self.after(number);
                        writes.push((transaction, place, Newer { at, escaped }));
                    }
                }
                REVOCATION => freed.extend(self.revocations()),
                COMMIT => {
                    written.append(&mut writes);
                    revoked.extend(freed.drain(..).map(|block| (block, transaction)));
                    transaction += 1;
                }
                _ => break,
            }
            if freed.len() + revoked.len() > MOST_REVOKED {
                return Err(DiskError::Corrupt("its journal revokes too much"));
            }
        }
        let valid = written.into_iter().filter(|(transaction, place, _)| {
            revoked.get(place).is_none_or(|last| last < transaction)
        });
        Ok(Journal(
            valid.map(|(_, place, newer)| (place, newer)).collect(),
        ))
    }

    /// The places of the blocks that follow a descriptor, and whether they are escaped.
    fn tags(&self) -> Vec<(u64, bool)> {
        let has = |feature| self.features & feature != 0;
        let tag = match (has(SUMS_3), has(SUMS_2), has(BITS_64)) {
            (true, _, _) => 16,
            (_, true, true) => 14,
            (_, true, false) => 10,
            (_, _, true) => 12,
            (_, _, false) => 8,
        };
        let tail = if has(SUMS_2) || has(SUMS_3) { 4 } else { 0 };
        let bytes = &self.block[..self.block.len() - tail];
        let mut tags = Vec::new();
        let mut at = HEAD;
        while at + tag <= bytes.len() {
            let flags = if has(SUMS_3) {
                be32(bytes, at + 4)
            } else {
                u32::from(be16(bytes, at + 6))
            };
            let high = if has(BITS_64) { be32(bytes, at + 8) } else { 0 };
            tags.push((joined(high, be32(bytes, at)), flags & ESCAPED != 0));
            at += tag + if flags & SAME_UUID == 0 { 16 } else { 0 };
            if flags & LAST != 0 {
                break;
            }
        }
        tags
    }

    /// The blocks that a revocation names.
    fn revocations(&self) -> Vec<u64> {
        let end = length(be32(&self.block, HEAD)).min(self.block.len());
        let bytes = self.block.get(HEAD + 4..end).unwrap_or_default();
        if self.features & BITS_64 != 0 {
            let pairs = bytes.chunks_exact(8);
            pairs
                .map(|pair| joined(be32(pair, 0), be32(pair, 4)))
                .collect()
        } else {
            let numbers = bytes.chunks_exact(4);
            numbers.map(|number| u64::from(be32(number, 0))).collect()
        }
    }
}
