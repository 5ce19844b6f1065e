//! One attempt to back an instance up: copied where that is needed, exported, committed.

use super::apply::{Context, Subject};
use super::copy::TemporaryCopy;
use super::error::BackupError;
use super::export::Export;
use super::hooks::Hooks;
use super::record::{archive_name, describe, still_consistent};
use super::store::{StoredArchive, Writing};
use crate::archive::{Contents, Edit, Original, Pass};
use crate::incus::{Client, Exportable, InstanceSnapshot};
use crate::model::{Consistency, InstanceName, Method, ProjectName, ResourceId, Version};
use crate::progress::Task;
use crate::target::{Draft, HookFacts, Moment, Stored};
use crate::temporary::{ChangeError, edit_config};

/// Backs one instance up, once.
pub(super) async fn attempt(
    context: &Context,
    subject: &Subject,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let instance = &subject.instance;
    let hooks = Hooks::of(context, instance, task)?;
    let draft = begin(context, subject).await?;
    if !subject.method.copies() {
        let export = export(context, subject, &instance.name, (draft, None), task);
        let ((draft, archive), hooks) = hooks.around(export).await?;
        let consistency = after_direct_export(context, subject).await?;
        let taken = Taken {
            archive,
            consistency,
            hooks,
            moment: None,
        };
        return commit(context, subject, draft, taken).await;
    }
    let copied = async {
        task.phase(copy_phase(subject.method), None);
        TemporaryCopy::make(context, instance, task).await
    };
    let (copy, hooks) = hooks.around(copied).await?;
    // It has shown that the target takes one, before anything was paused.
    drop(draft);
    store_copy(context, subject, copy, (hooks, None), task).await
}

/// Stores a copy as the instance that it is a copy of, and deletes it.
pub(super) async fn store_copy(
    context: &Context,
    subject: &Subject,
    copy: TemporaryCopy<'_>,
    (hooks, moment): (HookFacts, Option<Moment>),
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    let mut exported = begin_and_export(context, subject, &copy, task).await;
    if let Err(error) = &exported
        && !context.options.instance_only
        && error.is_of_copied_snapshots()
    {
        let name = &subject.instance.name;
        context.progress.warn(&format!(
            "`{name}` is stored without its snapshots, because the server cannot export those of a copy: {error}"
        ));
        let alone = context.without_snapshots();
        exported = begin_and_export(&alone, subject, &copy, task).await;
    }
    copy.take_back().await;
    let (draft, archive) = exported?;
    let taken = Taken {
        archive,
        consistency: subject.method.consistency(),
        hooks,
        moment,
    };
    commit(context, subject, draft, taken).await
}

async fn begin_and_export(
    context: &Context,
    subject: &Subject,
    copy: &TemporaryCopy<'_>,
    task: &dyn Task,
) -> Result<(Box<dyn Draft>, StoredArchive<Contents>), BackupError> {
    let draft = begin(context, subject).await?;
    export_copy(context, subject, copy, draft, task).await
}

async fn begin(context: &Context, subject: &Subject) -> Result<Box<dyn Draft>, BackupError> {
    let (target, source) = (context.target.clone(), context.source.clone());
    let instance = &subject.instance;
    let id = ResourceId::instance(instance.project.clone(), &instance.name);
    Ok(blocking(move || target.begin(&source, &id, Version::now())).await??)
}

/// What was got of an instance.
pub(super) struct Taken {
    pub(super) archive: StoredArchive<Contents>,
    pub(super) consistency: Consistency,
    pub(super) hooks: HookFacts,
    pub(super) moment: Option<Moment>,
}

/// Exports a copy as what it is a copy of.
async fn export_copy(
    context: &Context,
    subject: &Subject,
    copy: &TemporaryCopy<'_>,
    draft: Box<dyn Draft>,
    task: &dyn Task,
) -> Result<(Box<dyn Draft>, StoredArchive<Contents>), BackupError> {
    let edit = Original {
        name: subject.instance.name.clone(),
        instance: subject.instance.raw.clone(),
        snapshots: subject
            .snapshots
            .iter()
            .map(|snapshot| snapshot.raw.clone())
            .collect(),
        profiles: subject.profiles.clone(),
    };
    let edit: Option<Box<dyn Edit + Send>> = Some(Box::new(edit));
    export(context, subject, &copy.name, (draft, edit), task).await
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
) -> Result<(Box<dyn Draft>, StoredArchive<Contents>), BackupError> {
    let file = archive_name(context.options.compression);
    let writing = Writing::to(context, &mut *draft, &file)?.listed(&mut *draft)?;
    let what = &Exportable::instance(subject.instance.project.clone(), name);
    let export = Export {
        context,
        what,
        task,
    };
    let archive = export
        .run(writing, |frames| Pass::new(frames, edit))
        .await?;
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
    taken: Taken,
) -> Result<Stored, BackupError> {
    let manifest = describe(context, subject, taken);
    let raw = |snapshot: &InstanceSnapshot| snapshot.raw.clone();
    let description = serde_json::json!({
        "instance": subject.instance.raw,
        "snapshots": subject.snapshots.iter().map(raw).collect::<Vec<_>>(),
        "profiles": subject.profiles,
    });
    blocking(move || {
        draft.describe("instance.json", &document(&description)?)?;
        Ok(draft.commit(manifest)?)
    })
    .await?
}

/// A document as it is stored.
pub(super) fn document(value: &serde_json::Value) -> Result<Vec<u8>, BackupError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(std::io::Error::other)
        .map_err(BackupError::Write)?;
    text.push(b'\n');
    Ok(text)
}

/// Runs something that blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| BackupError::Worker)
}
