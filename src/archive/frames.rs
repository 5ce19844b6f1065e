//! Compression in independent frames on several cores, with a table to seek by.
//!
//! Zstandard frames of 4 MiB of plaintext, each with its size and checksum, then a seek table in a
//! skippable frame: the *seekable format* of Zstandard's `contrib/seekable_format`. Every decoder
//! takes it as it is, and any part can be read without the rest. Where gzip is asked for, each is a member of
//! a gzip file instead, and there is no table.
//!
//! # Design
//!
//! Each buffer goes to the next free worker; a queue of the workers' answers, in the order of the
//! buffers, goes to one thread that writes, so that hashing and writing overlap with compression.
//! Buffers are used again: their number bounds the memory.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::gzip;
use crate::model::{Bytes, CompressionChoice};

/// How much plaintext is in a frame.
pub(super) const FRAME: usize = 4 * 1024 * 1024;
/// What a skippable frame begins with, and the seek table ends with.
pub(super) const SKIPPABLE: u32 = 0x184D_2A5E;
pub(super) const SEEKABLE: u32 = 0x8F92_EAB1;
/// More workers than this do not pay: something else is the bottleneck, and memory is not free.
const WORKERS: usize = 8;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By Zstandard.
    Zstd {
        /// Its level.
        level: i32,
    },
    /// By gzip.
    Gzip {
        /// Its level.
        level: u32,
    },
}

impl From<CompressionChoice> for Compression {
    fn from(choice: CompressionChoice) -> Self {
        match choice {
            CompressionChoice::None => Self::None,
            CompressionChoice::Zstd(level) => Self::Zstd { level },
            CompressionChoice::Gzip(level) => Self::Gzip { level },
        }
    }
}

/// What packs one piece after the other.
enum Packer {
    Zstd(zstd::bulk::Compressor<'static>),
    Gzip(u32),
}

impl Packer {
    /// Nothing where nothing is packed.
    fn new(compression: Compression) -> io::Result<Option<Self>> {
        Ok(match compression {
            Compression::None => None,
            Compression::Gzip { level } => Some(Self::Gzip(level)),
            Compression::Zstd { level } => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
                Some(Self::Zstd(compressor))
            }
        })
    }

    fn pack(&mut self, buffers: &mut Buffers) -> io::Result<()> {
        buffers.packed.clear();
        match self {
            Self::Zstd(compressor) => compressor
                .compress_to_buffer(&buffers.plain, &mut buffers.packed)
                .map(drop),
            Self::Gzip(level) => gzip::pack(&buffers.plain, *level, &mut buffers.packed),
        }
    }
}

/// How much went in and came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameTotals {
    /// What went in.
    pub plain: Bytes,
    /// What came out.
    pub stored: Bytes,
}

/// Buffers that travel between the threads.
#[derive(Default)]
struct Buffers {
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Buffers {
    /// As large as they become: what grows is there twice while it is moved.
    fn new() -> Self {
        Self {
            plain: Vec::with_capacity(FRAME),
            packed: Vec::with_capacity(zstd::zstd_safe::compress_bound(FRAME)),
        }
    }
}

struct Job {
    buffers: Buffers,
    answer: SyncSender<io::Result<Buffers>>,
}

/// What the writing thread is told, in order.
enum Ordered {
    Frame(Receiver<io::Result<Buffers>>),
    End,
}

struct Threads<W> {
    jobs: SyncSender<Job>,
    order: SyncSender<Ordered>,
    free: Receiver<Buffers>,
    writer: JoinHandle<io::Result<(W, FrameTotals)>>,
}

enum Mode<W> {
    Plain {
        out: W,
        totals: FrameTotals,
    },
    Packed {
        current: Buffers,
        threads: Threads<W>,
    },
    /// The writing thread has stopped, and its error was told.
    Failed,
}

/// Compresses what is written to it. Dropped without [`finish`](Self::finish), the stream has no end.
pub struct FrameWriter<W> {
    mode: Mode<W>,
}

impl<W> std::fmt::Debug for FrameWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter").finish_non_exhaustive()
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the writing thread has stopped")
}

impl<W: Write + Send + 'static> FrameWriter<W> {
    /// Writes to `out` what is compressed on `threads` threads.
    pub fn new(out: W, compression: Compression, threads: NonZeroUsize) -> io::Result<Self> {
        if compression == Compression::None {
            let totals = FrameTotals::default();
            return Ok(Self {
                mode: Mode::Plain { out, totals },
            });
        }
        let workers = threads.get().min(WORKERS);
        let (jobs, queue) = sync_channel::<Job>(1);
        let (order, ordered) = sync_channel(workers);
        let (returns, free) = sync_channel(workers + 2);
        // One with each worker and one that is written, beside the one that is filled.
        for _ in 0..=workers {
            // The channel has room for every buffer there is.
            let _ = returns.send(Buffers::new());
        }
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..workers {
            let queue = queue.clone();
            let Some(mut packer) = Packer::new(compression)? else {
                continue;
            };
            std::thread::Builder::new()
                .name("compress".to_owned())
                .spawn(move || work(&queue, &mut packer))?;
        }
        let end = match compression {
            Compression::Gzip { .. } => End::OfMembers,
            Compression::None | Compression::Zstd { .. } => End::SeekTable,
        };
        let writer = std::thread::Builder::new()
            .name("write".to_owned())
            .spawn(move || write(out, end, &ordered, &returns))?;
        let threads = Threads {
            jobs,
            order,
            free,
            writer,
        };
        let mode = Mode::Packed {
            current: Buffers::new(),
            threads,
        };
        Ok(Self { mode })
    }

    /// Writes what is left and the seek table, and gives `out` back.
    pub fn finish(self) -> io::Result<(W, FrameTotals)> {
        match self.mode {
            Mode::Plain { out, totals } => Ok((out, totals)),
            Mode::Failed => Err(stopped()),
            Mode::Packed { current, threads } => {
                let sent = if current.plain.is_empty() {
                    Ok(())
                } else {
                    dispatch(&threads, current).map(drop)
                };
                if sent.is_ok() {
                    // If the writer does not listen any more its result says why.
                    let _ = threads.order.send(Ordered::End);
                }
                let Threads {
                    jobs,
                    order,
                    free,
                    writer,
                } = threads;
                drop((jobs, order, free));
                join(writer)
            }
        }
    }

    fn fail(&mut self) -> io::Error {
        match std::mem::replace(&mut self.mode, Mode::Failed) {
            Mode::Packed {
                threads:
                    Threads {
                        jobs,
                        order,
                        free,
                        writer,
                    },
                ..
            } => {
                drop((jobs, order, free));
                join(writer).err().unwrap_or_else(stopped)
            }
            _ => stopped(),
        }
    }
}

fn join<W>(writer: JoinHandle<io::Result<(W, FrameTotals)>>) -> io::Result<(W, FrameTotals)> {
    writer.join().unwrap_or_else(|_| Err(stopped()))
}

/// Sends a full buffer to the workers and its place in the order to the writer; gives an empty one.
fn dispatch<W>(threads: &Threads<W>, buffers: Buffers) -> io::Result<Buffers> {
    let (answer, receive) = sync_channel(1);
    threads
        .order
        .send(Ordered::Frame(receive))
        .map_err(|_| stopped())?;
    threads
        .jobs
        .send(Job { buffers, answer })
        .map_err(|_| stopped())?;
    threads.free.recv().map_err(|_| stopped())
}

impl<W: Write + Send + 'static> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (current, threads) = match &mut self.mode {
            Mode::Plain { out, totals } => {
                let count = out.write(bytes)?;
                totals.plain += Bytes(count as u64);
                totals.stored += Bytes(count as u64);
                return Ok(count);
            }
            Mode::Failed => return Err(stopped()),
            Mode::Packed { current, threads } => (current, threads),
        };
        let count = (FRAME - current.plain.len()).min(bytes.len());
        current.plain.extend_from_slice(&bytes[..count]);
        if current.plain.len() == FRAME {
            match dispatch(threads, std::mem::take(current)) {
                Ok(empty) => *current = empty,
                Err(_) => return Err(self.fail()),
            }
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Job>>, packer: &mut Packer) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            mut buffers,
            answer,
        }) = job
        else {
            return;
        };
        let done = packer.pack(&mut buffers);
        // A writer that has stopped does not take it.
        let _ = answer.send(done.map(|()| buffers));
    }
}

/// What stands behind the last frame.
#[derive(Debug, Clone, Copy)]
enum End {
    SeekTable,
    /// Nothing, but for a file without any.
    OfMembers,
}

fn write<W: Write>(
    mut out: W,
    end: End,
    ordered: &Receiver<Ordered>,
    returns: &SyncSender<Buffers>,
) -> io::Result<(W, FrameTotals)> {
    let mut totals = FrameTotals::default();
    let mut table = Vec::new();
    loop {
        match ordered.recv() {
            Ok(Ordered::Frame(answer)) => {
                let mut buffers = answer.recv().map_err(|_| stopped())??;
                out.write_all(&buffers.packed)?;
                totals.plain += Bytes(buffers.plain.len() as u64);
                totals.stored += Bytes(buffers.packed.len() as u64);
                for length in [buffers.packed.len(), buffers.plain.len()] {
                    let length = u32::try_from(length).map_err(io::Error::other)?;
                    table.extend_from_slice(&length.to_le_bytes());
                }
                buffers.plain.clear();
                // Nobody fills it any more once the stream has ended.
                let _ = returns.try_send(buffers);
            }
            Ok(Ordered::End) => {
                let last = match end {
                    End::SeekTable => seek_table(&table)?,
                    End::OfMembers if table.is_empty() => gzip::nothing()?,
                    End::OfMembers => Vec::new(),
                };
                out.write_all(&last)?;
                totals.stored += Bytes(last.len() as u64);
                return Ok((out, totals));
            }
            Err(_) => return Err(stopped()),
        }
    }
}

/// The seek table of these entries, without checksums: the frames have their own.
fn seek_table(entries: &[u8]) -> io::Result<Vec<u8>> {
    let number = |value: usize| u32::try_from(value).map_err(io::Error::other);
    let mut table = Vec::with_capacity(entries.len() + 17);
    table.extend_from_slice(&SKIPPABLE.to_le_bytes());
    table.extend_from_slice(&number(entries.len() + 9)?.to_le_bytes());
    table.extend_from_slice(entries);
    table.extend_from_slice(&number(entries.len() / 8)?.to_le_bytes());
    table.push(0);
    table.extend_from_slice(&SEEKABLE.to_le_bytes());
    Ok(table)
}
