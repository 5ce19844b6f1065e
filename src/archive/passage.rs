//! What a stream goes through on its way: a check that hands everything on.

use std::io::{self, Write};

use super::ArchiveError;
use super::pass::{Contents, Pass};
use crate::model::Bytes;

/// Something that takes a stream as it comes and hands it on to a `W`.
pub trait Passage<W>: Write + Sized {
    /// What is known of the stream at its end.
    type Contents: Send + 'static;

    /// Ends it: fails unless what came is complete.
    fn finish(self) -> Result<(W, Self::Contents), ArchiveError>;
}

impl<W: Write> Passage<W> for Pass<W> {
    type Contents = Contents;

    fn finish(self) -> Result<(W, Contents), ArchiveError> {
        Pass::finish(self)
    }
}

/// Hands on what is no tar, such as an ISO, and counts it. That it is complete must be known
/// otherwise, as by its size or checksum.
#[derive(Debug)]
pub struct Raw<W> {
    out: W,
    size: u64,
}

impl<W> Raw<W> {
    /// Hands on to `out`.
    pub fn new(out: W) -> Self {
        Self { out, size: 0 }
    }
}

impl<W: Write> Write for Raw<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Passage<W> for Raw<W> {
    type Contents = Bytes;

    fn finish(self) -> Result<(W, Bytes), ArchiveError> {
        Ok((self.out, Bytes(self.size)))
    }
}
