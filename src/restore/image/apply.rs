//! Does what was planned and agreed to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::finish::finish;
use super::plan::{Work, image_of};
use super::record;
use super::send::Sending;
use crate::incus::{self, BackOff, Framing, Image, ImageUpload, OperationError};
use crate::plan::{Approved, Failure, Outcome, Report, Row, each_step};
use crate::progress::{Cancel, Task};
use crate::restore::import::{HEARSAY, TRIES};
use crate::restore::send::Upload;
use crate::restore::{Context, RestoreError};
use crate::target::Opened;
use crate::temporary::owned_name;

/// How often is looked whether an image has come.
const LOOK: Duration = Duration::from_millis(250);

/// Restores what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let one = |row, work| async move { one(context, row, &work).await };
    each_step(plan.into_steps(), context.pace(), one).await
}

async fn one(context: &Context, row: Row, work: &Work) -> Outcome {
    let begun = Instant::now();
    let name = work.content.to_string();
    let task: Arc<dyn Task> = context
        .progress
        .task(name.get(..12).unwrap_or(&name))
        .into();
    match restore(context, work, &task).await {
        Ok(()) => {
            let outcome = Outcome::done(row, begun.elapsed());
            match image_of(&work.stored) {
                Some((manifest, _)) => {
                    outcome.stored(work.stored.stored_size, manifest.consistency)
                }
                None => outcome,
            }
        }
        Err(RestoreError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

async fn restore(context: &Context, work: &Work, task: &Arc<dyn Task>) -> Result<(), RestoreError> {
    let (opened, record) = open(context, work).await?;
    let client = &context.client;
    if work.update {
        return finish(client, work, &record, &*context.progress).await;
    }
    // One that came since the plan was made is not this run's to remove.
    if client.image(&work.project, &work.content).await?.is_some() {
        return Err(RestoreError::ImageTaken(work.content));
    }
    // Until all is said of it the image has an alias of this run's: see `sweep_images`.
    let mark = owned_name(&context.owner);
    bring(context, work, (opened, &record, &mark), task).await?;
    let finished = async {
        finish(client, work, &record, &*context.progress).await?;
        Ok(client.delete_alias(&work.project, &mark).await?)
    };
    if let Err(error) = finished.await {
        take_back(context, work).await;
        return Err(error);
    }
    Ok(())
}

/// Opens the version and reads the image's record.
async fn open(context: &Context, work: &Work) -> Result<(Box<dyn Opened>, Image), RestoreError> {
    let (target, id) = (context.target.clone(), work.stored.id.clone());
    let version = id.version;
    tokio::task::spawn_blocking(move || {
        let opened = target.open(&id)?;
        let record = record::read(&*opened);
        let record = record.map_err(|cause| RestoreError::of_damage(version, cause))?;
        Ok((opened, record))
    })
    .await
    .map_err(|_| RestoreError::Worker)?
}

/// What came of sending an image.
enum Sent {
    /// The server made it.
    There,
    /// The connection broke, and the server may have all of it, or not.
    Lost { error: incus::Error, whole: bool },
}

/// Has the server make the image. Where the network fails it is sent again, unless it is there.
async fn bring(
    context: &Context,
    work: &Work,
    (opened, record, mark): (Box<dyn Opened>, &Image, &str),
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let mut opened = Some(opened);
    let mut again = BackOff::new();
    let mut left = TRIES;
    loop {
        left -= 1;
        let sent = match opened.take() {
            Some(opened) => opened,
            None => open(context, work).await?.0,
        };
        let (error, whole) = match upload(context, work, (sent, record, mark), task).await {
            Ok(Sent::There) => return Ok(()),
            Ok(Sent::Lost { error, whole }) => (error, whole),
            // One that was sent before, and that came after all, may be in the way.
            Err(RestoreError::Incus(error)) if left + 1 < TRIES => (error, false),
            Err(error) => return Err(error),
        };
        if has_come(context, work, (mark, whole)).await? {
            return Ok(());
        }
        if left == 0 || !error.is_passing() || context.cancel.is_cancelled() {
            return Err(error.into());
        }
        again.wait().await;
        tracing::debug!(%error, image = %work.content, "sending it again");
    }
}

/// Whether an image is there that was sent before, although the server did not say so. Where it has all of
/// it, it may still be making it. Another's of the same content is not taken for this one.
async fn has_come(
    context: &Context,
    work: &Work,
    (mark, whole): (&str, bool),
) -> Result<bool, RestoreError> {
    let begun = Instant::now();
    loop {
        let found = context.client.image(&work.project, &work.content).await?;
        if let Some((image, _)) = found {
            let mut aliases = image.aliases.iter().flatten();
            return Ok(aliases.any(|alias| alias.name == mark));
        }
        if !whole || begun.elapsed() > HEARSAY {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends the files once. When this fails, no image came of it.
async fn upload(
    context: &Context,
    work: &Work,
    (opened, record, mark): (Box<dyn Opened>, &Image, &str),
    task: &Arc<dyn Task>,
) -> Result<Sent, RestoreError> {
    let manifest = opened.manifest().clone();
    task.phase("sending", Some(work.stored.stored_size.0));
    let split = manifest
        .image
        .as_ref()
        .is_some_and(|image| image.metadata.is_some());
    // Digits that no file was made to hold; at most 70 of them are allowed.
    let boundary = format!("{}{}", context.run.short(), work.content);
    let boundary = boundary.get(..64).unwrap_or(&boundary).to_owned();
    let framing = split.then(|| Framing::new(boundary));
    let upload = ImageUpload {
        content: work.content,
        filename: record.filename.clone(),
        framing: framing.clone(),
        alias: mark.to_owned(),
    };
    let sending = Sending {
        opened,
        manifest,
        framing,
        record: record.clone(),
        task: task.clone(),
    };
    let body = Upload::spawn(work.stored.id.version, |out| sending.write(out));
    let (body, verdict) = body.split();
    let client = &context.client;
    let sending = client.upload_image(&work.project, &upload, body);
    let sent = verdict.answer(sending, &context.cancel).await?;
    // Where the image is damaged the upload failed because of it, and the verdict is the reason.
    let operation = match (sent, verdict.wait().await?) {
        (Ok(operation), _) => operation,
        (Err(error), read) if error.is_passing() => {
            let whole = read.is_some();
            return Ok(Sent::Lost { error, whole });
        }
        (Err(error), _) => return Err(error.into()),
    };
    task.phase("unpacking on the server", None);
    match client
        .wait(&operation, &context.cancel, |text| task.detail(text))
        .await
    {
        Err(OperationError::Cancelled) => {
            // It must have ended before what came of it can be removed.
            let _ = client.wait(&operation, &Cancel::new(), |_| ()).await;
            take_back(context, work).await;
            Err(RestoreError::Interrupted)
        }
        // Where its result is lost the image itself is asked for next.
        Ok(()) | Err(OperationError::Vanished { .. }) => Ok(Sent::There),
        Err(error) => Err(error.into()),
    }
}

/// Deletes what this run uploaded, for a reason that the caller tells; that it cannot be deleted is told
/// here.
async fn take_back(context: &Context, work: &Work) {
    if let Err(error) = remove(context, work).await {
        context.progress.warn(&format!(
            "cannot delete image `{}`, which is not whole: {error}; the next run tries again",
            work.content
        ));
    }
}

/// Deletes what this run uploaded; one that is not there is as good.
async fn remove(context: &Context, work: &Work) -> Result<(), RestoreError> {
    let client = &context.client;
    match client.delete_image(&work.project, &work.content).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(operation) => match client.wait(&operation, &Cancel::new(), |_| ()).await {
            Err(error) if client.image(&work.project, &work.content).await?.is_some() => {
                Err(error.into())
            }
            Ok(()) | Err(_) => Ok(()),
        },
    }
}
