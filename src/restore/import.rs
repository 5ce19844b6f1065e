//! One import: an archive sent, checked on the way, and awaited to its end.

use std::sync::Arc;

use super::apply::Context;
use super::error::RestoreError;
use super::send::{Source, Upload, Withhold};
use crate::archive::Passage;
use crate::incus::{Exportable, Import, OperationError};
use crate::progress::{Cancel, Task};
use crate::target::Stored;

/// What is imported.
pub(super) struct Importing<'a> {
    pub(super) context: &'a Context,
    pub(super) stored: &'a Stored,
    /// What becomes of it.
    pub(super) import: Import,
    pub(super) task: &'a Arc<dyn Task>,
}

impl Importing<'_> {
    /// Imports; `passage` makes what checks and rewrites the archive on its way. When this fails,
    /// nothing of the name is left.
    pub(super) async fn run<P: Passage<Withhold>>(
        &self,
        passage: impl FnOnce(Withhold) -> P + Send + 'static,
    ) -> Result<P::Contents, RestoreError> {
        let Self {
            context,
            import,
            task,
            ..
        } = self;
        let to = &import.to;
        let (body, verdict) = self.open(passage).await?.split();
        let client = &context.client;
        let sending = client.import_backup(import, body);
        let sent = verdict.answer(sending, &context.cancel).await?;
        // Where the archive is bad the upload failed because of it, and the verdict is the reason.
        let (operation, contents) = match (sent, verdict.wait().await?) {
            (Ok(operation), Some(contents)) => (operation, contents),
            (Ok(operation), None) => {
                let _ = client.wait(&operation, &Cancel::new(), |_| ()).await;
                remove(context, to).await?;
                return Err(RestoreError::NothingCame(to.clone()));
            }
            (Err(error), _) => return Err(error.into()),
        };
        task.phase("unpacking on the server", None);
        match client
            .wait(&operation, &context.cancel, |status| task.detail(status))
            .await
        {
            Err(OperationError::Cancelled) => {
                // An import cannot be cancelled: it must have ended before it can be removed.
                let _ = client.wait(&operation, &Cancel::new(), |_| ()).await;
                remove(context, to).await?;
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
