//! Does what was planned and agreed to.

use std::time::Instant;

use super::plan::Work;
use super::record::{Described, archive_name, commit};
use crate::archive::{ArchiveError, ContentType, Pass, Unpack};
use crate::backup::apply::outcome;
use crate::backup::attempt::blocking;
use crate::backup::export::Export;
use crate::backup::store::Writing;
use crate::backup::{BackupError, Context};
use crate::model::Version;
use crate::plan::{Approved, Report, Row, each_step};
use crate::progress::Task;
use crate::target::Stored;
use crate::temporary::is_left_over;

/// Backs up what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let one = |row: Row, work: Work| async move {
        let _turn = context.turn().await;
        let begun = Instant::now();
        let task = context.progress.task(&row.subject());
        outcome(row, back_up(context, &work, &*task).await, begun)
    };
    each_step(plan.into_steps(), context.pace(), one).await
}

async fn back_up(context: &Context, work: &Work, task: &dyn Task) -> Result<Stored, BackupError> {
    let export = Export {
        context,
        what: &work.what,
        task,
    };
    export.delete_left_over().await?;
    take_back_keys(context, work).await?;
    let mut tries = context.options.retries;
    loop {
        match attempt(context, work, &export).await {
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

/// Takes away the keys that killed restores of this machine lent to the bucket.
async fn take_back_keys(context: &Context, work: &Work) -> Result<(), BackupError> {
    let client = &context.client;
    for key in client.bucket_keys(&work.what).await? {
        if is_left_over(&key.name) {
            client.delete_bucket_key(&work.what, &key.name).await?;
            context.progress.warn(&format!(
                "deleted key `{}` of bucket `{}`, left behind by an earlier run",
                key.name, work.what
            ));
        }
    }
    Ok(())
}

/// Looks again: the world may have moved since the plan was made.
async fn look(context: &Context, work: &Work) -> Result<Described, BackupError> {
    let client = &context.client;
    let gone = || BackupError::BucketVanished(work.what.clone());
    let bucket = client.bucket(&work.what).await?.ok_or_else(gone)?;
    if !bucket.is_served() {
        return Err(BackupError::NotServed(work.what.clone()));
    }
    let keys = client.bucket_keys(&work.what).await?;
    let pools = client.recent_pools().await?;
    let pool = pools
        .into_iter()
        .find(|pool| Some(&pool.name) == work.id.pool());
    Ok(Described {
        id: work.id.clone(),
        bucket,
        keys,
        driver: pool.ok_or_else(gone)?.driver,
    })
}

async fn attempt(
    context: &Context,
    work: &Work,
    export: &Export<'_>,
) -> Result<Stored, BackupError> {
    let described = look(context, work).await?;
    let (target, source, id) = (
        context.target.clone(),
        context.source.clone(),
        work.id.clone(),
    );
    let mut draft = blocking(move || target.begin(&source, &id, Version::now())).await??;
    let file = archive_name(context.options.compression);
    let writing = Writing::to(context, &mut *draft, &file)?;
    let archive = export
        .run(writing, |frames| Unpack::new(Pass::new(frames, None)))
        .await?;
    if archive.contents.index.content != ContentType::Bucket {
        let (name, key) = ("backup/index.yaml", "type");
        return Err(BackupError::Archive(ArchiveError::Key { name, key }));
    }
    let context = context.clone();
    blocking(move || commit(&context, &described, draft, &archive)).await?
}
