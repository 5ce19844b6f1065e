//! One import: an archive sent, checked on the way, and awaited to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::apply::Context;
use super::error::RestoreError;
use super::send::{Source, Upload, Withhold};
use crate::archive::Passage;
use crate::incus::{self, BackOff, Client, Exportable, Import, Operation, OperationError};
use crate::progress::{Cancel, Task};
use crate::target::Stored;
use crate::temporary::is_temporary;

/// What is imported.
pub(super) struct Importing<'a> {
    pub(super) context: &'a Context,
    /// The server, reached through whoever is to have it.
    pub(super) client: &'a Client,
    pub(super) stored: &'a Stored,
    /// What becomes of it.
    pub(super) import: Import,
    pub(super) task: &'a Arc<dyn Task>,
}

/// How often an archive is sent.
pub(super) const TRIES: u32 = 6;
/// How long is looked for what the server may make of an archive that it has.
pub(super) const HEARSAY: Duration = Duration::from_secs(3);

/// What is there of something that was sent.
enum Arrived {
    /// The server makes it.
    Coming(Operation),
    /// It is there.
    There,
}

/// What came of sending an archive.
enum Sent<C> {
    /// The server imports it.
    Begun(Operation, C),
    /// All of it was sent, and it is not known whether the server has it.
    Unheard(incus::Error, C),
    /// The connection broke before the end was sent: nothing can come of it.
    Broken(incus::Error),
}

impl Importing<'_> {
    /// Imports; `passage` makes what checks and rewrites the archive on its way. Where the network fails
    /// it is sent again, unless the server has all of it. When this fails, nothing of the name is left.
    pub(super) async fn run<P: Passage<Withhold>>(
        &self,
        passage: impl FnOnce(Withhold) -> P + Clone + Send + 'static,
    ) -> Result<P::Contents, RestoreError> {
        let mut again = BackOff::new();
        let mut heard: Option<P::Contents> = None;
        let mut left = TRIES;
        loop {
            left -= 1;
            let error: RestoreError = match self.send(passage.clone()).await {
                Ok(Sent::Begun(operation, contents)) => {
                    return self.ended(operation, contents).await;
                }
                Ok(Sent::Unheard(error, contents)) => {
                    heard = Some(contents);
                    error.into()
                }
                Ok(Sent::Broken(error)) => error.into(),
                // One that was sent before, and that came after all, may be in the way of another.
                Err(error @ RestoreError::Incus(_)) if heard.is_some() => error,
                Err(error) => return Err(error),
            };
            if heard.is_some()
                && let Some(operation) = self.arrived().await?
            {
                let contents = heard.take().ok_or(RestoreError::Worker)?;
                return match operation {
                    Arrived::Coming(operation) => self.ended(operation, contents).await,
                    Arrived::There => Ok(contents),
                };
            }
            let passing = matches!(&error, RestoreError::Incus(error) if error.is_passing());
            if left == 0 || !passing || self.context.cancel.is_cancelled() {
                return Err(error);
            }
            again.wait().await;
            tracing::debug!(%error, what = %self.import.to, "sending it again");
        }
    }

    /// Sends the archive once.
    async fn send<P: Passage<Withhold>>(
        &self,
        passage: impl FnOnce(Withhold) -> P + Send + 'static,
    ) -> Result<Sent<P::Contents>, RestoreError> {
        let Self {
            context, import, ..
        } = self;
        let to = &import.to;
        let (body, verdict) = self.open(passage).await?.split();
        let client = self.client;
        let sending = client.import_backup(import, body);
        let sent = verdict.answer(sending, &context.cancel).await?;
        // Where the archive is bad the upload failed because of it, and the verdict is the reason.
        match (sent, verdict.wait().await?) {
            (Ok(operation), Some(contents)) => Ok(Sent::Begun(operation, contents)),
            (Ok(operation), None) => {
                let _ = client.wait(&operation, &Cancel::new(), |_| ()).await;
                take_back(context, to).await;
                Err(RestoreError::NothingCame(to.clone()))
            }
            (Err(error), Some(contents)) if error.is_passing() => {
                Ok(Sent::Unheard(error, contents))
            }
            (Err(error), None) if error.is_passing() => Ok(Sent::Broken(error)),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Looks whether what was sent came, although the server did not say so.
    async fn arrived(&self) -> Result<Option<Arrived>, RestoreError> {
        let client = self.client;
        let to = &self.import.to;
        let begun = Instant::now();
        loop {
            if let Some(operation) = client.under_way(to).await? {
                return Ok(Some(Arrived::Coming(operation)));
            }
            if client.exists(to).await? {
                return Ok(Some(Arrived::There));
            }
            // It reads an archive to its end before it makes an operation of it.
            if begun.elapsed() > HEARSAY {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Waits for the end of an import.
    async fn ended<C>(&self, operation: Operation, contents: C) -> Result<C, RestoreError> {
        let Self { context, task, .. } = self;
        let to = &self.import.to;
        let client = self.client;
        task.phase("unpacking on the server", None);
        match client
            .wait(&operation, &context.cancel, |status| task.detail(status))
            .await
        {
            Err(OperationError::Cancelled) => {
                // An import cannot be cancelled: it must have ended before it can be removed.
                let _ = client.wait(&operation, &Cancel::new(), |_| ()).await;
                take_back(context, to).await;
                return Err(RestoreError::Interrupted);
            }
            // Where its result is lost the thing itself is asked for below.
            Ok(()) | Err(OperationError::Vanished { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if client.exists(to).await? {
            Ok(contents)
        } else {
            Err(RestoreError::NothingCame(to.clone()))
        }
    }

    async fn open<P: Passage<Withhold>>(
        &self,
        passage: impl FnOnce(Withhold) -> P + Send + 'static,
    ) -> Result<Upload<P::Contents>, RestoreError> {
        let (target, id) = (self.context.target.clone(), self.stored.id.clone());
        let opened = tokio::task::spawn_blocking(move || target.open(&id))
            .await
            .map_err(|_| RestoreError::Worker)??;
        let manifest = opened.manifest().clone();
        let stored_size = manifest
            .archive
            .as_ref()
            .map(|archive| archive.stored_size.0);
        self.task.phase("sending", stored_size);
        let source = Source {
            opened,
            manifest,
            version: self.stored.id.version,
        };
        Ok(Upload::start(source, self.task.clone(), passage))
    }
}

/// Deletes what this run imported, for a reason that the caller tells; that it cannot be deleted is told
/// here.
pub(super) async fn take_back(context: &Context, what: &Exportable) {
    let Err(error) = remove(context, what).await else {
        return;
    };
    let noun = what.noun();
    context.progress.warn(&if is_temporary(what.name().as_str()) {
        format!(
            "cannot delete the temporary {noun} `{what}`: {error}; the next run tries again"
        )
    } else {
        format!(
            "cannot delete {noun} `{what}`, which is not whole: {error}; delete it before it is \
             restored again"
        )
    });
}

/// Deletes what this run imported; one that is not there is as good.
pub(super) async fn remove(context: &Context, what: &Exportable) -> Result<(), RestoreError> {
    let client = &context.client;
    match client.delete(what).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(None) => Ok(()),
        Ok(Some(operation)) => match client.wait(&operation, &Cancel::new(), |_| ()).await {
            Err(error) if client.exists(what).await? => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        },
    }
}
