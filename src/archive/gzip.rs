//! gzip, in members that stand alone.
//!
//! RFC 1952 lets a file have any number of members, one behind the other, and every decoder takes them for
//! one stream: pieces can be compressed on several cores, and `gzip -d`, `tar -z` and `incus import` take
//! what comes of it. Unlike frames of Zstandard they do not say how long they are, so that there is no table
//! to seek by.

use std::io::{self, BufReader, Read, Write as _};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Packs a piece as one member, whose header says nothing of when and where.
pub(super) fn pack(plain: &[u8], level: u32, packed: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(packed, Compression::new(level));
    encoder.write_all(plain)?;
    encoder.finish().map(drop)
}

/// What is in a file of nothing: without any member it would be none of gzip.
pub(super) fn nothing() -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    pack(b"", 1, &mut packed)?;
    Ok(packed)
}

/// Reads the plaintext of all members.
pub(super) fn decoder(reader: impl Read) -> impl Read {
    MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, reader))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use rstest::rstest;

    use super::super::seekable::tests::Shared;
    use super::super::{Compression, FrameWriter, unpacked};
    use super::*;

    fn packed(plain: &[u8], threads: usize) -> Vec<u8> {
        let out = Shared::default();
        let threads = NonZeroUsize::new(threads).unwrap();
        let compression = Compression::Gzip { level: 6 };
        let mut writer = FrameWriter::new(out.clone(), compression, threads).unwrap();
        writer.write_all(plain).unwrap();
        let (_, totals) = writer.finish().unwrap();
        let packed = std::mem::take(&mut *out.0.lock().unwrap());
        let lengths = (plain.len() as u64, packed.len() as u64);
        assert_eq!((totals.plain.0, totals.stored.0), lengths);
        packed
    }

    fn plain(length: usize) -> Vec<u8> {
        let numbers = (0u32..).flat_map(u32::to_le_bytes);
        numbers.take(length).collect()
    }

    fn read(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpacked(packed, "gzip").read_to_end(&mut out)?;
        Ok(out)
    }

    #[rstest]
    fn what_goes_in_comes_out_on_any_number_of_threads(
        #[values(0, 1, 100_000, 9_000_000)] length: usize,
        #[values(1, 3)] threads: usize,
    ) {
        let plain = plain(length);
        let packed = packed(&plain, threads);
        assert_eq!(packed[..2], [0x1f, 0x8b]);
        assert!(read(&packed).unwrap() == plain);
    }

    #[rstest]
    #[case::cut(|mut packed: Vec<u8>| { packed.truncate(packed.len() - 1); packed })]
    #[case::flipped(|mut packed: Vec<u8>| { let at = packed.len() / 2; packed[at] ^= 4; packed })]
    #[case::followed(|mut packed: Vec<u8>| { packed.extend(b"more"); packed })]
    fn damage_is_told(#[case] damage: fn(Vec<u8>) -> Vec<u8>) {
        let packed = packed(&plain(5_000_000), 2);
        assert!(read(&damage(packed)).is_err());
    }
}
