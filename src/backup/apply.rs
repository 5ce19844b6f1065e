//! Does what was planned and agreed to.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use futures_util::StreamExt as _;

use super::attempt::attempt;
use super::error::BackupError;
use super::export::Export;
use super::gather::{is_running, root_pool};
use super::method::{Circumstances, Storage, choose};
use super::plan::{Work, wishes};
use super::request::Options;
use crate::incus::{Client, Exportable, Instance, InstanceSnapshot, Pool};
use crate::model::{Method, Owner, RunId, SourceName};
use crate::plan::{Approved, Failure, Outcome, Report, Row};
use crate::progress::{Cancel, Progress, Task};
use crate::target::{Stored, Target};

/// What a whole run shares.
#[derive(Clone)]
pub struct Context {
    /// The server.
    pub client: Arc<Client>,
    /// Where to.
    pub target: Arc<dyn Target>,
    /// What the target calls the server.
    pub source: SourceName,
    /// The run.
    pub run: RunId,
    /// Its process.
    pub owner: Owner,
    /// How instances are backed up.
    pub options: Options,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("source", &self.source)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Backs up what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let number = AtomicUsize::new(1);
    futures_util::stream::iter(plan.into_steps())
        .map(|step| {
            let (row, work) = step.into_parts();
            let number = &number;
            async move {
                match work {
                    Some(work) if !context.cancel.is_cancelled() => {
                        one(context, row, &work, number).await
                    }
                    _ => Outcome::rest(row),
                }
            }
        })
        .buffered(context.options.parallel.get())
        .collect::<Vec<Outcome>>()
        .await
        .into_iter()
        .collect()
}

async fn one(context: &Context, row: Row, work: &Work, number: &AtomicUsize) -> Outcome {
    let begun = Instant::now();
    let task = context.progress.task(work.name.as_str());
    match back_up(context, work, number, &*task).await {
        Ok(stored) => {
            let row = row.version(stored.id.version);
            let outcome = Outcome::done(row, begun.elapsed());
            match stored.manifest {
                Some(manifest) => outcome.stored(stored.stored_size, manifest.consistency),
                None => outcome,
            }
        }
        Err(BackupError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

/// An instance as it is when its backup begins.
pub(super) struct Subject {
    pub(super) instance: Instance,
    pub(super) snapshots: Vec<InstanceSnapshot>,
    pub(super) profiles: Vec<serde_json::Value>,
    pub(super) pool: Pool,
    pub(super) method: Method,
}

/// Looks again: the world may have moved since the plan was made. The same pure choice is made from
/// what is true now, and what it gives is what is recorded.
async fn look(context: &Context, work: &Work) -> Result<Subject, BackupError> {
    let Context {
        client, options, ..
    } = context;
    let Some((instance, _)) = client.instance(&work.project, &work.name).await? else {
        return Err(BackupError::Vanished(work.name.clone()));
    };
    let no_root = || BackupError::NoRootDisk(work.name.clone());
    let root = root_pool(&instance).ok_or_else(no_root)?;
    let pools = client.pools().await?;
    let pool = pools
        .into_iter()
        .find(|pool| pool.name.as_str() == root)
        .ok_or_else(no_root)?;
    let storage = Storage::of(&pool.driver, |key| pool.config.get(key).map(String::as_str));
    let circumstances = Circumstances {
        instance_type: instance.instance_type,
        running: is_running(&instance),
        storage,
    };
    let method = choose(&circumstances, wishes(*options));
    let snapshots = if options.instance_only {
        Vec::new()
    } else {
        client.snapshots(&work.project, &work.name).await?
    };
    let mut profiles = Vec::new();
    for name in &instance.profiles {
        profiles.extend(
            client
                .profile(&work.project, name)
                .await?
                .map(|profile| profile.raw),
        );
    }
    Ok(Subject {
        instance,
        snapshots,
        profiles,
        pool,
        method,
    })
}

async fn back_up(
    context: &Context,
    work: &Work,
    number: &AtomicUsize,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let what = &Exportable::instance(work.project.clone(), &work.name);
    Export {
        context,
        what,
        task,
    }
    .delete_left_over()
    .await?;
    let mut tries = context.options.retries;
    loop {
        let subject = look(context, work).await?;
        match attempt(context, &subject, number, task).await {
            // Another run's copy pauses an instance for a while; a live export may see a file shrink.
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
