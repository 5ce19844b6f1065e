//! From the server's stream to a file of the target, in one pass and constant memory.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes as Chunk;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::apply::Context;
use super::error::BackupError;
use super::request::IDLE;
use crate::archive::{ArchiveError, Compression, FrameWriter, LISTING, Listed, Passage};
use crate::incus;
use crate::model::CompressionChoice;
use crate::progress::{Cancel, Task};
use crate::target::{Draft, DraftFile, TargetError, Written};

/// How much of the stream is handed on at once: to wake a thread costs as much as to copy a chunk.
const BATCH: usize = 1024 * 1024;
/// How many batches may wait to be compressed.
const WAITING: usize = 2;

/// What a passage hands an archive on to: the list of what is in it, compression, and then the file.
pub(super) type Frames = Listed<FrameWriter<Box<dyn DraftFile>>, Box<dyn DraftFile>>;

/// What was stored.
#[derive(Debug)]
pub(super) struct StoredArchive<C> {
    /// The file as it is in the target.
    pub(super) written: Written,
    /// What the archive holds.
    pub(super) contents: C,
}

/// A part of the stream, or its proper end: a channel that closes without one was cut off.
enum Part {
    Data(Vec<Chunk>),
    End,
}

/// How the archive is written.
pub(super) struct Writing {
    /// Where to.
    pub(super) file: Box<dyn DraftFile>,
    /// Where what is in it is listed, if it is.
    pub(super) listing: Option<Box<dyn DraftFile>>,
    /// How it is compressed.
    pub(super) compression: CompressionChoice,
    /// On how many threads.
    pub(super) threads: NonZeroUsize,
    /// How long nothing may come.
    pub(super) idle: Duration,
}

impl Writing {
    /// Into a file of a draft.
    pub(super) fn to(
        context: &Context,
        draft: &mut dyn Draft,
        file: &str,
    ) -> Result<Self, TargetError> {
        Ok(Self {
            file: draft.create(file)?,
            listing: None,
            compression: context.options.compression,
            threads: context.options.threads,
            idle: context.options.idle,
        })
    }

    /// And what is in it into another, where that makes parts of it readable alone.
    pub(super) fn listed(self, draft: &mut dyn Draft) -> Result<Self, TargetError> {
        let listing = draft.is_seekable().then(|| draft.create(LISTING));
        Ok(Self {
            listing: listing.transpose()?,
            ..self
        })
    }
}

/// A worker that makes a `T` of what is sent to it.
pub(super) struct Sink<T> {
    parts: mpsc::Sender<Part>,
    idle: Duration,
    worker: tokio::task::JoinHandle<Result<T, BackupError>>,
}

/// What comes to a worker.
pub(super) struct Incoming {
    parts: mpsc::Receiver<Part>,
    batch: std::vec::IntoIter<Chunk>,
    received: u64,
}

impl Incoming {
    /// The next chunk; nothing at the proper end. Blocks.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, BackupError> {
        loop {
            if let Some(chunk) = self.batch.next() {
                self.received += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            match self.parts.blocking_recv() {
                Some(Part::Data(batch)) => self.batch = batch.into_iter(),
                Some(Part::End) => return Ok(None),
                None => {
                    return Err(BackupError::CutOff {
                        received: self.received,
                        cause: None,
                    });
                }
            }
        }
    }
}

impl<C: Send + 'static> Sink<StoredArchive<C>> {
    /// Starts a worker that checks, rewrites, compresses, hashes and writes; `passage` makes what
    /// checks the stream on its way.
    pub(super) fn start<P: Passage<Frames, Contents = C>>(
        writing: Writing,
        passage: impl FnOnce(Frames) -> P + Send + 'static,
    ) -> Self {
        let idle = writing.idle;
        let sink = Self::spawn(move |incoming| write(writing, passage, incoming));
        Self { idle, ..sink }
    }
}

impl<T: Send + 'static> Sink<T> {
    /// Starts a worker.
    pub(super) fn spawn(
        work: impl FnOnce(Incoming) -> Result<T, BackupError> + Send + 'static,
    ) -> Self {
        let (parts, incoming) = mpsc::channel(WAITING);
        let incoming = Incoming {
            parts: incoming,
            batch: Vec::new().into_iter(),
            received: 0,
        };
        let worker = tokio::task::spawn_blocking(move || work(incoming));
        Self {
            parts,
            idle: IDLE,
            worker,
        }
    }

    /// Sends a stream to the worker, and gives the number of bytes that came.
    ///
    /// Ends early, without an error, when the worker has stopped: [`finish`](Self::finish) says why.
    pub(super) async fn send<S>(
        &self,
        mut stream: S,
        task: &dyn Task,
        cancel: &Cancel,
    ) -> Result<u64, BackupError>
    where
        S: Stream<Item = Result<Chunk, incus::Error>> + Unpin,
    {
        let mut received = 0;
        let mut batch = Vec::new();
        let mut size = 0;
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(self.idle, stream.next()) => next,
                () = cancel.cancelled() => return Err(BackupError::Interrupted),
            };
            let end = match next {
                Err(_) => return Err(BackupError::Stalled(self.idle.as_secs())),
                Ok(Some(Ok(chunk))) => {
                    size += chunk.len();
                    batch.push(chunk);
                    if size < BATCH {
                        continue;
                    }
                    None
                }
                Ok(None) => Some(Ok(())),
                Ok(Some(Err(cause))) => Some(Err(cause)),
            };
            let sent = self.parts.send(Part::Data(std::mem::take(&mut batch)));
            if sent.await.is_err() {
                return Ok(received);
            }
            let size = std::mem::take(&mut size) as u64;
            received += size;
            task.advance(size);
            match end {
                None => {}
                Some(Ok(())) => return Ok(received),
                Some(Err(cause)) => {
                    let cause = Some(cause);
                    return Err(BackupError::CutOff { received, cause });
                }
            }
        }
    }

    /// Whether the worker has stopped, for a reason that [`finish`](Self::finish) gives.
    pub(super) fn has_stopped(&self) -> bool {
        self.parts.is_closed()
    }

    /// Says that the stream is complete, and waits until all of it is checked and durable.
    pub(super) async fn finish(self) -> Result<T, BackupError> {
        // A worker that has stopped no longer listens; its result says why.
        let _ = self.parts.send(Part::End).await;
        drop(self.parts);
        self.worker.await.map_err(|_| BackupError::Worker)?
    }

    /// Gives the stream up; says why the worker stopped, if it was the worker.
    pub(super) async fn abandon(self) -> Option<BackupError> {
        drop(self.parts);
        match self.worker.await {
            Ok(Err(BackupError::CutOff { .. }) | Ok(_)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(BackupError::Worker),
        }
    }
}

fn write<P: Passage<Frames>>(
    writing: Writing,
    passage: impl FnOnce(Frames) -> P,
    mut incoming: Incoming,
) -> Result<StoredArchive<P::Contents>, BackupError> {
    let compression = Compression::from(writing.compression);
    let frames =
        FrameWriter::new(writing.file, compression, writing.threads).map_err(BackupError::Write)?;
    let listed = Listed::new(frames, writing.listing).map_err(BackupError::Write)?;
    let mut pass = passage(listed);
    while let Some(chunk) = incoming.next()? {
        pass.write_all(&chunk).map_err(write_error)?;
    }
    let (listed, contents) = pass.finish().map_err(BackupError::Archive)?;
    let (frames, listing) = listed.finish().map_err(BackupError::Write)?;
    let (file, _) = frames.finish().map_err(BackupError::Write)?;
    if let Some(listing) = listing {
        listing.finish()?;
    }
    let written = file.finish()?;
    Ok(StoredArchive { written, contents })
}

/// Tells a bad archive from a target that does not take it.
fn write_error(error: std::io::Error) -> BackupError {
    match ArchiveError::from_io(error) {
        Ok(archive) => BackupError::Archive(archive),
        Err(io) => BackupError::Write(io),
    }
}
