//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::description::Description;
use super::error::RestoreError;
use super::limits::Limits;
use super::member::Members;
use super::request::{Request, Scope};
use super::select::select;
use super::{key, legacy};
use crate::incus::{Client, Instance, InstanceKeys, Project};
use crate::model::{Bytes, InstanceName, InstanceType, PoolName, ProjectName, ResourceId};
use crate::plan::Coming;
use crate::target::{Stored, StoredId, Target};
use crate::temporary::{is_marked, returning_instances};

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// What was asked for, with the versions that the target holds of each.
    pub wanted: Vec<(ResourceId, Vec<Stored>)>,
    /// What was saved beside the versions that are meant.
    pub described: BTreeMap<StoredId, Description>,
    /// The projects of the server that are restored into, and those that the backups are of.
    pub projects: BTreeMap<ProjectName, Server>,
    /// The storage pools of the server.
    pub pools: BTreeMap<PoolName, PoolFacts>,
    /// The members of the cluster that the server is in.
    pub members: Members,
    /// The architectures that the server runs; empty where it does not say.
    pub architectures: Vec<String>,
    /// The configuration keys that the server knows, where something comes from one of another version.
    pub keys: Option<InstanceKeys>,
}

/// What matters of a storage pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFacts {
    /// Its driver.
    pub driver: String,
    /// How much more it can hold, where the server says it.
    pub free: Option<Bytes>,
}

/// What a project of the server has.
#[derive(Debug, Default)]
pub struct Server {
    /// Its instances.
    pub instances: BTreeMap<InstanceName, Existence>,
    /// The profiles that its instances can use, and the names of their devices.
    pub profiles: BTreeMap<String, BTreeSet<String>>,
    /// The networks that its instances can use.
    pub networks: BTreeSet<String>,
    /// The custom volumes that its instances can mount, as `POOL/NAME`.
    pub volumes: BTreeSet<String>,
    /// Its limits and restrictions.
    pub limits: Limits,
}

/// What matters of an instance that exists.
#[derive(Debug, Clone, Copy)]
pub struct Existence {
    /// Container or virtual machine.
    pub instance_type: InstanceType,
    /// It is not stopped.
    pub running: bool,
    /// It cannot be deleted.
    pub protected: bool,
}

impl Facts {
    /// Counts on what earlier steps of the same plan will have made.
    pub fn expect(&mut self, coming: &Coming) {
        for (name, driver) in &coming.pools {
            self.pools.entry(name.clone()).or_insert(PoolFacts {
                driver: driver.clone(),
                free: None,
            });
        }
        for (name, project) in &coming.projects {
            let server = self.projects.entry(name.clone()).or_default();
            for (profile, devices) in &project.profiles {
                server.profiles.insert(profile.clone(), devices.clone());
            }
            server.networks.extend(project.networks.iter().cloned());
            server.volumes.extend(project.volumes.iter().cloned());
        }
    }

    /// Whether what a backup is of exists on the server, where it was.
    pub(super) fn has_original(&self, id: &ResourceId) -> bool {
        let server = id.project().and_then(|project| self.projects.get(project));
        let mut instances = server
            .into_iter()
            .flat_map(|server| server.instances.keys());
        instances.any(|name| id.name().is_some_and(|own| own.as_str() == name.as_str()))
    }

    /// The pools that anything of the wanted versions names.
    fn named_pools(&self, request: &Request) -> BTreeSet<String> {
        let versions = self.wanted.iter().flat_map(|(_, versions)| versions);
        let manifests = versions.filter_map(|stored| stored.manifest.as_ref());
        let required = manifests.flat_map(|manifest| &manifest.requires.volumes);
        let required = required.filter_map(|volume| volume.split_once('/'));
        let mut pools: BTreeSet<String> = required.map(|(pool, _)| pool.to_owned()).collect();
        for description in self.described.values() {
            pools.extend(description.volume_pools());
        }
        let mapping = &request.options.mapping;
        let mapped = pools.iter().map(|pool| mapping.pool(pool).to_owned());
        let mapped: Vec<String> = mapped.collect();
        pools.extend(mapped);
        pools
    }
}

/// Reads what the plan needs; `stored` is what the target holds of the source.
pub async fn gather(
    client: &Client,
    request: &Request,
    target: &Arc<dyn Target>,
    stored: Vec<Stored>,
) -> Result<Facts, RestoreError> {
    let mut facts = Facts {
        wanted: wanted(&request.scope, stored),
        architectures: client.server().architectures.clone(),
        members: Members::read(client).await?,
        ..Facts::default()
    };
    for pool in client.pools().await? {
        let free = client.pool_free(&pool.name).await;
        let free = free.unwrap_or_else(|error| {
            tracing::debug!(%error, "its free space is not known");
            None
        });
        let driver = pool.driver;
        facts.pools.insert(pool.name, PoolFacts { driver, free });
    }
    let mapping = &request.options.mapping;
    if let Scope::Named(name, _) | Scope::Project(name) = &request.scope
        && client.project(mapping.project(name)).await?.is_none()
    {
        return Err(RestoreError::NoProject(mapping.project(name).clone()));
    }
    let versions = facts.wanted.iter().map(|(_, versions)| versions);
    key::unlock(target, versions, request.selection).await?;
    let wanted = &mut facts.wanted;
    facts.described = legacy::complete(target, request.selection, wanted).await?;
    let meant = facts.wanted.iter();
    let meant = meant.filter_map(|(_, versions)| select(versions, request.selection).ok());
    let meant = meant.filter(|stored| !stored.is_legacy());
    let meant: Vec<&Stored> = meant.collect();
    let version = &client.server().version;
    let manifests = meant.iter().filter_map(|stored| stored.manifest.as_ref());
    if manifests
        .into_iter()
        .any(|it| it.server_version != *version)
    {
        facts.keys = client.instance_keys().await?;
    }
    let ids = meant.iter().map(|stored| stored.id.clone()).collect();
    facts
        .described
        .extend(described(target.clone(), ids).await?);
    let stored = facts.wanted.iter().filter_map(|(id, _)| id.project());
    let projects: BTreeSet<ProjectName> = stored
        .flat_map(|project| [project, mapping.project(project)])
        .cloned()
        .collect();
    let pools = facts.named_pools(request);
    for name in projects {
        if let Some(project) = client.visible_project(&name).await? {
            let server = server(client, &project, &facts, &pools).await?;
            facts.projects.insert(name, server);
        }
    }
    Ok(facts)
}

/// What was asked for, in the order of the request, or all that is stored of the scope.
fn wanted(scope: &Scope, stored: Vec<Stored>) -> Vec<(ResourceId, Vec<Stored>)> {
    let mut of_each: BTreeMap<ResourceId, Vec<Stored>> = BTreeMap::new();
    for version in stored {
        of_each
            .entry(version.id.resource.clone())
            .or_default()
            .push(version);
    }
    match scope {
        Scope::AllProjects => of_each.into_iter().collect(),
        Scope::Project(project) => of_each
            .into_iter()
            .filter(|(id, _)| id.project() == Some(project))
            .collect(),
        Scope::Named(project, names) => names
            .iter()
            .map(|name| {
                let id = ResourceId::stored_instance(project.clone(), name.clone());
                let versions = of_each.remove(&id).unwrap_or_default();
                (id, versions)
            })
            .collect(),
    }
}

/// What was saved beside versions. One that cannot be read is passed over: the manifest alone says
/// less, and the archive has its own check.
async fn described(
    target: Arc<dyn Target>,
    ids: Vec<StoredId>,
) -> Result<BTreeMap<StoredId, Description>, RestoreError> {
    let read = move || {
        let load = |id: StoredId| match Description::load(&target, &id) {
            Ok(description) => Some((id, description)),
            Err(error) => {
                tracing::warn!(%error, version = %id.version, "instance.json is not used");
                None
            }
        };
        ids.into_iter().filter_map(load).collect()
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| RestoreError::Worker)
}

async fn server(
    client: &Client,
    project: &Project,
    facts: &Facts,
    pools: &BTreeSet<String>,
) -> Result<Server, RestoreError> {
    let mut server = Server {
        limits: Limits::of(project, client),
        ..Server::default()
    };
    let instances = client.instances(&project.name).await?;
    for instance in &instances {
        let name = instance.name.clone();
        server.instances.insert(name, existence(instance));
    }
    // What a killed replacement set aside has its name again before this plan is applied.
    for (name, aside, running) in returning_instances(&instances) {
        let back = Existence {
            running,
            ..existence(aside)
        };
        server.instances.insert(name, back);
    }
    for profile in client.profiles(&project.name).await? {
        let devices = profile.raw["devices"].as_object();
        let devices = devices.into_iter().flatten();
        let devices = devices.map(|(device, _)| device.clone()).collect();
        server.profiles.insert(profile.name, devices);
    }
    server
        .networks
        .extend(client.networks(&project.name).await?);
    for pool in facts
        .pools
        .keys()
        .filter(|pool| pools.contains(pool.as_str()))
    {
        let names = client.custom_volumes(pool, &project.name).await?;
        server
            .volumes
            .extend(names.into_iter().map(|name| format!("{pool}/{name}")));
    }
    Ok(server)
}

fn existence(instance: &Instance) -> Existence {
    let protection = instance.expanded_config.get("security.protection.delete");
    Existence {
        instance_type: instance.instance_type,
        running: !instance.is_stopped(),
        protected: protection.is_some_and(|value| value == "true") && !is_marked(&instance.config),
    }
}
