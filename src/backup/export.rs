//! The server's export of one thing, by stream where it can and by named backup where it must.

use std::time::Duration;

use jiff::ToSpan as _;

use super::apply::Context;
use super::error::BackupError;
use super::store::{Frames, Sink, StoredArchive, Writing};
use crate::archive::Passage;
use crate::incus::{BackOff, BackupRequest, Exportable, OperationError};
use crate::model::Version;
use crate::progress::{Cancel, Task};
use crate::temporary::{is_left_over, owned_name};

/// The extension of servers that stream exports.
const STREAMS: &str = "direct_backup";
/// How long more of a backup that is being made is waited for.
const PAUSE: Duration = Duration::from_millis(50);
/// After so many bytes the next request is made without a pause.
const WORTHWHILE: u64 = 4 * 1024 * 1024;

/// What is exported.
pub(super) struct Export<'a> {
    pub(super) context: &'a Context,
    /// The thing itself, or the copy that stands in for it.
    pub(super) what: &'a Exportable,
    pub(super) task: &'a dyn Task,
}

impl Export<'_> {
    /// Exports to a file of the target; `passage` makes what checks the stream on its way.
    pub(super) async fn run<P: Passage<Frames>>(
        &self,
        writing: Writing,
        passage: impl FnOnce(Frames) -> P + Send + 'static,
    ) -> Result<StoredArchive<P::Contents>, BackupError> {
        let sink = Sink::start(writing, passage);
        if self.context.client.has(STREAMS) {
            self.stream(sink).await
        } else {
            self.named(sink).await
        }
    }

    fn request(&self, name: Option<String>) -> BackupRequest {
        let options = &self.context.options;
        let now = Version::now().timestamp();
        BackupRequest {
            name,
            expires_at: now.checked_add(24.hours()).ok(),
            without_snapshots: options.instance_only,
            optimized: options.optimized,
        }
    }

    /// The body of the answer is the tar. That it is whole is known when the tar is, and when the
    /// operation says so: the body alone may end cleanly after an error.
    async fn stream<C: Send + 'static>(
        &self,
        sink: Sink<StoredArchive<C>>,
    ) -> Result<StoredArchive<C>, BackupError> {
        let client = &self.context.client;
        let download = match client.direct_backup(self.what, &self.request(None)).await {
            Ok(download) => download,
            Err(error) => {
                sink.abandon().await;
                return Err(error.into());
            }
        };
        self.task.phase("exporting", None);
        let (stream, outcome) = (download.stream, download.outcome);
        match sink.send(stream, self.task, &self.context.cancel).await {
            Err(error @ BackupError::Interrupted) => {
                sink.abandon().await;
                Err(error)
            }
            Err(error) => {
                let worker = sink.abandon().await;
                // The operation knows the reason, where the stream only broke off; but not where the
                // connection did.
                Err(match outcome.wait().await {
                    Err(reason @ OperationError::Failed { .. })
                        if !reason.is_of_a_lost_reader() =>
                    {
                        reason.into()
                    }
                    _ => worker.unwrap_or(error),
                })
            }
            Ok(_) => {
                let stored = sink.finish().await;
                match (stored, outcome.wait().await) {
                    // The target's own trouble ends the export, so the server's is not the reason.
                    (Err(error @ (BackupError::Write(_) | BackupError::Target(_))), _) => {
                        Err(error)
                    }
                    (_, Err(reason @ OperationError::Failed { .. })) => Err(reason.into()),
                    (stored, _) => stored,
                }
            }
        }
    }

    /// A named backup is made on the server, downloaded and deleted, whatever happens.
    async fn named<C: Send + 'static>(
        &self,
        sink: Sink<StoredArchive<C>>,
    ) -> Result<StoredArchive<C>, BackupError> {
        let name = owned_name(&self.context.owner);
        if let Err(error) = self.make_and_download(&name, &sink).await {
            let _ = self.delete(&name).await;
            return Err(sink.abandon().await.unwrap_or(error));
        }
        // Deleted while the last of it is written: what the server has not yet brought to its disk
        // then never goes there.
        let (stored, deleted) = tokio::join!(sink.finish(), self.delete(&name));
        if let (Ok(_), Err(error)) = (&stored, deleted) {
            // What is stored is good, and the backup expires by itself.
            self.context.progress.warn(&format!(
                "cannot delete backup `{name}` of `{}` on the server: {error}; it expires in 24 hours",
                self.what
            ));
        }
        stored
    }

    /// Downloads the backup while the server makes it, and the rest once it is complete.
    async fn make_and_download<C: Send + 'static>(
        &self,
        name: &str,
        sink: &Sink<StoredArchive<C>>,
    ) -> Result<(), BackupError> {
        let Context { client, cancel, .. } = self.context;
        self.task.phase("exporting", None);
        let request = self.request(Some(name.to_owned()));
        let operation = client.create_backup(self.what, &request).await?;
        let ended = Cancel::new();
        let stalled = Cancel::new();
        let making = async {
            let tell = |status: &str| self.task.detail(status);
            let waited = tokio::select! {
                end = client.wait(&operation, cancel, tell) => end,
                () = stalled.cancelled() => Err(OperationError::Cancelled),
            };
            if let (Err(OperationError::Cancelled), false) = (&waited, stalled.is_cancelled()) {
                // A backup cannot be cancelled: it should have ended before it is deleted. One that
                // hangs never does.
                let never = Cancel::new();
                let end = client.wait(&operation, &never, |_| ());
                let _ = tokio::time::timeout(self.context.options.idle, end).await;
            }
            ended.cancel();
            waited
        };
        let following = async {
            let followed = self.follow(name, sink, &ended).await;
            if let Err(BackupError::Stalled(_)) = followed {
                stalled.cancel();
            }
            followed
        };
        match tokio::join!(making, following) {
            (_, Err(error @ BackupError::Stalled(_))) => Err(error),
            (Err(OperationError::Cancelled), _) => Err(BackupError::Interrupted),
            (Err(error), _) => Err(error.into()),
            (Ok(()), followed) => self.download(name, sink, followed?).await,
        }
    }

    /// Takes what there is of a backup that is being made, until it has `ended`; gives how much.
    ///
    /// The server writes the file from its beginning to its end (`backupCreate`; uncompressed it
    /// copies a pipe), so what was read of it stays true. Whether all of it came is known afterwards:
    /// by the size of the complete file, and by the tar itself. One that does not grow any more is given
    /// up: where the server's disk is full, 6.0.4 waits for ever (its tar writer's reader is gone).
    async fn follow<C: Send + 'static>(
        &self,
        name: &str,
        sink: &Sink<StoredArchive<C>>,
        ended: &Cancel,
    ) -> Result<u64, BackupError> {
        let Context {
            client,
            cancel,
            options,
            ..
        } = self.context;
        let mut offset = 0;
        let mut grown = tokio::time::Instant::now();
        while !ended.is_cancelled() && !sink.has_stopped() && !cancel.is_cancelled() {
            let download = client.download_backup(self.what, name, offset).await;
            let before = offset;
            // What fails now is asked for again.
            if let Ok(download) = download {
                match sink.send(download.stream, self.task, cancel).await {
                    Ok(received) | Err(BackupError::CutOff { received, .. }) => offset += received,
                    Err(error) => return Err(error),
                }
            }
            if offset > before {
                grown = tokio::time::Instant::now();
            } else if grown.elapsed() > options.idle {
                return Err(BackupError::Stalled(options.idle.as_secs()));
            }
            if offset < before + WORTHWHILE {
                let _ = tokio::time::timeout(PAUSE, ended.cancelled()).await;
            }
        }
        Ok(offset)
    }

    /// Downloads a backup that is complete from an offset on; where the connection breaks, goes on
    /// from what has come.
    async fn download<C: Send + 'static>(
        &self,
        name: &str,
        sink: &Sink<StoredArchive<C>>,
        mut offset: u64,
    ) -> Result<(), BackupError> {
        let Context {
            client,
            cancel,
            options,
            ..
        } = self.context;
        let mut tries = options.retries;
        let mut again = BackOff::new();
        let mut announced = false;
        loop {
            let download = client.download_backup(self.what, name, offset).await;
            let download = match download {
                Err(error) if tries > 0 && error.is_passing() => {
                    tries -= 1;
                    if cancel.is_cancelled() || !again.pause().await {
                        return Err(error.into());
                    }
                    continue;
                }
                download => download?,
            };
            if !announced {
                self.task.phase("exporting", download.total);
                self.task.advance(offset);
                announced = true;
            }
            let end = download.total;
            match sink.send(download.stream, self.task, cancel).await {
                Ok(received) => {
                    offset += received;
                    return match end {
                        Some(end) if offset != end && !sink.has_stopped() => {
                            Err(BackupError::CutOff {
                                received: offset,
                                cause: None,
                            })
                        }
                        _ => Ok(()),
                    };
                }
                Err(BackupError::CutOff { received, cause }) => {
                    offset += received;
                    // However often it breaks off, it comes to its end as long as something comes.
                    if received > 0 {
                        tries = options.retries;
                        again = BackOff::new();
                    }
                    if options.retries == 0 || tries == 0 || !again.pause().await {
                        return Err(BackupError::CutOff {
                            received: offset,
                            cause,
                        });
                    }
                    tries -= 1;
                    tracing::debug!(offset, "the download broke off; going on");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes what killed processes of this machine left on the server of this thing.
    pub(super) async fn delete_left_over(&self) -> Result<(), BackupError> {
        let client = &self.context.client;
        if client.has(STREAMS) {
            return Ok(());
        }
        for name in client.backups(self.what).await? {
            if is_left_over(&name) {
                self.delete(&name).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), BackupError> {
        let client = &self.context.client;
        match client.delete_backup(self.what, name).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(operation) => match client.wait(&operation, &Cancel::new(), |_| ()).await {
                Err(OperationError::Failed { message, .. }) if message.contains("not found") => {
                    Ok(())
                }
                Ok(()) | Err(OperationError::Vanished { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }
}
