//! Results on their way to stdout.

use std::io::{self, BufWriter, ErrorKind, Write};

/// Writes results, and ends quietly when nobody reads them any more (`… | head`).
///
/// After a broken pipe everything written is dropped and counts as written, so that a listing ends
/// and an operation still completes. Must be flushed: only [`Output::finish`] tells of a full disk.
#[derive(Debug)]
pub struct Output<W: Write> {
    inner: BufWriter<Quiet<W>>,
}

impl<W: Write> Output<W> {
    /// Wraps what results are written to.
    pub fn new(inner: W) -> Self {
        Self {
            inner: BufWriter::new(Quiet {
                inner,
                closed: false,
            }),
        }
    }

    /// Writes out what is held back.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[derive(Debug)]
struct Quiet<W> {
    inner: W,
    closed: bool,
}

impl<W: Write> Quiet<W> {
    fn unless_closed<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(instead)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.unless_closed(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.unless_closed(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then fails.
    struct Failing {
        room: usize,
        with: ErrorKind,
        calls: usize,
    }

    impl Write for &mut Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.room < bytes.len() {
                return Err(self.with.into());
            }
            self.room -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broken_pipe_ends_quietly_and_is_not_tried_again() {
        let mut sink = Failing {
            room: 0,
            with: ErrorKind::BrokenPipe,
            calls: 0,
        };
        let mut output = Output::new(&mut sink);
        for _ in 0..3 {
            output.write_all(&[b'x'; 10_000]).unwrap();
        }
        output.finish().unwrap();
        assert_eq!(sink.calls, 1);
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut sink = Failing {
            room: 0,
            with: ErrorKind::StorageFull,
            calls: 0,
        };
        let mut output = Output::new(&mut sink);
        output.write_all(b"x").unwrap();
        assert_eq!(output.finish().unwrap_err().kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn what_is_written_arrives() {
        let mut sink = Vec::new();
        let mut output = Output::new(&mut sink);
        output.write_all(b"row\n").unwrap();
        output.finish().unwrap();
        assert_eq!(sink, b"row\n");
    }
}
