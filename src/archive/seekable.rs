//! Reading any part of an archive without the rest, by the table at its end.

use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;

use super::frames::{FRAME, SEEKABLE, SKIPPABLE};

/// The footer: the number of frames, a descriptor, a magic number.
const FOOTER: usize = 9;
/// A bit of the descriptor: each entry has a checksum as well.
const CHECKSUMS: u8 = 0x80;
/// The largest frame that is taken, in plaintext: what is written here, twice.
const LARGEST: usize = 2 * FRAME;

/// A frame: where it begins and how long it is, packed and plain.
#[derive(Debug, Clone, Copy)]
struct Frame {
    packed_at: u64,
    packed: usize,
    plain_at: u64,
    plain: usize,
}

/// The plaintext of frames, from any place on.
pub struct SeekableFrames<R> {
    file: R,
    frames: Vec<Frame>,
    size: u64,
    position: u64,
    decompressor: zstd::bulk::Decompressor<'static>,
    packed: Vec<u8>,
    /// Frames that are unpacked, the one that was used last at the end; and how many at most.
    unpacked: Vec<(usize, Vec<u8>)>,
    kept: usize,
}

impl<R> std::fmt::Debug for SeekableFrames<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeekableFrames")
            .field("frames", &self.frames.len())
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

fn damaged(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

impl<R: Read + Seek> SeekableFrames<R> {
    /// Reads the table. Nothing where the file does not end in one.
    pub fn open(mut file: R) -> io::Result<Option<Self>> {
        let end = file.seek(SeekFrom::End(0))?;
        let mut footer = [0; FOOTER];
        let Some(at) = end.checked_sub(FOOTER as u64) else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut footer)?;
        if number(&footer[5..]) != SEEKABLE {
            return Ok(None);
        }
        let count = u64::from(number(&footer));
        let entry = if footer[4] & CHECKSUMS == 0 { 8 } else { 12 };
        let table = count * entry;
        let begins = at.checked_sub(table + 8);
        let begins = begins.ok_or_else(|| damaged("its seek table is longer than it"))?;
        file.seek(SeekFrom::Start(begins))?;
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        if number(&head) != SKIPPABLE || u64::from(number(&head[4..])) != table + FOOTER as u64 {
            return Err(damaged("its seek table is damaged"));
        }
        let mut entries = vec![0; usize::try_from(table).map_err(io::Error::other)?];
        file.read_exact(&mut entries)?;
        let entry = usize::try_from(entry).map_err(io::Error::other)?;
        let mut frames = Vec::with_capacity(entries.len() / entry);
        let (mut packed_at, mut plain_at) = (0, 0);
        for entry in entries.chunks_exact(entry) {
            let size = |bytes| usize::try_from(number(bytes)).unwrap_or(usize::MAX);
            let (packed, plain) = (size(entry), size(&entry[4..]));
            if plain > LARGEST || packed > zstd::zstd_safe::compress_bound(LARGEST) {
                return Err(damaged("a frame of its seek table is too large"));
            }
            frames.push(Frame {
                packed_at,
                packed,
                plain_at,
                plain,
            });
            packed_at += packed as u64;
            plain_at += plain as u64;
        }
        if packed_at != begins {
            return Err(damaged("its seek table is of another file"));
        }
        Ok(Some(Self {
            file,
            frames,
            size: plain_at,
            position: 0,
            decompressor: zstd::bulk::Decompressor::new()?,
            packed: Vec::new(),
            unpacked: Vec::new(),
            kept: 1,
        }))
    }

    /// Keeps so many frames unpacked, for who goes to and fro; one is kept otherwise.
    #[must_use]
    pub fn keeping(mut self, frames: NonZeroUsize) -> Self {
        self.kept = frames.get();
        self
    }

    /// Unpacks a frame, which is then the last of those that are.
    fn unpack(&mut self, index: usize) -> io::Result<()> {
        if let Some(at) = self.unpacked.iter().position(|(kept, _)| *kept == index) {
            self.unpacked[at..].rotate_left(1);
            return Ok(());
        }
        let mut plain = Vec::new();
        if self.unpacked.len() >= self.kept {
            plain = self.unpacked.remove(0).1;
        }
        let frame = self.frames[index];
        self.packed.resize(frame.packed, 0);
        self.file.seek(SeekFrom::Start(frame.packed_at))?;
        self.file.read_exact(&mut self.packed)?;
        plain.clear();
        plain.reserve(frame.plain);
        let count = self
            .decompressor
            .decompress_to_buffer(&self.packed, &mut plain)?;
        if count != frame.plain {
            return Err(damaged("a frame has another size than its seek table says"));
        }
        self.unpacked.push((index, plain));
        Ok(())
    }
}

impl<R: Read + Seek> Read for SeekableFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let position = self.position;
        let index = self
            .frames
            .partition_point(|frame| frame.plain_at + frame.plain as u64 <= position);
        self.unpack(index)?;
        let skip = usize::try_from(position - self.frames[index].plain_at);
        let plain = self.unpacked.last().map_or(&[][..], |(_, plain)| plain);
        let rest = &plain[skip.map_err(io::Error::other)?..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for SeekableFrames<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(offset) => (self.size, offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        let position = base.checked_add_signed(offset);
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Cursor, Write as _};
    use std::num::NonZeroUsize;
    use std::sync::{Arc, Mutex};

    use super::super::{Compression, FrameWriter};
    use super::*;

    /// What is written to a thread, for whoever looks at it later.
    #[derive(Clone, Default)]
    pub(in crate::archive) struct Shared(pub(in crate::archive) Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn packed(plain: &[u8]) -> Vec<u8> {
        let out = Shared::default();
        let threads = NonZeroUsize::new(2).unwrap();
        let mut writer =
            FrameWriter::new(out.clone(), Compression::Zstd { level: 1 }, threads).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap();
        std::mem::take(&mut *out.0.lock().unwrap())
    }

    fn plain() -> Vec<u8> {
        (0..3 * FRAME as u64 / 2)
            .flat_map(|number| u16::try_from(number % 65_521).unwrap().to_le_bytes())
            .collect()
    }

    #[test]
    fn any_part_is_read_without_the_rest() {
        let plain = plain();
        let packed = packed(&plain);
        let mut frames = SeekableFrames::open(Cursor::new(&packed)).unwrap().unwrap();
        assert_eq!(frames.seek(SeekFrom::End(0)).unwrap(), plain.len() as u64);
        for (at, count) in [(0, 10), (FRAME - 3, 7), (plain.len() - 5, 5), (FRAME, 1)] {
            frames.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut part = vec![0; count];
            frames.read_exact(&mut part).unwrap();
            assert_eq!(part, plain[at..at + count]);
        }
        frames.seek(SeekFrom::End(7)).unwrap();
        assert_eq!(frames.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_part_that_is_damaged_is_not_given_and_the_others_are() {
        let plain = plain();
        let mut packed = packed(&plain);
        packed[100] ^= 1;
        let mut frames = SeekableFrames::open(Cursor::new(&packed)).unwrap().unwrap();
        frames.read_exact(&mut [0; 8]).unwrap_err();
        frames.seek(SeekFrom::Start(FRAME as u64)).unwrap();
        let mut part = [0; 8];
        frames.read_exact(&mut part).unwrap();
        assert_eq!(part, plain[FRAME..FRAME + 8]);
    }

    #[test]
    fn a_table_that_cannot_be_right_is_refused_and_none_is_none() {
        let none = zstd::encode_all(&b"plain"[..], 1).unwrap();
        assert!(SeekableFrames::open(Cursor::new(&none)).unwrap().is_none());
        assert!(SeekableFrames::open(Cursor::new(b"x")).unwrap().is_none());
        let good = packed(&plain());
        let end = good.len();
        // The number of frames, the length of the skippable frame, a size of a frame: packed, plain.
        for (at, value) in [
            (end - 9, u32::MAX),
            (end - 9, 1),
            (end - 9 - 24 - 4, 7),
            (end - 9 - 24, 1),
            (end - 9 - 20, u32::MAX),
        ] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            SeekableFrames::open(Cursor::new(&bad)).unwrap_err();
        }
    }
}
