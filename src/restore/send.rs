//! From a stored archive to the server's import, checked on the way.
//!
//! The end of the stream is withheld until everything before it has been found right: an upload
//! that is cut off before its end leaves nothing on the server.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes as Chunk, BytesMut};
use futures_util::stream;
use sha2::Digest as _;
use tokio::sync::mpsc;

use super::error::{Damage, RestoreError};
use crate::archive::{ArchiveError, Passage, decoder};
use crate::model::{Bytes, Sha256, Version};
use crate::progress::Task;
use crate::target::{Manifest, Opened};

/// How many chunks may wait to be sent.
const WAITING: usize = 8;
/// How large a chunk is.
const CHUNK: usize = 256 * 1024;

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
}

impl<C> Verdict<C> {
    /// What the archive holds, or what is wrong with it.
    ///
    /// `Ok(None)` when the server stopped listening first: then its answer says why.
    pub(super) async fn wait(self) -> Result<Option<C>, RestoreError> {
        let version = self.version;
        match self.worker.await.map_err(|_| RestoreError::Worker)? {
            Ok(contents) => Ok(Some(contents)),
            Err(_) if self.unwanted.load(Ordering::Acquire) => Ok(None),
            Err(cause) => Err(RestoreError::Damaged { version, cause }),
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
        let (sender, chunks) = mpsc::channel(WAITING);
        let unwanted = Arc::new(AtomicBool::new(false));
        let version = source.version;
        let gone = unwanted.clone();
        let worker = tokio::task::spawn_blocking(move || {
            let withhold = Withhold {
                sender: sender.clone(),
                unwanted: gone,
                held: BytesMut::with_capacity(2 * CHUNK),
            };
            let read = read(&source, passage(withhold), task);
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
    mut passage: P,
    task: Arc<dyn Task>,
) -> Result<P::Contents, Damage> {
    let archive = source.manifest.archive.as_ref().ok_or(Damage::Digest)?;
    let file = source
        .opened
        .file(&archive.file)
        .map_err(|error| Damage::Read(io::Error::other(error)))?;
    let mut hashed = Hashed {
        inner: file,
        hasher: sha2::Sha256::new(),
        task,
    };
    let size = archive.size;
    if archive.compression == "none" {
        copy(&mut hashed, &mut passage, size)?;
    } else {
        copy(&mut decoder(&mut hashed), &mut passage, size)?;
    }
    let (withhold, contents) = passage.finish()?;
    // Whatever follows the last frame belongs to the file, and so to its checksum.
    io::copy(&mut hashed, &mut io::sink()).map_err(Damage::Read)?;
    let digest = Sha256(hashed.hasher.finalize().into());
    if digest != archive.sha256 {
        return Err(Damage::Digest);
    }
    withhold.release().map_err(Damage::Read)?;
    Ok(contents)
}

/// Copies a tar of this size. A file that unfolds to more is given up then, not at its end.
fn copy(from: &mut impl Read, to: &mut impl Write, size: Bytes) -> Result<(), Damage> {
    let mut buffer = vec![0; CHUNK];
    let mut left = size.0;
    loop {
        let count = from.read(&mut buffer).map_err(Damage::Read)?;
        if count == 0 {
            return Ok(());
        }
        left = left.checked_sub(count as u64).ok_or(Damage::Size(size))?;
        to.write_all(&buffer[..count])
            .map_err(|error| match ArchiveError::from_io(error) {
                Ok(archive) => Damage::Archive(archive),
                Err(io) => Damage::Read(io),
            })?;
    }
}

/// Hashes what is read, and tells how much it was.
struct Hashed<R> {
    inner: R,
    hasher: sha2::Sha256,
    task: Arc<dyn Task>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.task.advance(count as u64);
        Ok(count)
    }
}

/// Sends what is written in chunks, but keeps the last [`CHUNK`] of it until it is released.
pub(super) struct Withhold {
    sender: mpsc::Sender<io::Result<Chunk>>,
    unwanted: Arc<AtomicBool>,
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
