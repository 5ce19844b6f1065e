//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::RestoreError;
use super::super::gather::PoolFacts;
use super::super::key;
use super::super::legacy;
use super::super::member::Members;
use super::super::request::Selection;
use super::super::select::are_damaged;
use super::request::{VolumeRequest, VolumeScope};
use crate::incus::{Attachments, Client, Mounter};
use crate::model::{PoolName, ProjectName, ResourceId, ResourceName};
use crate::plan::Coming;
use crate::target::{Stored, Target};
use crate::temporary::returning_volumes;

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct VolumeFacts {
    /// What was asked for, with the versions that the target holds of each.
    pub wanted: Vec<(ResourceId, Vec<Stored>)>,
    /// The projects that are restored into, and the project that the volumes of each live in.
    pub homes: BTreeMap<ProjectName, ProjectName>,
    /// The storage pools of the server.
    pub pools: BTreeMap<PoolName, PoolFacts>,
    /// The custom volumes of those projects.
    pub volumes: BTreeMap<(ProjectName, PoolName, ResourceName), ExistingVolume>,
    /// The members of the cluster that the server is in.
    pub members: Members,
}

/// What matters of a volume that exists.
#[derive(Debug, Default)]
pub struct ExistingVolume {
    /// The instances that mount it.
    pub mounters: Vec<Mounter>,
    /// The cluster member that it is on.
    pub member: Option<String>,
    /// The server keeps its own things in it.
    pub of_the_server: bool,
}

impl VolumeFacts {
    /// Counts on what earlier steps of the same plan will have made. A project that is not there yet
    /// has volumes of its own where some are stored of it.
    pub fn expect(&mut self, coming: &Coming) {
        for (name, driver) in &coming.pools {
            self.pools.entry(name.clone()).or_insert(PoolFacts {
                driver: driver.clone(),
                free: None,
            });
        }
        for name in coming.projects.keys() {
            let home = || name.clone();
            self.homes.entry(name.clone()).or_insert_with(home);
        }
    }
}

/// Reads what the plan needs; `stored` is what the target holds of the source.
pub async fn gather_volumes(
    client: &Client,
    request: &VolumeRequest,
    target: &Arc<dyn Target>,
    stored: Vec<Stored>,
) -> Result<VolumeFacts, RestoreError> {
    let mapping = &request.mapping;
    let home = match &request.scope {
        VolumeScope::Named(project, _) | VolumeScope::Project(project) => {
            let to = mapping.project(project);
            if client.project(to).await?.is_none() {
                return Err(RestoreError::NoProject(to.clone()));
            }
            let found = client.visible_project(project).await?;
            found.map(|project| project.of_volumes())
        }
        VolumeScope::AllProjects => None,
    };
    let mut facts = VolumeFacts {
        wanted: wanted(&request.scope, home.as_ref(), stored),
        members: Members::read(client).await?,
        ..VolumeFacts::default()
    };
    let versions = facts.wanted.iter().map(|(_, versions)| versions);
    key::unlock(target, versions, request.selection).await?;
    legacy::complete(target, request.selection, &mut facts.wanted).await?;
    for pool in client.pools().await? {
        let free = client.pool_free(&pool.name).await.unwrap_or_default();
        let driver = pool.driver;
        facts.pools.insert(pool.name, PoolFacts { driver, free });
    }
    let attachments = client.attachments().await?;
    let own = client.own_volumes().await?;
    let projects: Vec<ProjectName> = facts
        .wanted
        .iter()
        .filter_map(|(id, _)| id.project())
        .map(|project| mapping.project(project).clone())
        .collect();
    for project in projects {
        if facts.homes.contains_key(&project) {
            continue;
        }
        let Some(found) = client.visible_project(&project).await? else {
            continue;
        };
        let home = found.of_volumes();
        facts.homes.insert(project, home.clone());
        existing(client, &mut facts, &home, (&attachments, &own)).await?;
    }
    Ok(facts)
}

async fn existing(
    client: &Client,
    facts: &mut VolumeFacts,
    home: &ProjectName,
    (attachments, own): (&Attachments, &[String]),
) -> Result<(), RestoreError> {
    let pools: Vec<PoolName> = facts.pools.keys().cloned().collect();
    for pool in pools {
        let volumes = client.volumes(&pool, home).await?;
        // What a killed replacement set aside has its name again before this plan is applied.
        for (name, aside, mounters) in returning_volumes(&volumes, home) {
            let mut found = ExistingVolume {
                mounters: attachments.mounters(home, &pool, &name),
                member: aside.member(),
                of_the_server: false,
            };
            found.mounters.retain(|mounter| {
                let same =
                    |it: &Mounter| (&it.project, &it.name) == (&mounter.project, &mounter.name);
                !mounters.iter().any(same)
            });
            found.mounters.extend(mounters);
            let key = (home.clone(), pool.clone(), name);
            facts.volumes.insert(key, found);
        }
        for volume in volumes {
            let found = ExistingVolume {
                mounters: attachments.mounters(home, &pool, &volume.name),
                member: volume.member(),
                of_the_server: home.as_str() == "default"
                    && own.contains(&format!("{pool}/{}", volume.name)),
            };
            let key = (home.clone(), pool.clone(), volume.name);
            facts.volumes.insert(key, found);
        }
    }
    Ok(())
}

/// What was asked for, in the order of the request, or all that is stored of the scope. What a
/// project without volumes of its own sees is stored for the project that they live in.
fn wanted(
    scope: &VolumeScope,
    home: Option<&ProjectName>,
    stored: Vec<Stored>,
) -> Vec<(ResourceId, Vec<Stored>)> {
    let mut of_each: BTreeMap<ResourceId, Vec<Stored>> = BTreeMap::new();
    for version in stored {
        of_each
            .entry(version.id.resource.clone())
            .or_default()
            .push(version);
    }
    match scope {
        VolumeScope::AllProjects => of_each.into_iter().collect(),
        VolumeScope::Project(project) => of_each
            .into_iter()
            .filter(|(id, _)| id.project() == Some(project) || id.project() == home)
            .collect(),
        VolumeScope::Named(project, subjects) => subjects
            .iter()
            .map(|subject| {
                let own = subject.in_project(project.clone());
                let id = match home {
                    Some(home) if !of_each.contains_key(&own) => subject.in_project(home.clone()),
                    _ => own,
                };
                let versions = of_each.remove(&id).unwrap_or_default();
                (id, versions)
            })
            .collect(),
    }
}

/// Whether something that was asked for is refused because what is stored of it is damaged.
pub fn lacks_undamaged_volume(selection: Selection, facts: &VolumeFacts) -> bool {
    facts
        .wanted
        .iter()
        .any(|(_, versions)| are_damaged(versions, selection))
}
