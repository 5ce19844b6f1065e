//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::member::Members;
use crate::incus::{BucketKey, Client};
use crate::model::{PoolName, ProjectName, ResourceId, ResourceName, SourceName, Subject};
use crate::plan::Coming;
use crate::restore::key;
use crate::restore::select::select;
use crate::restore::{Existing, Mapping, RestoreError, Selection};
use crate::retrieve::{self, Damage};
use crate::target::{Stored, StoredId, Target};

/// A request to bring buckets of one source back to one server.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose backups.
    pub source: SourceName,
    /// Which buckets.
    pub scope: Scope,
    /// Which versions of them.
    pub selection: Selection,
    /// What becomes of buckets that are there.
    pub existing: Existing,
    /// Another name, for a single bucket.
    pub target_name: Option<ResourceName>,
    /// Other projects and pools than those the backups name.
    pub mapping: Mapping,
}

/// Which buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These of a project.
    Named(ProjectName, Vec<Subject>),
    /// Every stored one of a project.
    Project(ProjectName),
    /// Every stored one.
    AllProjects,
}

/// What a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    /// What was asked for, with the versions that the target holds of each.
    pub wanted: Vec<(ResourceId, Vec<Stored>)>,
    /// What was stored of the keys of the versions that are meant.
    pub keys: BTreeMap<StoredId, Vec<BucketKey>>,
    /// The projects of the server that are restored into, by the name that was asked for.
    pub servers: BTreeMap<ProjectName, Server>,
    /// The storage pools of the server and their drivers.
    pub pools: BTreeMap<PoolName, String>,
    /// The access keys that buckets of the server have.
    pub access_keys: BTreeSet<String>,
    /// The server can import buckets.
    pub imports: bool,
    /// The server serves the buckets of its own pools.
    pub served: bool,
    /// The members of the cluster that the server is in.
    pub members: Members,
}

/// What a project of the server has.
#[derive(Debug)]
pub struct Server {
    /// The project that its buckets live in.
    pub home: ProjectName,
    /// The buckets that are there.
    pub buckets: BTreeSet<(PoolName, ResourceName)>,
}

impl Facts {
    /// Counts on what earlier steps of the same plan will have made. A project that is not there yet
    /// has buckets of its own where some are stored of it.
    pub fn expect(&mut self, coming: &Coming) {
        for (name, driver) in &coming.pools {
            let pool = self.pools.entry(name.clone());
            pool.or_insert_with(|| driver.clone());
        }
        for name in coming.projects.keys() {
            let server = self.servers.entry(name.clone());
            server.or_insert_with(|| Server {
                home: name.clone(),
                buckets: BTreeSet::new(),
            });
        }
        self.served |= coming.serves_buckets;
    }
}

/// Reads what the plan needs; `stored` is what the target holds of the source's buckets.
pub async fn gather(
    client: &Client,
    request: &Request,
    target: &Arc<dyn Target>,
    stored: Vec<Stored>,
) -> Result<Facts, RestoreError> {
    let mut facts = Facts {
        imports: client.has("storage_bucket_backup"),
        served: client.bucket_service().await?.address.is_some(),
        members: Members::read(client).await?,
        ..Facts::default()
    };
    for pool in client.pools().await? {
        facts.pools.insert(pool.name, pool.driver);
    }
    facts.wanted = wanted(client, &request.scope, stored).await?;
    let versions = facts.wanted.iter().map(|(_, versions)| versions);
    key::unlock(target, versions, request.selection).await?;
    facts.keys = keys(target, request, &facts).await?;
    let projects: BTreeSet<ProjectName> = facts
        .wanted
        .iter()
        .filter_map(|(id, _)| Some(request.mapping.project(id.project()?).clone()))
        .collect();
    let mut homes = BTreeMap::new();
    for project in client.projects().await? {
        homes.insert(project.name.clone(), project.of_buckets());
    }
    for home in homes.values().collect::<BTreeSet<_>>() {
        let buckets = buckets(client, &mut facts, home).await?;
        for (name, _) in homes
            .iter()
            .filter(|(name, of)| *of == home && projects.contains(*name))
        {
            let server = Server {
                home: home.clone(),
                buckets: buckets.clone(),
            };
            facts.servers.insert(name.clone(), server);
        }
    }
    Ok(facts)
}

/// The buckets that live in a project. Their access keys are taken.
async fn buckets(
    client: &Client,
    facts: &mut Facts,
    home: &ProjectName,
) -> Result<BTreeSet<(PoolName, ResourceName)>, RestoreError> {
    let mut found = BTreeSet::new();
    let pools: Vec<PoolName> = facts.pools.keys().cloned().collect();
    for pool in pools {
        for bucket in client.buckets(&pool, home).await? {
            if bucket.project != *home {
                continue;
            }
            // Whoever serves one serves the others, also where its configuration is not shown.
            facts.served |= bucket.is_served();
            let keys = client.bucket_keys(&bucket.exportable(&pool)).await?;
            facts
                .access_keys
                .extend(keys.into_iter().map(|key| key.access_key));
            found.insert((pool.clone(), bucket.name));
        }
    }
    Ok(found)
}

/// What was asked for, in the order of the request, or all that is stored of the scope.
async fn wanted(
    client: &Client,
    scope: &Scope,
    stored: Vec<Stored>,
) -> Result<Vec<(ResourceId, Vec<Stored>)>, RestoreError> {
    let mut of_each: BTreeMap<ResourceId, Vec<Stored>> = BTreeMap::new();
    for version in stored {
        let id = version.id.resource.clone();
        of_each.entry(id).or_default().push(version);
    }
    let project = match scope {
        Scope::AllProjects => return Ok(of_each.into_iter().collect()),
        Scope::Project(name) | Scope::Named(name, _) => name,
    };
    // A project without buckets of its own sees those of `default`.
    let known = of_each.keys().any(|id| id.project() == Some(project));
    let home = match client.visible_project(project).await? {
        Some(found) if !known => found.of_buckets(),
        None if !known => return Err(RestoreError::NoProject(project.clone())),
        _ => project.clone(),
    };
    of_each.retain(|id, _| id.project() == Some(&home));
    let Scope::Named(_, subjects) = scope else {
        return Ok(of_each.into_iter().collect());
    };
    let of = |subject: &Subject| {
        let id = subject.in_project(home.clone());
        let versions = of_each.remove(&id).unwrap_or_default();
        (id, versions)
    };
    Ok(subjects.iter().map(of).collect())
}

/// Reads the stored keys of the versions that are meant. What is damaged is found again when it is
/// restored, and told then.
async fn keys(
    target: &Arc<dyn Target>,
    request: &Request,
    facts: &Facts,
) -> Result<BTreeMap<StoredId, Vec<BucketKey>>, RestoreError> {
    let chosen = facts
        .wanted
        .iter()
        .filter_map(|(_, versions)| select(versions, request.selection).ok());
    let chosen: Vec<StoredId> = chosen.map(|stored| stored.id.clone()).collect();
    let target = target.clone();
    tokio::task::spawn_blocking(move || {
        let mut keys = BTreeMap::new();
        for id in chosen {
            let opened = target.open(&id)?;
            if let Ok(found) = read_keys(&*opened) {
                keys.insert(id, found);
            }
        }
        Ok(keys)
    })
    .await
    .map_err(|_| RestoreError::Worker)?
}

/// The keys in a version's record, which must be what was written. Blocks.
pub(super) fn read_keys(opened: &dyn crate::target::Opened) -> Result<Vec<BucketKey>, Damage> {
    let bytes = retrieve::small(opened, "bucket.json")?;
    let mut record: serde_json::Value = serde_json::from_slice(&bytes).map_err(Damage::Record)?;
    let keys = match record["keys"].take() {
        serde_json::Value::Array(keys) => keys,
        _ => Vec::new(),
    };
    keys.into_iter()
        .map(BucketKey::parse)
        .collect::<Result<_, _>>()
        .map_err(Damage::Record)
}
