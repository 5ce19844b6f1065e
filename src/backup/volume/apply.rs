//! Does what was planned and agreed to.

use std::time::Instant;

use super::super::apply::{AGAIN, Context, outcome};
use super::super::error::BackupError;
use super::super::export::Export;
use super::super::plan::wishes;
use super::copy::VolumeCopy;
use super::gather::circumstances;
use super::method::choose;
use super::plan::VolumeWork;
use super::store::{store, store_config, store_copy};
use crate::incus::{BackOff, Exportable, Mounter, Pool, Volume, VolumeSnapshot};
use crate::model::{Method, VolumeContent};
use crate::plan::{Approved, Outcome, Report, Row, each_step};
use crate::progress::Task;
use crate::target::{Moment, Stored};
use crate::temporary::InstanceAt;

/// Backs up what the plan names. One that fails does not stop the others.
pub async fn apply_volumes(context: &Context, plan: Approved<VolumeWork>) -> Report {
    let one = |row, work| async move { one(context, row, &work).await };
    each_step(plan.into_steps(), context.pace(), one).await
}

async fn one(context: &Context, row: Row, work: &VolumeWork) -> Outcome {
    let _turn = context.turn().await;
    let begun = Instant::now();
    let task = context.progress.task(&row.subject());
    outcome(row, back_up(context, work, &*task).await, begun)
}

/// A volume as it is when its backup begins.
pub(in crate::backup) struct VolumeSubject {
    pub(in crate::backup) volume: Volume,
    pub(in crate::backup) what: Exportable,
    pub(in crate::backup) pool: Pool,
    pub(in crate::backup) mounters: Vec<Mounter>,
    pub(in crate::backup) snapshots: Vec<VolumeSnapshot>,
    pub(in crate::backup) method: Method,
}

impl VolumeSubject {
    /// The instances that run and mount it.
    pub(in crate::backup) fn running(&self) -> Vec<InstanceAt> {
        let running = self.mounters.iter().filter(|mounter| mounter.running);
        running
            .map(|mounter| InstanceAt {
                project: mounter.project.clone(),
                name: mounter.name.clone(),
            })
            .collect()
    }
}

/// Looks again: the world may have moved since the plan was made. The same pure choice is made from
/// what is true now, and what it gives is what is recorded.
pub(in crate::backup) async fn look(
    context: &Context,
    work: &VolumeWork,
) -> Result<VolumeSubject, BackupError> {
    let Context {
        client, options, ..
    } = context;
    let gone = || BackupError::VolumeVanished(work.what.clone());
    let (volume, _) = client.volume(&work.what).await?.ok_or_else(gone)?;
    let pools = client.recent_pools().await?;
    let pool = pools
        .into_iter()
        .find(|pool| pool.name == work.pool)
        .ok_or_else(gone)?;
    let mounters = mounters(context, &volume, &pool).await?;
    let method = choose(circumstances(&pool, &volume, &mounters), wishes(*options));
    let snapshots = if options.instance_only || volume.content_type == VolumeContent::Iso {
        Vec::new()
    } else {
        client.volume_snapshots(&work.what).await?
    };
    Ok(VolumeSubject {
        what: work.what.clone(),
        volume,
        pool,
        mounters,
        snapshots,
        method,
    })
}

async fn mounters(
    context: &Context,
    volume: &Volume,
    pool: &Pool,
) -> Result<Vec<Mounter>, BackupError> {
    let attachments = context.client.attachments().await?;
    Ok(attachments.mounters(&volume.project, &pool.name, &volume.name))
}

pub(in crate::backup) async fn back_up(
    context: &Context,
    work: &VolumeWork,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    delete_left_over(context, work, task).await?;
    let mut tries = context.options.retries;
    let mut again = BackOff::from(AGAIN);
    loop {
        let subject = look(context, work).await?;
        match attempt(context, &subject, task).await {
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

/// Deletes the backups that killed processes of this machine left on the server of a volume.
pub(in crate::backup) async fn delete_left_over(
    context: &Context,
    work: &VolumeWork,
    task: &dyn Task,
) -> Result<(), BackupError> {
    let export = Export {
        context,
        what: &work.what,
        task,
    };
    export.delete_left_over().await
}

async fn attempt(
    context: &Context,
    subject: &VolumeSubject,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    if subject.volume.content_type == VolumeContent::Iso {
        return store_iso(context, subject, None, task).await;
    }
    let copy = match subject.method {
        Method::PausedCopy => paused_copy(context, subject, task).await?,
        Method::InstantCopy => copy(context, subject, task).await?,
        _ => {
            return store(context, subject, None, task).await;
        }
    };
    store_copy(context, subject, copy, None, task).await
}

/// Stores an ISO, to which nobody writes: whole where the server gives it, else its configuration.
pub(in crate::backup) async fn store_iso(
    context: &Context,
    subject: &VolumeSubject,
    moment: Option<Moment>,
    task: &dyn Task,
) -> Result<Stored, BackupError> {
    if context.client.has(super::gather::ISO) {
        return store(context, subject, moment, task).await;
    }
    context.progress.warn(&format!(
        "`{}`: this server cannot export ISO volumes; only the volume's configuration is stored",
        subject.what
    ));
    store_config(context, subject, moment).await
}

async fn copy<'a>(
    context: &'a Context,
    subject: &VolumeSubject,
    task: &dyn Task,
) -> Result<VolumeCopy<'a>, BackupError> {
    task.phase("copying", None);
    let copy = VolumeCopy::begin(context, subject).await?;
    match copy.made(task).await {
        Ok(()) => Ok(copy),
        Err(error) => {
            copy.take_back().await;
            Err(error)
        }
    }
}

/// Copies while the instances that mount the volume are paused. Where that fails they go on first,
/// and then what came of the copy is deleted.
async fn paused_copy<'a>(
    context: &'a Context,
    subject: &VolumeSubject,
    task: &dyn Task,
) -> Result<VolumeCopy<'a>, BackupError> {
    task.phase("copying while what mounts it is paused", None);
    let mut begun = None;
    let copied = async {
        let copy = begun.insert(VolumeCopy::begin(context, subject).await?);
        copy.made(task).await
    };
    let copied = context.while_paused(&subject.running(), copied).await;
    match (copied, begun) {
        (Ok(()), Some(copy)) => Ok(copy),
        (Ok(()), None) => Err(BackupError::Worker),
        (Err(error), begun) => {
            if let Some(copy) = begun {
                copy.take_back().await;
            }
            Err(error)
        }
    }
}

/// Whether nothing that runs has mounted the volume since it was looked at.
pub(super) async fn still_idle(
    context: &Context,
    subject: &VolumeSubject,
) -> Result<bool, BackupError> {
    Ok(mounters(context, &subject.volume, &subject.pool).await? == subject.mounters)
}
