//! Does what was planned and agreed to.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::Mutex;

use super::download::{Files, Filled, write};
use super::plan::{Work, resource};
use super::record::commit;
use crate::backup::attempt::blocking;
use crate::backup::store::Sink;
use crate::backup::{BackupError, Context};
use crate::incus::Image;
use crate::model::{Bytes, Sha256, Version};
use crate::plan::{Approved, Failure, Outcome, Report, Row, each_step};
use crate::progress::Task;
use crate::target::Stored;

/// The versions that hold the files of each image. Whoever stores one has its place locked, so that
/// another project's version of the same image waits, and shares its files.
type Holders = BTreeMap<Sha256, Mutex<Vec<Stored>>>;

/// Backs up what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let works = plan.works();
    let holders: Holders = works
        .map(|work| (work.fingerprint, Mutex::new(work.stored.clone())))
        .collect();
    let holders = &holders;
    let one = |row, work| async move { one(context, row, &work, holders).await };
    each_step(plan.into_steps(), context.pace(), one).await
}

/// What became of an image.
struct Done {
    stored: Stored,
    /// Its files were there already.
    shared: bool,
}

async fn one(context: &Context, row: Row, work: &Work, holders: &Holders) -> Outcome {
    let _turn = context.turn().await;
    let none = Mutex::default();
    let mut holders = holders.get(&work.fingerprint).unwrap_or(&none).lock().await;
    let begun = Instant::now();
    let name = work.fingerprint.to_string();
    let task = context.progress.task(name.get(..12).unwrap_or(&name));
    match back_up(context, work, &holders, &*task).await {
        Ok(done) => {
            let Done { stored, shared } = done;
            let row = row.version(stored.id.version);
            let (row, size) = match (shared, holders.is_empty()) {
                (true, _) => (row.because("nothing new was stored"), Bytes(0)),
                (false, true) => (row, stored.stored_size),
                (false, false) => {
                    let why = "stored again, because what is stored cannot be shared";
                    (row.because(why), stored.stored_size)
                }
            };
            let consistency = stored
                .manifest
                .as_ref()
                .map(|manifest| manifest.consistency);
            holders.insert(0, stored);
            let outcome = Outcome::done(row, begun.elapsed());
            match consistency {
                Some(consistency) => outcome.stored(size, consistency),
                None => outcome,
            }
        }
        Err(BackupError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

async fn back_up(
    context: &Context,
    work: &Work,
    holders: &[Stored],
    task: &dyn Task,
) -> Result<Done, BackupError> {
    // The plan knew the image as it was then; what is recorded is what it is now.
    let found = context
        .client
        .image(&work.project, &work.fingerprint)
        .await?;
    let (image, _) = found.ok_or(BackupError::NoImage(work.fingerprint))?;
    task.phase("comparing", None);
    let (filled, shared) = match share(context, work, holders.to_vec()).await? {
        Some(filled) => (filled, true),
        None => (download(context, work, &image, task).await?, false),
    };
    if filled.1.content != image.fingerprint {
        if !image.is_oci() {
            return Err(BackupError::Fingerprint {
                expected: image.fingerprint,
                actual: filled.1.content,
            });
        }
        context.progress.warn(&format!(
            "image `{}` was made from an OCI image: its fingerprint cannot be checked",
            image.fingerprint
        ));
    }
    let context = context.clone();
    let stored = blocking(move || commit(&context, &image, filled)).await??;
    Ok(Done { stored, shared })
}

/// Begins a version with the files of one that holds them already, if one can be shared. Those of one that
/// is encrypted are not: whom they are encrypted to does not show.
async fn share(
    context: &Context,
    work: &Work,
    holders: Vec<Stored>,
) -> Result<Option<Filled>, BackupError> {
    let (target, source) = (context.target.clone(), context.source.clone());
    let id = resource(&work.project, &work.fingerprint);
    blocking(move || {
        for holder in holders.iter().filter(|holder| !holder.is_encrypted()) {
            let Some(files) = files_of(holder) else {
                continue;
            };
            let mut draft = target.begin(&source, &id, Version::now())?;
            let mut whole = true;
            for file in files.metadata.iter().chain([&files.main]) {
                whole &= draft.share(&holder.id, &file.file, file.sha256)?.is_some();
            }
            if whole {
                return Ok(Some((draft, files)));
            }
        }
        Ok(None)
    })
    .await?
}

fn files_of(stored: &Stored) -> Option<Files> {
    let manifest = stored.manifest.as_ref()?;
    let image = manifest.image.as_ref()?;
    Some(Files {
        metadata: image.metadata.clone(),
        main: manifest.archive.clone()?,
        content: image.content,
    })
}

async fn download(
    context: &Context,
    work: &Work,
    image: &Image,
    task: &dyn Task,
) -> Result<Filled, BackupError> {
    let mut tries = context.options.retries;
    loop {
        match attempt(context, work, image, task).await {
            Err(error)
                if tries > 0 && error.is_worth_retrying() && !context.cancel.is_cancelled() =>
            {
                tries -= 1;
                tracing::debug!(%error, "trying again");
            }
            result => return result,
        }
    }
}

async fn attempt(
    context: &Context,
    work: &Work,
    image: &Image,
    task: &dyn Task,
) -> Result<Filled, BackupError> {
    let (target, source) = (context.target.clone(), context.source.clone());
    let id = resource(&work.project, &work.fingerprint);
    let draft = blocking(move || target.begin(&source, &id, Version::now())).await??;
    let client = &context.client;
    let download = client
        .export_image(&work.project, &work.fingerprint)
        .await?;
    task.phase("downloading", download.total.or(Some(image.size)));
    let layout = download.layout;
    let sink = Sink::spawn(move |incoming| write(draft, &layout, incoming));
    match sink.send(download.stream, task, &context.cancel).await {
        Ok(_) => sink.finish().await,
        Err(error) => Err(sink.abandon().await.unwrap_or(error)),
    }
}
