//! Puts right what killed runs left of custom volumes.

use std::collections::BTreeSet;

use super::change::ChangeError;
use super::reattach::{Reattach, VolumeAt, repoint};
use super::volume::{delete_volume, rename_volume, unmark_volume};
use super::{Found, Mark, Remedy, is_marked, remedies};
use crate::incus::{Client, Volume};
use crate::model::{ProjectName, ResourceName};
use crate::progress::Progress;

/// Puts right what processes that have ended left of the volumes of a project, and tells the user.
///
/// What cannot be put right is told of and left as it is: it must not keep a backup from being made.
pub async fn sweep_volumes(
    client: &Client,
    project: &ProjectName,
    progress: &dyn Progress,
) -> Result<(), ChangeError> {
    for pool in client.recent_pools().await? {
        let volumes = client.volumes(&pool.name, project).await?;
        let of_project = |volume: &&Volume| volume.project == *project;
        let members: BTreeSet<Option<String>> = volumes
            .iter()
            .filter(of_project)
            .filter(|volume| is_marked(&volume.config))
            .map(Volume::member)
            .collect();
        for member in members {
            let here: Vec<&Volume> = volumes
                .iter()
                .filter(of_project)
                .filter(|volume| volume.member() == member)
                .collect();
            let at = VolumeAt {
                project: project.clone(),
                pool: pool.name.clone(),
                member,
            };
            let place = Place {
                client,
                at,
                progress,
            };
            if let Err(error) = place.put_right(&here).await {
                progress.warn(&format!(
                    "cannot put right what an earlier run left: {error}"
                ));
            }
        }
    }
    Ok(())
}

struct Place<'a> {
    client: &'a Client,
    at: VolumeAt,
    progress: &'a dyn Progress,
}

impl Place<'_> {
    async fn put_right(&self, volumes: &[&Volume]) -> Result<(), ChangeError> {
        let mut found = Vec::new();
        for volume in volumes {
            match Mark::<ResourceName>::read(&volume.config) {
                Ok(None) => {}
                Ok(Some(mark)) => found.push(Found {
                    name: volume.name.clone(),
                    liveness: mark.owner.liveness(),
                    mark,
                }),
                Err(error) => self.progress.warn(&format!(
                    "volume `{}` looks like a temporary one, but {error}; it is left alone",
                    volume.name
                )),
            }
        }
        let exists = |name: &ResourceName| volumes.iter().any(|volume| volume.name == *name);
        let remedies = remedies(&found, exists);
        let reattach = |name: &ResourceName| {
            let volume = volumes.iter().find(|volume| volume.name == *name);
            volume
                .map(|volume| Reattach::read(&volume.config))
                .unwrap_or_default()
        };
        // First every name is right, then nothing stands for anything any more, then what used it
        // uses it again.
        for remedy in &remedies {
            self.rename(remedy).await?;
        }
        for remedy in &remedies {
            let (gone, own) = match remedy {
                Remedy::Delete(name) => {
                    let mark = found.iter().find(|found| found.name == *name);
                    (name, mark.map_or(name, |found| &found.mark.name))
                }
                Remedy::DeleteReplaced { aside, name } => (aside, name),
                _ => continue,
            };
            self.delete(gone, own, &reattach(gone)).await?;
        }
        for remedy in &remedies {
            let (now, name) = match remedy {
                Remedy::Keep { name, .. } => (name, name),
                Remedy::PutBack { aside, name, .. } => (aside, name),
                _ => continue,
            };
            let reattach = reattach(now);
            reattach.attach(self.client).await?;
            reattach.start_again(self.client).await?;
            unmark_volume(self.client, &self.at.named(name)).await?;
            for instance in &reattach.start {
                let name = &instance.name;
                self.progress
                    .warn(&format!("started `{name}`, stopped by an earlier run"));
            }
        }
        Ok(())
    }

    async fn rename(&self, remedy: &Remedy<ResourceName>) -> Result<(), ChangeError> {
        match remedy {
            Remedy::PutBack { aside, name, .. } => {
                rename_volume(self.client, &self.at.named(aside), name).await?;
                self.progress.warn(&format!(
                    "put volume `{name}` back, set aside by an earlier run"
                ));
            }
            Remedy::Leave { aside, name } => self.progress.warn(&format!(
                "volume `{aside}` is what `{name}` was before an earlier run replaced it; delete \
                 it when it is no longer needed"
            )),
            _ => {}
        }
        Ok(())
    }

    async fn delete(
        &self,
        gone: &ResourceName,
        own: &ResourceName,
        reattach: &Reattach,
    ) -> Result<(), ChangeError> {
        let attachments = self.client.attachments().await?;
        if own != gone {
            repoint(self.client, &attachments, &self.at, gone, own).await?;
        }
        reattach.attach(self.client).await?;
        delete_volume(self.client, &self.at.named(gone)).await?;
        self.progress.warn(&format!(
            "deleted volume `{gone}`, left behind by an earlier run"
        ));
        Ok(())
    }
}
