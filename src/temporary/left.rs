//! What ended processes left on a server, to be told of: reads, and nothing else.

use super::{Mark, is_marked, owner_of_drill};
use crate::incus::{Client, Error};
use crate::model::{InstanceName, Liveness, ProjectName, ResourceName};

/// The names of what processes of this machine that have ended left on a server.
pub async fn left_over(client: &Client) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for project in client.projects().await? {
        let name = &project.name;
        let owner = owner_of_drill(name, &project.config);
        if owner.is_some_and(|owner| owner.liveness() == Liveness::Dead) {
            found.push(format!("project {name}"));
            continue;
        }
        for instance in client.instances(name).await? {
            let mark = Mark::<InstanceName>::read(&instance.config).ok().flatten();
            if mark.is_some_and(|mark| mark.owner.liveness() == Liveness::Dead) {
                found.push(format!("instance {name}/{}", instance.name));
            }
        }
        found.extend(volumes(client, name).await?);
    }
    Ok(found)
}

async fn volumes(client: &Client, project: &ProjectName) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for pool in client.pools().await? {
        let all = client.volumes(&pool.name, project).await?;
        for volume in all.iter().filter(|volume| volume.project == *project) {
            if !is_marked(&volume.config) {
                continue;
            }
            let mark = Mark::<ResourceName>::read(&volume.config).ok().flatten();
            if mark.is_some_and(|mark| mark.owner.liveness() == Liveness::Dead) {
                found.push(format!("volume {project}/{}/{}", pool.name, volume.name));
            }
        }
    }
    Ok(found)
}
