//! Puts right what killed runs left on a server.

use std::collections::BTreeSet;

use super::change::{ChangeError, delete, rename, resume, start_in_place, unmark};
use super::permit::sweep_project;
use super::{Found, Mark, Remedy, remedies};
use crate::incus::Client;
use crate::model::{InstanceName, ProjectName};
use crate::progress::Progress;

/// Puts right what processes that have ended left in a project, and tells the user.
///
/// What cannot be put right is told of and left as it is: it must not keep a backup from being made.
pub async fn sweep(
    client: &Client,
    project: &ProjectName,
    progress: &dyn Progress,
) -> Result<(), ChangeError> {
    if let Err(error) = sweep_project(client, project, progress).await {
        progress.warn(&format!(
            "cannot put back what an earlier run changed of project `{project}`: {error}"
        ));
    }
    let instances = client.instances(project).await?;
    let names: BTreeSet<InstanceName> = instances
        .iter()
        .map(|instance| instance.name.clone())
        .collect();
    let mut found = Vec::new();
    for instance in &instances {
        match Mark::read(&instance.config) {
            Ok(None) => {}
            Ok(Some(mark)) => {
                let liveness = mark.owner.liveness();
                found.push(Found {
                    name: instance.name.clone(),
                    mark,
                    liveness,
                });
            }
            Err(error) => progress.warn(&format!(
                "`{}` looks like a temporary instance, but {error}; it is left alone",
                instance.name
            )),
        }
    }
    for remedy in remedies(&found, |name| names.contains(name)) {
        if let Err(error) = apply(client, project, &remedy, progress).await {
            progress.warn(&format!(
                "cannot put right what an earlier run left: {error}"
            ));
        }
    }
    Ok(())
}

async fn apply(
    client: &Client,
    project: &ProjectName,
    remedy: &Remedy,
    progress: &dyn Progress,
) -> Result<(), ChangeError> {
    match remedy {
        Remedy::Delete(name) | Remedy::DeleteReplaced { aside: name, .. } => {
            delete(client, project, name).await?;
            progress.warn(&format!("deleted `{name}`, left behind by an earlier run"));
        }
        Remedy::Keep { name, start: false } => unmark(client, project, name).await?,
        Remedy::Keep { name, start: true } => {
            start_in_place(client, project, name).await?;
            progress.warn(&format!("started `{name}`, stopped by an earlier run"));
        }
        Remedy::PutBack { aside, name, start } => {
            rename(client, project, aside, name).await?;
            if *start {
                start_in_place(client, project, name).await?;
            } else {
                unmark(client, project, name).await?;
            }
            progress.warn(&format!("put `{name}` back, set aside by an earlier run"));
        }
        Remedy::Resume(name) => {
            resume(client, project, name).await?;
            progress.warn(&format!("resumed `{name}`, paused by an earlier run"));
        }
        Remedy::Leave { aside, name } => progress.warn(&format!(
            "`{aside}` is what `{name}` was before an earlier run replaced it; delete it when it \
             is no longer needed: incus delete {aside}"
        )),
    }
    Ok(())
}
