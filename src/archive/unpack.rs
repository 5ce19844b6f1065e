//! A stream that may be compressed, whatever was asked for.
//!
//! The exports of buckets are compressed as the server is configured to, because the request's wish
//! is not passed on (`storage_buckets_backup.go`, seen on 7.0.2). What it is tells its beginning.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::{ArchiveError, Passage};

/// The longest beginning that tells a compression.
const MAGIC: usize = 6;

/// What a stream is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    /// Something that is not undone here.
    Other(&'static str),
}

fn packing(beginning: &[u8]) -> Packing {
    const KNOWN: [(&[u8], Packing); 6] = [
        (&[0x1f, 0x8b], Packing::Gzip),
        (&[0x28, 0xb5, 0x2f, 0xfd], Packing::Zstd),
        (b"BZh", Packing::Other("bzip2")),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Packing::Other("xz")),
        (&[0x04, 0x22, 0x4d, 0x18], Packing::Other("lz4")),
        (&[0x5d, 0, 0], Packing::Other("lzma")),
    ];
    KNOWN
        .iter()
        .find(|(magic, _)| beginning.starts_with(magic))
        .map_or(Packing::None, |(_, packing)| *packing)
}

/// The names of the compressions that [`Unpack`] undoes, as the server's configuration has them.
pub const UNPACKED: [&str; 5] = ["none", "gzip", "pigz", "zstd", "pzstd"];

/// Hands on what is not compressed, and undoes gzip and Zstandard.
pub struct Unpack<P: Write> {
    state: State<P>,
}

enum State<P: Write> {
    /// Too little has come to tell.
    Beginning(Vec<u8>, P),
    Plain(P),
    Gzip(Box<MultiGzDecoder<P>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, P>>),
    /// An error was told.
    Failed,
}

impl<P: Write> std::fmt::Debug for Unpack<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpack").finish_non_exhaustive()
    }
}

impl<P: Write> Unpack<P> {
    /// Hands on to `inner`.
    pub fn new(inner: P) -> Self {
        Self {
            state: State::Beginning(Vec::with_capacity(MAGIC), inner),
        }
    }

    /// Tells what it is by what has come, and hands that on.
    fn begin(beginning: &[u8], inner: P) -> Result<State<P>, ArchiveError> {
        let mut state = match packing(beginning) {
            Packing::None => State::Plain(inner),
            Packing::Gzip => State::Gzip(Box::new(MultiGzDecoder::new(inner))),
            Packing::Zstd => {
                let decoder = zstd::stream::write::Decoder::new(inner);
                State::Zstd(Box::new(decoder.map_err(ArchiveError::Unpack)?))
            }
            Packing::Other(name) => return Err(ArchiveError::Packing(name)),
        };
        state.write_all(beginning).map_err(explain)?;
        Ok(state)
    }
}

impl<P: Write> State<P> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Beginning(..) | Self::Failed => Err(io::ErrorKind::BrokenPipe.into()),
            Self::Plain(inner) => inner.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Zstd(decoder) => decoder.write_all(bytes),
        }
    }
}

/// What went wrong: with what was unpacked, or with where it went, or else with the packing itself.
fn explain(error: io::Error) -> ArchiveError {
    match ArchiveError::from_io(error) {
        Ok(archive) => archive,
        // What decoders say of bad data; a target never says that.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::WriteZero
                    | io::ErrorKind::Other
            ) =>
        {
            ArchiveError::Unpack(error)
        }
        Err(error) => ArchiveError::Write(error),
    }
}

impl<P: Write> Write for Unpack<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Beginning(mut beginning, inner) => {
                beginning.extend_from_slice(bytes);
                self.state = if beginning.len() < MAGIC {
                    State::Beginning(beginning, inner)
                } else {
                    Self::begin(&beginning, inner)?
                };
            }
            mut state => {
                state.write_all(bytes).map_err(explain)?;
                self.state = state;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W, P: Passage<W>> Passage<W> for Unpack<P> {
    type Contents = P::Contents;

    fn finish(self) -> Result<(W, P::Contents), ArchiveError> {
        let state = match self.state {
            State::Beginning(beginning, inner) => Self::begin(&beginning, inner)?,
            state => state,
        };
        match state {
            State::Beginning(..) | State::Failed => Err(ArchiveError::Truncated(0)),
            State::Plain(inner) => inner.finish(),
            State::Gzip(decoder) => decoder.finish().map_err(explain)?.finish(),
            State::Zstd(mut decoder) => {
                decoder.flush().map_err(explain)?;
                decoder.into_inner().finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Raw;
    use super::*;
    use crate::model::Bytes;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packed: &[u8], size: usize) -> Result<(Vec<u8>, Bytes), ArchiveError> {
        let mut unpack = Unpack::new(Raw::new(Vec::new()));
        for chunk in packed.chunks(size) {
            unpack.write_all(chunk).map_err(explain)?;
        }
        unpack.finish()
    }

    fn content() -> Vec<u8> {
        (0..=255).cycle().take(100_000).collect()
    }

    #[rstest]
    fn whatever_it_is_packed_with_it_comes_out(
        #[values(1, 3, 4096, 1_000_000)] size: usize,
        #[values("none", "gzip", "two gzip members", "zstd")] packing: &str,
    ) {
        let content = content();
        let packed = match packing {
            "gzip" => gzip(&content),
            "two gzip members" => [gzip(&content[..7]), gzip(&content[7..])].concat(),
            "zstd" => zstd::encode_all(&*content, 1).unwrap(),
            _ => content.clone(),
        };
        let (out, count) = unpacked(&packed, size).unwrap();
        assert_eq!((out == content, count), (true, Bytes(100_000)));
    }

    #[rstest]
    #[case(b"BZh91AY", "bzip2")]
    #[case(b"\xfd7zXZ\0\0", "xz")]
    fn what_is_not_undone_is_named(#[case] packed: &[u8], #[case] name: &str) {
        let error = unpacked(packed, 100).unwrap_err();
        assert!(matches!(error, ArchiveError::Packing(found) if found == name));
    }

    #[rstest]
    #[case::flipped(|mut packed: Vec<u8>| { let at = packed.len() - 6; packed[at] ^= 1; packed })]
    #[case::followed(|mut packed: Vec<u8>| { packed.extend(b"{\"type\":\"error\"}"); packed })]
    fn a_damaged_packing_is_told(#[case] damage: fn(Vec<u8>) -> Vec<u8>) {
        let error = unpacked(&damage(gzip(&content())), 4096).unwrap_err();
        assert!(matches!(error, ArchiveError::Unpack(_)), "{error:?}");
    }

    #[test]
    fn little_is_handed_on_as_it_is() {
        assert_eq!(unpacked(b"ab", 1).unwrap().0, b"ab");
        assert_eq!(unpacked(b"", 1).unwrap().0, b"");
    }
}
