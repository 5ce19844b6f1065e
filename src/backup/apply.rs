//! Does what was planned and agreed to.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::attempt::attempt;
use super::error::BackupError;
use super::export::Export;
use super::gather::{is_running, root_pool};
use super::method::{Circumstances, Storage, choose};
use super::plan::{Work, wishes};
use super::request::Options;
use crate::incus::{BackOff, Client, Exportable, Instance, InstanceSnapshot, Pool};
use crate::model::{Method, Owner, RunId, SourceName};
use crate::plan::{Failure, Outcome, Pace, Row};
use crate::progress::{Cancel, Progress, Task};
use crate::target::{Stored, Target};
use crate::temporary::{GuardProgram, InstanceAt, Pause};

/// How long after a failure that passes the next try is made, at first.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

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
    /// What pausing instances needs.
    pub pausing: Arc<Pausing>,
    /// Whose turn it is, where several servers are backed up at a time.
    pub turns: Turns,
}

/// How many things are backed up at a time on all servers together.
#[derive(Debug, Clone, Default)]
pub struct Turns(Option<Arc<Semaphore>>);

impl Turns {
    /// So many on all servers that share these turns.
    pub fn shared(count: NonZeroUsize) -> Self {
        Self(Some(Arc::new(Semaphore::new(count.get()))))
    }

    /// Waits for a turn, which ends when what this gives is dropped.
    async fn next(&self) -> Option<OwnedSemaphorePermit> {
        let turns = self.0.clone()?;
        turns.acquire_owned().await.ok()
    }
}

/// What a run pauses instances with, and what its temporary objects are numbered by.
#[derive(Debug)]
pub struct Pausing {
    /// The guard that resumes them if this process dies.
    pub guard: GuardProgram,
    /// One pause at a time: another's end would cut it short.
    turn: tokio::sync::Mutex<()>,
    next: AtomicUsize,
}

impl Pausing {
    /// For a run that has paused nothing yet.
    pub fn new(guard: GuardProgram) -> Self {
        Self {
            guard,
            turn: tokio::sync::Mutex::new(()),
            next: AtomicUsize::new(1),
        }
    }
}

impl Context {
    /// Waits until one more thing may be backed up; nobody waits for a run that is given up.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            turn = self.turns.next() => turn,
            () = self.cancel.cancelled() => None,
        }
    }

    /// How its steps are done.
    pub(super) fn pace(&self) -> Pace<'_> {
        Pace {
            parallel: self.options.parallel,
            progress: &*self.progress,
            cancel: &self.cancel,
        }
    }

    /// The number of the next temporary object.
    pub(super) fn next_number(&self) -> usize {
        self.pausing.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The same, for exports that leave snapshots out.
    pub(super) fn without_snapshots(&self) -> Self {
        let mut context = self.clone();
        context.options.instance_only = true;
        context
    }

    /// Waits a moment before something that failed is tried again.
    pub(super) async fn before_next_try(&self, again: &mut BackOff, error: &BackupError) {
        tracing::debug!(%error, "trying again");
        tokio::select! {
            () = again.wait() => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// Does something while instances are paused. However it ends, they go on before this returns.
    pub(super) async fn while_paused<T>(
        &self,
        instances: &[InstanceAt],
        work: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        let _turn = self.pausing.turn.lock().await;
        let (client, guard) = (&self.client, &self.pausing.guard);
        let pause = Pause::begin(client, guard, &self.owner, instances, &*self.progress).await?;
        let done = work.await;
        match (done, pause.end().await) {
            (Ok(done), Ok(())) => Ok(done),
            (Ok(_), Err(left)) => Err(left.into()),
            (Err(error), resumed) => {
                if let Err(left) = resumed {
                    self.progress.warn(&left.to_string());
                }
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("source", &self.source)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// What became of a row that was to be stored.
pub(super) fn outcome(row: Row, ended: Result<Stored, BackupError>, begun: Instant) -> Outcome {
    match ended {
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
pub(super) async fn look(context: &Context, work: &Work) -> Result<Subject, BackupError> {
    let Context {
        client, options, ..
    } = context;
    let Some((instance, _)) = client.instance(&work.project, &work.name).await? else {
        return Err(BackupError::Vanished(work.name.clone()));
    };
    let no_root = || BackupError::NoRootDisk(work.name.clone());
    let root = root_pool(&instance).ok_or_else(no_root)?;
    let pools = client.recent_pools().await?;
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
                .recent_profile(&work.project, name)
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

pub(super) async fn back_up(
    context: &Context,
    work: &Work,
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
    let mut again = BackOff::from(AGAIN);
    loop {
        let subject = look(context, work).await?;
        // On the heap: it holds a whole backup.
        match Box::pin(attempt(context, &subject, task)).await {
            // Another run's copy pauses an instance for a while; a live export may see a file shrink.
            Err(error)
                if tries > 0 && error.is_worth_retrying() && !context.cancel.is_cancelled() =>
            {
                tries -= 1;
                context.before_next_try(&mut again, &error).await;
            }
            result => return result,
        }
    }
}
