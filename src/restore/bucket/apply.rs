//! Does what was planned and agreed to.

use std::sync::Arc;
use std::time::Instant;

use super::plan::Work;
use crate::archive::{Pass, Rekeying, Relocation};
use crate::incus::{Import, ImportContent};
use crate::plan::{Approved, Failure, Outcome, Report, Row, each_step};
use crate::progress::Task;
use crate::restore::import::{Importing, take_back};
use crate::restore::{Context, RestoreError};
use crate::temporary::owned_name;

/// Restores what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let one = |row, work| one(context, row, work);
    each_step(plan.into_steps(), context.pace(), one).await
}

async fn one(context: &Context, row: Row, work: Work) -> Outcome {
    let begun = Instant::now();
    let task: Arc<dyn Task> = context.progress.task(&row.subject()).into();
    match restore(context, &work, &task).await {
        Ok(()) => {
            let outcome = Outcome::done(row, begun.elapsed());
            match &work.stored.manifest {
                Some(manifest) => outcome.stored(work.stored.stored_size, manifest.consistency),
                None => outcome,
            }
        }
        Err(RestoreError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

async fn restore(context: &Context, work: &Work, task: &Arc<dyn Task>) -> Result<(), RestoreError> {
    let client = &context.client;
    // The world may have moved since the plan was made.
    if client.exists(&work.to).await? {
        return Err(RestoreError::Taken(work.to.clone()));
    }
    if work.local && !is_served(context).await? {
        return Err(RestoreError::NotServed(work.to.clone()));
    }
    let lent = work.lend.then(|| owned_name(&context.owner));
    let edit = Rekeying {
        relocation: Relocation {
            name: Some(work.to.name().clone()),
            pool: None,
            without: work.without.clone(),
            with: Vec::new(),
        },
        taken: work.taken.clone(),
        lent: lent.clone(),
    };
    let importing = Importing {
        context,
        client: &context.client,
        stored: &work.stored,
        import: Import {
            to: work.to.clone(),
            pool: None,
            content: ImportContent::Archive,
        },
        task,
    };
    let imported = importing
        .run(move |withhold| Pass::new(withhold, Some(Box::new(edit))))
        .await;
    let Some(name) = lent else {
        return imported.map(drop);
    };
    let taken_back = match imported {
        Ok(_) => client.delete_bucket_key(&work.to, &name).await,
        // It may be there all the same, where only the answer was lost: by its key it is this run's.
        Err(error) if has_key(context, work, &name).await => {
            take_back(context, &work.to).await;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    if let Err(error) = taken_back {
        // Nothing but this import stands under the name: what is not whole does not stay.
        take_back(context, &work.to).await;
        return Err(error.into());
    }
    Ok(())
}

/// Whether the bucket is there with this key. Where that cannot be told, whoever backs it up next takes
/// the key away.
async fn has_key(context: &Context, work: &Work, name: &str) -> bool {
    let keys = context.client.bucket_keys(&work.to).await;
    keys.is_ok_and(|keys| keys.iter().any(|key| key.name == name))
}

async fn is_served(context: &Context) -> Result<bool, RestoreError> {
    let client = &context.client;
    if client.bucket_service().await?.address.is_some() {
        return Ok(true);
    }
    // A user who is not shown the configuration sees it by other buckets.
    for project in client.projects().await? {
        for pool in client.pools().await? {
            let buckets = client.buckets(&pool.name, &project.name).await?;
            if buckets.iter().any(crate::incus::Bucket::is_served) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
