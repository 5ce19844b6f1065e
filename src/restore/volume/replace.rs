//! Replacing a volume: imported beside, swapped by name, the old one deleted last.

use std::sync::Arc;

use super::super::apply::Context;
use super::super::error::RestoreError;
use super::super::import::{remove, take_back};
use super::apply::{Swaps, import};
use super::plan::VolumeWork;
use crate::incus::{Attachments, Exportable, Mounter};
use crate::model::ResourceName;
use crate::progress::Task;
use crate::temporary::{
    InstanceAt, Mark, Reattach, Role, delete_volume, edit_volume, rename_volume, repoint, stop,
    unmark_volume, volume_name,
};

/// The three volumes of a replacement, and what is attached to them.
struct Swap<'a> {
    context: &'a Context,
    work: &'a VolumeWork,
    /// The name that both want.
    own: Exportable,
    /// What the new one is imported as.
    incoming: Exportable,
    /// What the old one is called while both exist.
    aside: Exportable,
}

/// Replaces the volume that has the name.
///
/// Each step leaves a state that [`crate::temporary::sweep_volumes`] puts right, should this process
/// be killed after it.
pub(super) async fn replace(
    context: &Context,
    work: &VolumeWork,
    swaps: &Swaps,
    task: &Arc<dyn Task>,
) -> Result<(), RestoreError> {
    let next = || volume_name(&context.run, swaps.next()).map(|name| work.at.named(&name));
    let swap = Swap {
        context,
        work,
        own: work.at.named(&work.name),
        incoming: next()?,
        aside: next()?,
    };
    let mark = swap.mark(Role::Incoming);
    import(context, work, &swap.incoming, Some(&mark), task).await?;
    let _turn = swaps.turn.lock().await;
    let prepared = async {
        if context.cancel.is_cancelled() {
            return Err(RestoreError::Interrupted);
        }
        if !context.client.exists(&swap.own).await? {
            return Err(RestoreError::Gone(swap.own.clone()));
        }
        swap.attached().await
    };
    let reattach = match prepared.await {
        Ok(reattach) => reattach,
        Err(error) => {
            take_back(context, &swap.incoming).await;
            return Err(error);
        }
    };
    task.phase("swapping", None);
    if let Err(cause) = swap.exchange(&reattach).await {
        return Err(swap.put_back(&reattach, cause).await);
    }
    swap.conclude(&reattach).await
}

impl Swap<'_> {
    fn mark(&self, role: Role) -> Mark<ResourceName> {
        Mark {
            owner: self.context.owner.clone(),
            role,
            name: self.work.name.clone(),
        }
    }

    fn mounters(&self, attachments: &Attachments, of: &Exportable) -> Vec<Mounter> {
        let at = &self.work.at;
        attachments.mounters(&at.project, &at.pool, of.name())
    }

    /// What must be stopped and taken out, and given back afterwards.
    async fn attached(&self) -> Result<Reattach, RestoreError> {
        let attachments = self.context.client.attachments().await?;
        let at = &self.work.at;
        let mounters = self.mounters(&attachments, &self.own);
        let running = || mounters.iter().filter(|mounter| !mounter.stopped);
        if running().any(|mounter| !self.work.stop || mounter.ephemeral) {
            let names: Vec<String> = running()
                .map(|mounter| format!("`{}`", mounter.name))
                .collect();
            return Err(RestoreError::InUse {
                volume: self.own.to_string(),
                users: names.join(", "),
            });
        }
        Ok(Reattach {
            start: running()
                .map(|mounter| InstanceAt {
                    project: mounter.project.clone(),
                    name: mounter.name.clone(),
                })
                .collect(),
            devices: attachments.mounts(&at.project, &at.pool, self.own.name()),
        })
    }

    /// Marks both, stops what runs, and exchanges the names. From here on a signal no longer stops
    /// the work: it is a matter of moments, and half of it is worse than all of it.
    async fn exchange(&self, reattach: &Reattach) -> Result<(), RestoreError> {
        let client = &self.context.client;
        let role = if reattach.start.is_empty() {
            Role::AsideStopped
        } else {
            Role::AsideRunning
        };
        for (volume, role) in [(&self.incoming, Role::Incoming), (&self.own, role)] {
            let mark = self.mark(role).config();
            edit_volume(client, volume, |volume| {
                let keys = mark.into_iter().chain(reattach.config());
                volume
                    .config
                    .extend(keys.map(|(key, value)| (key.to_owned(), value)));
            })
            .await?;
        }
        for InstanceAt { project, name } in &reattach.start {
            stop(client, project, name).await?;
        }
        reattach.detach(client).await?;
        rename_volume(client, &self.own, self.aside.name()).await?;
        rename_volume(client, &self.incoming, self.own.name()).await?;
        self.point_to_own(&self.aside).await?;
        reattach.attach(client).await?;
        Ok(())
    }

    /// Points devices that somebody added meanwhile, and that followed a rename, back to the volume's
    /// own name.
    async fn point_to_own(&self, from: &Exportable) -> Result<(), RestoreError> {
        let client = &self.context.client;
        let attachments = client.attachments().await?;
        let (from, own) = (from.name(), self.own.name());
        repoint(client, &attachments, &self.work.at, from, own).await?;
        Ok(())
    }

    /// Deletes the old one, starts again what was stopped, and takes the mark off.
    async fn conclude(&self, reattach: &Reattach) -> Result<(), RestoreError> {
        let client = &self.context.client;
        let deleted = delete_volume(client, &self.aside).await;
        if let Err(error) = &deleted {
            self.context.progress.warn(&format!(
                "`{}` is replaced, but the old one, now called `{}`, cannot be deleted: {error}; \
                 the next run tries again",
                self.own, self.aside
            ));
        }
        let started = reattach.start_again(client).await;
        if let Err(error) = started {
            let cause = Box::new(error.into());
            return Err(RestoreError::NotReattached(self.own.to_string(), cause));
        }
        // The mark tells the next run that the old one can go.
        if deleted.is_ok() {
            let unmarked = unmark_volume(client, &self.own).await;
            unmarked.map_err(|error| RestoreError::NotUnmarked(self.own.to_string(), error))?;
        }
        Ok(())
    }

    /// Puts everything back as it was, and gives the error to report.
    async fn put_back(&self, reattach: &Reattach, cause: RestoreError) -> RestoreError {
        let client = &self.context.client;
        let back = async {
            // The old one is wherever the exchange stopped; only one of the names can be it.
            if client.exists(&self.aside).await? {
                if client.exists(&self.own).await? {
                    rename_volume(client, &self.own, self.incoming.name()).await?;
                }
                rename_volume(client, &self.aside, self.own.name()).await?;
            }
            Ok::<(), RestoreError>(())
        };
        let (name, cause) = (self.own.to_string(), Box::new(cause));
        if let Err(undo) = back.await {
            return RestoreError::NotPutBack {
                name,
                aside: self.aside.to_string(),
                undo: undo.to_string(),
                cause,
            };
        }
        let undone = async {
            self.point_to_own(&self.aside).await?;
            self.point_to_own(&self.incoming).await?;
            reattach.attach(client).await?;
            remove(self.context, &self.incoming).await?;
            reattach.start_again(client).await?;
            unmark_volume(client, &self.own).await?;
            Ok::<(), RestoreError>(())
        };
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
}
