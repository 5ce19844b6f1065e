//! Does what was planned and agreed to.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::StreamExt as _;

use super::copy::TemporaryCopy;
use super::error::BackupError;
use super::export::Export;
use super::gather::{is_running, root_pool};
use super::method::{Circumstances, Storage, choose};
use super::plan::{Work, wishes};
use super::record::{archive_name, describe, still_consistent};
use super::request::Options;
use super::store::{StoredArchive, Writing};
use crate::archive::{Edit, Original};
use crate::incus::{Client, Instance, InstanceSnapshot, Pool};
use crate::model::{
    Consistency, InstanceName, Method, Owner, ProjectName, ResourceId, RunId, SourceName, Version,
};
use crate::plan::{Approved, Failure, Outcome, Report, Row};
use crate::progress::{Cancel, Progress, Task};
use crate::target::{Draft, Stored, Target};
use crate::temporary::{ChangeError, edit_config};

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
    let (project, name) = (&work.project, &work.name);
    Export {
        context,
        project,
        name,
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

async fn attempt(
    context: &Context,
    subject: &Subject,
    number: &AtomicUsize,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let instance = &subject.instance;
    let (target, source) = (context.target.clone(), context.source.clone());
    let id = ResourceId::instance(instance.project.clone(), &instance.name);
    let draft = blocking(move || target.begin(&source, &id, Version::now())).await??;
    if !subject.method.copies() {
        let (draft, archive) =
            export(context, subject, &instance.name, (draft, None), task).await?;
        let consistency = after_direct_export(context, subject).await?;
        return commit(context, subject, draft, (archive, consistency)).await;
    }
    task.phase(copy_phase(subject.method), None);
    let number = number.fetch_add(1, Ordering::Relaxed);
    let copy = TemporaryCopy::make(context, instance, number, task).await?;
    let edit = Original {
        name: instance.name.clone(),
        instance: instance.raw.clone(),
        snapshots: subject
            .snapshots
            .iter()
            .map(|snapshot| snapshot.raw.clone())
            .collect(),
        profiles: subject.profiles.clone(),
    };
    let edit: Option<Box<dyn Edit + Send>> = Some(Box::new(edit));
    let exported = export(context, subject, &copy.name, (draft, edit), task).await;
    let deleted = copy.delete().await;
    let (draft, archive) = exported?;
    if let Err(error) = deleted {
        let name = &copy.name;
        context.progress.warn(&format!(
            "cannot delete the temporary copy `{name}`: {error}; the next run tries again"
        ));
    }
    commit(
        context,
        subject,
        draft,
        (archive, subject.method.consistency()),
    )
    .await
}

fn copy_phase(method: Method) -> &'static str {
    match method {
        Method::PausedCopy => "copying while paused",
        _ => "copying",
    }
}

/// A draft, and what is rewritten on the way to it.
type Sinks = (Box<dyn Draft>, Option<Box<dyn Edit + Send>>);

async fn export(
    context: &Context,
    subject: &Subject,
    name: &InstanceName,
    (mut draft, edit): Sinks,
    task: &dyn Task,
) -> Result<(Box<dyn Draft>, StoredArchive), BackupError> {
    let compression = context.options.compression;
    let file = draft.create(archive_name(compression))?;
    let writing = Writing {
        file,
        edit,
        compression,
        threads: context.options.threads,
    };
    let export = Export {
        context,
        project: &subject.instance.project,
        name,
        task,
    };
    let archive = export.run(writing).await?;
    Ok((draft, archive))
}

/// Looks at what was exported as it is: whether it still stands still, and whether the server's own
/// record of it was spoilt.
async fn after_direct_export(
    context: &Context,
    subject: &Subject,
) -> Result<Consistency, BackupError> {
    let Context {
        client, options, ..
    } = context;
    let (project, name) = (&subject.instance.project, &subject.instance.name);
    let found = client.instance(project, name).await?;
    // Up to 6.0.5 an export without snapshots leaves the instance's `backup.yaml` without them
    // (lxc/incus#2754), which spoils `incus admin recover`; any change of the configuration writes
    // it again. Can go when every server has `direct_backup`.
    if let (true, false, Some(_)) = (options.instance_only, client.has("direct_backup"), &found) {
        let rewritten = rewrite_record(client, project, name).await;
        if let Err(error) = rewritten {
            context.progress.warn(&format!(
                "cannot renew the server's record of `{name}`: {error}"
            ));
        }
    }
    let now = found.as_ref().map(|(instance, _)| instance);
    if subject.method == Method::Direct && !still_consistent(subject, now) {
        return Err(BackupError::Started(name.clone()));
    }
    Ok(subject.method.consistency())
}

/// Changes nothing, which makes the server write its record of the instance anew.
async fn rewrite_record(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    const KEY: &str = "user.incus-backup.touched";
    edit_config(client, project, name, |config| {
        config.insert(KEY.to_owned(), "true".to_owned());
    })
    .await?;
    edit_config(client, project, name, |config| {
        config.remove(KEY);
    })
    .await
}

async fn commit(
    context: &Context,
    subject: &Subject,
    mut draft: Box<dyn Draft>,
    (archive, consistency): (StoredArchive, Consistency),
) -> Result<Stored, BackupError> {
    let manifest = describe(context, subject, &archive, consistency);
    let raw = |snapshot: &InstanceSnapshot| snapshot.raw.clone();
    let description = serde_json::json!({
        "instance": subject.instance.raw,
        "snapshots": subject.snapshots.iter().map(raw).collect::<Vec<_>>(),
        "profiles": subject.profiles,
    });
    blocking(move || {
        let mut file = draft.create("instance.json")?;
        let mut text = serde_json::to_vec_pretty(&description).map_err(std::io::Error::other);
        if let Ok(text) = &mut text {
            text.push(b'\n');
        }
        text.and_then(|text| file.write_all(&text))
            .map_err(BackupError::Write)?;
        file.finish()?;
        Ok(draft.commit(manifest)?)
    })
    .await?
}

/// Runs something that blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| BackupError::Worker)
}
