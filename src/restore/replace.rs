//! Replacing an instance: imported beside, swapped by name, the old one deleted last.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::apply::{Context, import, next_name, start, take_back};
use super::error::RestoreError;
use super::finish::{Finish, finish};
use super::import::remove;
use super::plan::Work;
use crate::incus::{Exportable, Instance};
use crate::model::InstanceName;
use crate::progress::Task;
use crate::temporary::{Mark, Role, delete, mark, rename, start_in_place, stop, unmark};

/// The three names of a replacement.
struct Names {
    /// The name that both want.
    own: InstanceName,
    /// What the new one is imported as.
    incoming: InstanceName,
    /// What the old one is called while both exist.
    aside: InstanceName,
}

/// Replaces the instance that has the name.
///
/// Each step leaves a state that [`crate::temporary::remedies`] puts right, should this process be
/// killed after it.
pub(super) async fn replace(
    context: &Context,
    work: &Work,
    number: &AtomicUsize,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let names = Names {
        own: work.name.clone(),
        incoming: next_name(context, number)?,
        aside: next_name(context, number)?,
    };
    let incoming = Mark {
        owner: context.owner.clone(),
        role: Role::Incoming,
        name: names.own.clone(),
    };
    let marked = (&names.incoming, Some(&incoming));
    let contents = import(context, work, marked, task).await?;
    let after = Finish {
        work,
        name: &names.incoming,
        contents: &contents,
        marked: Some(&incoming),
    };
    let prepared = async {
        finish(context, after).await?;
        if context.cancel.is_cancelled() {
            return Err(RestoreError::Interrupted);
        }
        let old = context.client.instance(&work.project, &names.own).await?;
        old.map(|(instance, _)| instance).ok_or_else(|| {
            RestoreError::Gone(Exportable::instance(work.project.clone(), &names.own))
        })
    };
    let old = match prepared.await {
        Ok(old) => old,
        Err(error) => {
            take_back(context, work, &names.incoming).await;
            return Err(error);
        }
    };
    task.phase("swapping", None);
    if let Err(cause) = swap(context, work, &names, &old).await {
        return Err(put_back(context, work, &names, &old, cause).await);
    }
    let (client, project) = (&context.client, &work.project);
    if let Err(error) = delete(client, project, &names.aside).await {
        context.progress.warn(&format!(
            "`{}` is replaced, but the old one, now called `{}`, cannot be deleted: {error}; the \
             next run tries again",
            names.own, names.aside
        ));
        return start(context, work, task).await;
    }
    unmark(client, project, &names.own)
        .await
        .map_err(|error| RestoreError::NotUnmarked(names.own.to_string(), error))?;
    start(context, work, task).await
}

/// Marks and stops the old one, and exchanges the names. From here on a signal no longer stops the
/// work: it is a matter of moments, and half of it is worse than all of it.
async fn swap(
    context: &Context,
    work: &Work,
    names: &Names,
    old: &Instance,
) -> Result<(), RestoreError> {
    let (client, project) = (&context.client, &work.project);
    let role = if old.is_stopped() {
        Role::AsideStopped
    } else {
        Role::AsideRunning
    };
    let aside = Mark {
        owner: context.owner.clone(),
        role,
        name: names.own.clone(),
    };
    mark(client, project, &names.own, &aside).await?;
    if !old.is_stopped() {
        stop(client, project, &names.own).await?;
    }
    rename(client, project, &names.own, &names.aside).await?;
    rename(client, project, &names.incoming, &names.own).await?;
    Ok(())
}

/// Puts everything back as it was, and gives the error to report.
async fn put_back(
    context: &Context,
    work: &Work,
    names: &Names,
    old: &Instance,
    cause: RestoreError,
) -> RestoreError {
    let (client, project) = (&context.client, &work.project);
    let back = async {
        // The old one is wherever the swap stopped; only one of the names can be it.
        if client.instance(project, &names.aside).await?.is_some() {
            if client.instance(project, &names.own).await?.is_some() {
                rename(client, project, &names.own, &names.incoming).await?;
            }
            rename(client, project, &names.aside, &names.own).await?;
        }
        Ok(())
    };
    if let Err(undo) = back.await {
        return not_put_back(names, &undo, cause);
    }
    let undone = async {
        // It has the same MAC addresses: the old one does not start while it is there.
        let incoming = Exportable::instance(project.clone(), &names.incoming);
        remove(context, &incoming).await?;
        if old.is_stopped() {
            unmark(client, project, &names.own).await?;
        } else {
            start_in_place(client, project, &names.own).await?;
        }
        Ok::<(), RestoreError>(())
    };
    let (name, cause) = (names.own.to_string(), Box::new(cause));
    match undone.await {
        Ok(()) => RestoreError::NotReplaced { name, cause },
        // The mark, which goes last, tells the next run.
        Err(undo) => RestoreError::NotAsBefore {
            name,
            undo: undo.to_string(),
            cause,
        },
    }
}

fn not_put_back(names: &Names, undo: &RestoreError, cause: RestoreError) -> RestoreError {
    RestoreError::NotPutBack {
        name: names.own.to_string(),
        aside: names.aside.to_string(),
        undo: undo.to_string(),
        cause: Box::new(cause),
    }
}
