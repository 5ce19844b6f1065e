//! Does what was planned and agreed to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::error::RestoreError;
use super::finish::{Finish, finish};
use super::import::{self, Importing};
use super::permits::Permits;
use super::plan::Work;
use super::profiles::Profiles;
use super::replace::replace;
use super::request::Options;
use crate::archive::{Contents, Pass, Placement};
use crate::incus::{Client, Exportable, Import, ImportContent};
use crate::model::{InstanceName, Owner, RunId};
use crate::plan::{Approved, Failure, Outcome, Pace, Report, Row, each_step};
use crate::progress::{Cancel, Progress, Task};
use crate::target::{Stored, Target};
use crate::temporary::{Mark, Role, rename, unmark};

/// What a whole run shares.
#[derive(Clone)]
pub struct Context {
    /// The server.
    pub client: Arc<Client>,
    /// Where from.
    pub target: Arc<dyn Target>,
    /// The run.
    pub run: RunId,
    /// Its process.
    pub owner: Owner,
    /// How instances are restored.
    pub options: Options,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl Context {
    /// How its steps are done.
    pub(super) fn pace(&self) -> Pace<'_> {
        Pace {
            parallel: self.options.parallel,
            progress: &*self.progress,
            cancel: &self.cancel,
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Restores what the plan names. One that fails does not stop the others.
pub async fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let number = AtomicUsize::new(1);
    let steps = plan.into_steps();
    let shared = Shared {
        number,
        profiles: Profiles::of(&steps),
        permits: Permits::of(&steps),
    };
    let one = |row, work| one(context, row, work, &shared);
    let report = each_step(steps, context.pace(), one).await;
    shared.profiles.delete_unused(context).await;
    report
}

/// What the steps of a run share.
struct Shared {
    /// The number of the next temporary instance.
    number: AtomicUsize,
    profiles: Profiles,
    permits: Permits,
}

async fn one(context: &Context, row: Row, work: Work, shared: &Shared) -> Outcome {
    let begun = Instant::now();
    // People know what is temporary by what it stands for.
    let mark = context.options.mark.as_ref();
    let name = mark.map_or(&work.name, |mark| &mark.name);
    let task: Arc<dyn Task> = context.progress.task(name.as_str()).into();
    let restored = async {
        shared.profiles.make(context, &work).await?;
        // On the heap: it is the largest part of what a run keeps for each step.
        let restored = Box::pin(async {
            if work.replace {
                replace(context, &work, &shared.number, &task).await
            } else {
                create(context, &work, &shared.number, &task).await
            }
        });
        shared.permits.with(context, &work, restored).await
    };
    outcome(row, restored.await, &work.stored, begun)
}

/// What became of a row that was to be restored.
pub(super) fn outcome(
    row: Row,
    ended: Result<(), RestoreError>,
    stored: &Stored,
    begun: Instant,
) -> Outcome {
    match ended {
        Ok(()) => {
            let outcome = Outcome::done(row, begun.elapsed());
            match &stored.manifest {
                Some(manifest) => outcome.stored(stored.stored_size, manifest.consistency),
                None => outcome,
            }
        }
        Err(RestoreError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

/// Restores an instance that is not there. It has its name only once it is whole: what a process that
/// is killed before leaves is a marked instance of a temporary name.
async fn create(
    context: &Context,
    work: &Work,
    number: &AtomicUsize,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    // A name that was taken since the plan was made must not be imported over; the server refuses
    // it too, but only after the whole upload.
    let found = context.client.instance(&work.project, &work.name).await?;
    if found.is_some() {
        return Err(RestoreError::Taken(Exportable::instance(
            work.project.clone(),
            &work.name,
        )));
    }
    if let Some(mark) = &context.options.mark {
        // It is temporary, and so is its name.
        whole(context, work, (&work.name, mark), task).await?;
        return start(context, work, task).await;
    }
    let incoming = next_name(context, number)?;
    let mark = Mark {
        owner: context.owner.clone(),
        role: Role::Incoming,
        name: work.name.clone(),
    };
    whole(context, work, (&incoming, &mark), task).await?;
    if let Err(error) = name_it(context, work, &incoming).await {
        // Nothing but this import stands under the name: what is not in its place does not stay.
        take_back(context, work, &incoming).await;
        return Err(error);
    }
    start(context, work, task).await
}

/// Imports under a name, and finishes. When this fails, no instance of that name is left.
async fn whole(
    context: &Context,
    work: &Work,
    (name, mark): (&InstanceName, &Mark),
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let contents = import(context, work, (name, Some(mark)), task).await?;
    let after = Finish {
        work,
        name,
        contents: &contents,
        marked: Some(mark),
    };
    let finished = match finish(context, after).await {
        Ok(()) if context.cancel.is_cancelled() => Err(RestoreError::Interrupted),
        finished => finished,
    };
    if finished.is_err() {
        take_back(context, work, name).await;
    }
    finished
}

/// Gives an instance that is whole its name.
async fn name_it(
    context: &Context,
    work: &Work,
    incoming: &InstanceName,
) -> Result<(), RestoreError> {
    let (client, project) = (&context.client, &work.project);
    if let Err(error) = rename(client, project, incoming, &work.name).await {
        // What became of it counts, not what was said of it.
        if client.instance(project, incoming).await?.is_some() {
            return Err(error.into());
        }
    }
    unmark(client, project, &work.name)
        .await
        .map_err(|error| RestoreError::NotUnmarked(work.name.to_string(), error))
}

/// Imports the archive under a name. When this fails, no instance of that name is left.
pub(super) async fn import(
    context: &Context,
    work: &Work,
    (name, marked): (&InstanceName, Option<&Mark>),
    task: &Arc<dyn Task>,
) -> Result<Contents, RestoreError> {
    let mark = marked.map(Mark::config).into_iter().flatten();
    let placement = Placement {
        name: name.clone(),
        pool: work.pool.clone(),
        project: work.project.clone(),
        identity: work.identity,
        references: work.references.clone(),
        // From its first moment on, so that a run that is killed leaves nothing that nobody knows.
        config: mark.map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    let through = work
        .member
        .as_ref()
        .and_then(|it| context.client.through(it));
    let importing = Importing {
        context,
        client: through.as_ref().unwrap_or(&context.client),
        stored: &work.stored,
        import: Import {
            to: Exportable::instance(work.project.clone(), name),
            pool: work.pool.clone(),
            content: ImportContent::Archive,
        },
        task,
    };
    importing
        .run(|withhold| Pass::new(withhold, Some(Box::new(placement))))
        .await
}

/// Deletes what this run imported, and tells where that cannot be.
pub(super) async fn take_back(context: &Context, work: &Work, name: &InstanceName) {
    import::take_back(context, &Exportable::instance(work.project.clone(), name)).await;
}

/// Starts the instance, if that was asked for.
pub(super) async fn start(
    context: &Context,
    work: &Work,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    if !context.options.start {
        return Ok(());
    }
    task.phase("starting", None);
    crate::temporary::start(&context.client, &work.project, &work.name)
        .await
        .map_err(|error| RestoreError::NotStarted(work.name.clone(), Box::new(error.into())))
}

/// The name of this run's next temporary instance.
pub(super) fn next_name(
    context: &Context,
    number: &AtomicUsize,
) -> Result<InstanceName, RestoreError> {
    let number = number.fetch_add(1, Ordering::Relaxed);
    Ok(crate::temporary::instance_name(&context.run, number)?)
}
