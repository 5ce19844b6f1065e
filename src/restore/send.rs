//! From a stored archive to the server's import, checked on the way.
//!
//! The end of the stream is withheld until everything before it has been found right: an upload
//! that is cut off before its end leaves nothing on the server. Once the end is on its way the server
//! goes on whether or not anybody waits for its answer, so that an upload is only broken off before.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::{Bytes as Chunk, BytesMut};
use futures_util::stream;
use tokio::sync::mpsc;

use super::error::RestoreError;
use crate::archive::Passage;
use crate::model::Version;
use crate::progress::{Cancel, Task};
use crate::retrieve::{self, Damage};
use crate::target::{Manifest, Opened};

/// How many chunks may wait to be sent.
const WAITING: usize = 8;
/// How large a chunk is.
const CHUNK: usize = 256 * 1024;

/// Whether the end of a body may be sent: what is settled first holds.
#[derive(Debug, Clone, Default)]
struct End(Arc<AtomicU8>);

impl End {
    const OPEN: u8 = 0;
    const RELEASED: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Settles it, unless the opposite is settled already.
    fn settle(&self, as_what: u8) -> bool {
        let (before, after) = (Ordering::AcqRel, Ordering::Acquire);
        let settled = self.0.compare_exchange(Self::OPEN, as_what, before, after);
        settled.is_ok() || settled == Err(as_what)
    }
}

/// What a stored archive is opened with.
pub(super) struct Source {
    pub(super) opened: Box<dyn Opened>,
    pub(super) manifest: Manifest,
    pub(super) version: Version,
}

/// A body to send, and the verdict on it that is known at its end.
pub(super) struct Upload<C> {
    chunks: mpsc::Receiver<io::Result<Chunk>>,
    verdict: Verdict<C>,
}

/// The reader's verdict.
pub(super) struct Verdict<C> {
    worker: tokio::task::JoinHandle<Result<C, Damage>>,
    version: Version,
    unwanted: Arc<AtomicBool>,
    end: End,
}

impl<C> Verdict<C> {
    /// Waits for the server's answer to the upload; gives it up when `cancel` comes before the end of
    /// the body is on its way.
    pub(super) async fn answer<T>(
        &self,
        sending: impl Future<Output = T>,
        cancel: &Cancel,
    ) -> Result<T, RestoreError> {
        tokio::pin!(sending);
        tokio::select! {
            sent = &mut sending => return Ok(sent),
            () = cancel.cancelled() => {}
        }
        if self.end.settle(End::WITHDRAWN) {
            return Err(RestoreError::Interrupted);
        }
        Ok(sending.await)
    }

    /// What the archive holds, or what is wrong with it.
    ///
    /// `Ok(None)` when the server stopped listening first: then its answer says why.
    pub(super) async fn wait(self) -> Result<Option<C>, RestoreError> {
        let version = self.version;
        match self.worker.await.map_err(|_| RestoreError::Worker)? {
            Ok(contents) => Ok(Some(contents)),
            Err(_) if self.unwanted.load(Ordering::Acquire) => Ok(None),
            Err(cause) => Err(RestoreError::of_damage(version, cause)),
        }
    }
}

impl<C: Send + 'static> Upload<C> {
    /// Begins to read; `passage` makes what checks and rewrites the archive on its way.
    pub(super) fn start<P: Passage<Withhold, Contents = C>>(
        source: Source,
        task: Arc<dyn Task>,
        passage: impl FnOnce(Withhold) -> P + Send + 'static,
    ) -> Self {
        Self::spawn(source.version, move |withhold| {
            read(&source, passage(withhold), task)
        })
    }

    /// Begins a body that is written by `write`, which gives back what it wrote to once all of it is
    /// known to be right: only then is the end of it sent.
    pub(super) fn spawn(
        version: Version,
        write: impl FnOnce(Withhold) -> Result<(Withhold, C), Damage> + Send + 'static,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(WAITING);
        let unwanted = Arc::new(AtomicBool::new(false));
        let gone = unwanted.clone();
        let end = End::default();
        let ours = end.clone();
        let worker = tokio::task::spawn_blocking(move || {
            let withhold = Withhold {
                sender: sender.clone(),
                unwanted: gone,
                end: ours,
                held: BytesMut::with_capacity(2 * CHUNK),
            };
            let read = write(withhold).and_then(|(withhold, contents)| {
                withhold.release().map_err(Damage::Read)?;
                Ok(contents)
            });
            if read.is_err() {
                // The body must not end as if it were whole.
                let _ = sender.blocking_send(Err(io::Error::other("the archive is damaged")));
            }
            read
        });
        Self {
            chunks,
            verdict: Verdict {
                worker,
                version,
                unwanted,
                end,
            },
        }
    }

    /// The body, and the verdict to wait for once it is sent.
    pub(super) fn split(
        self,
    ) -> (
        impl futures_util::Stream<Item = io::Result<Chunk>> + Send + 'static,
        Verdict<C>,
    ) {
        let body = stream::unfold(self.chunks, |mut chunks| async move {
            chunks.recv().await.map(|chunk| (chunk, chunks))
        });
        (body, self.verdict)
    }
}

fn read<P: Passage<Withhold>>(
    source: &Source,
    passage: P,
    task: Arc<dyn Task>,
) -> Result<(Withhold, P::Contents), Damage> {
    let archive = source.manifest.archive.as_ref().ok_or(Damage::Digest)?;
    retrieve::archive(&*source.opened, archive, passage, task)
}

/// Sends what is written in chunks, but keeps the last [`CHUNK`] of it until it is released.
pub(super) struct Withhold {
    sender: mpsc::Sender<io::Result<Chunk>>,
    unwanted: Arc<AtomicBool>,
    end: End,
    held: BytesMut,
}

impl Withhold {
    fn send(&self, chunk: Chunk) -> io::Result<()> {
        self.sender.blocking_send(Ok(chunk)).map_err(|_| {
            self.unwanted.store(true, Ordering::Release);
            io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the server does not listen any more",
            )
        })
    }

    fn release(mut self) -> io::Result<()> {
        if !self.end.settle(End::RELEASED) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let rest = self.held.split().freeze();
        self.send(rest)
    }
}

impl Write for Withhold {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        while self.held.len() >= 2 * CHUNK {
            let chunk = self.held.split_to(CHUNK).freeze();
            self.send(chunk)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
