//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RestoreError;
use super::request::{Request, Scope};
use crate::incus::{Client, Instance, Project};
use crate::model::{Bytes, InstanceName, PoolName, ProjectName, ResourceId};
use crate::target::Stored;
use crate::temporary::Mark;

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// What was asked for, with the versions that the target holds of each.
    pub wanted: Vec<(ResourceId, Vec<Stored>)>,
    /// The projects of the server that are restored into.
    pub projects: BTreeMap<ProjectName, Server>,
    /// The storage pools of the server.
    pub pools: BTreeMap<PoolName, PoolFacts>,
    /// The architectures that the server runs; empty where it does not say.
    pub architectures: Vec<String>,
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
    /// The profiles that its instances can use.
    pub profiles: BTreeSet<String>,
    /// The networks that its instances can use.
    pub networks: BTreeSet<String>,
    /// The custom volumes that its instances can mount, as `POOL/NAME`.
    pub volumes: BTreeSet<String>,
    /// Why it would refuse every import, if it would.
    pub refuses_imports: Option<String>,
}

/// What matters of an instance that exists.
#[derive(Debug, Clone, Copy)]
pub struct Existence {
    /// It is not stopped.
    pub running: bool,
    /// It cannot be deleted.
    pub protected: bool,
}

/// Reads what the plan needs; `stored` is what the target holds of the source.
pub async fn gather(
    client: &Client,
    request: &Request,
    stored: Vec<Stored>,
) -> Result<Facts, RestoreError> {
    let mut facts = Facts {
        wanted: wanted(&request.scope, stored),
        architectures: client.server().architectures.clone(),
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
    if let Scope::Named(name, _) | Scope::Project(name) = &request.scope
        && client.project(name).await?.is_none()
    {
        return Err(RestoreError::NoProject(name.clone()));
    }
    let projects: BTreeSet<ProjectName> = facts
        .wanted
        .iter()
        .filter_map(|(id, _)| id.project().cloned())
        .collect();
    for name in projects {
        if let Some(project) = client.project(&name).await? {
            let server = server(client, &project, &facts).await?;
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

async fn server(client: &Client, project: &Project, facts: &Facts) -> Result<Server, RestoreError> {
    let mut server = Server {
        refuses_imports: refuses_imports(project),
        ..Server::default()
    };
    for instance in client.instances(&project.name).await? {
        server
            .instances
            .insert(instance.name.clone(), existence(&instance));
    }
    server
        .profiles
        .extend(client.profiles(&project.name).await?);
    server
        .networks
        .extend(client.networks(&project.name).await?);
    let mut pools = BTreeSet::new();
    for (_, versions) in &facts.wanted {
        let manifests = versions
            .iter()
            .filter_map(|stored| stored.manifest.as_ref());
        let volumes = manifests.flat_map(|manifest| &manifest.requires.volumes);
        pools.extend(
            volumes
                .filter_map(|volume| volume.split_once('/'))
                .map(|(pool, _)| pool),
        );
    }
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
        running: !instance.is_stopped(),
        protected: protection.is_some_and(|value| value == "true")
            && !Mark::is_on(&instance.config),
    }
}

/// Projects with limits or restrictions refuse every import, because archives carry `volatile.*`
/// keys (`checkRestrictionsOnVolatileConfig`), unless low-level configuration is allowed.
fn refuses_imports(project: &Project) -> Option<String> {
    let is = |key: &str, value: &str| project.config.get(key).is_some_and(|text| text == value);
    let limited = project.config.keys().any(|key| key.starts_with("limits."));
    let allowed = is("restricted.containers.lowlevel", "allow")
        && is("restricted.virtual-machines.lowlevel", "allow");
    ((limited || is("restricted", "true")) && !allowed).then(|| {
        format!(
            "project `{name}` has limits or restrictions, and the server refuses imports into such \
             projects; allow them for the time of the restore: incus project set {name} \
             restricted.containers.lowlevel=allow restricted.virtual-machines.lowlevel=allow",
            name = project.name
        )
    })
}
