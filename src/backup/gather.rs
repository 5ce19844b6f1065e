//! What must be known before anything can be planned: reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;

use super::hooks::{Commands, InvalidTimeout};
use super::method::{Circumstances, Storage};
use super::request::{Request, Scope};
use crate::incus::{
    Client, Device, Instance, Pool, Project, is_restricted, is_true, mounted_volume,
};
use crate::model::{Bytes, InstanceName, ProjectName, ResourceId};
use crate::temporary::{Mark, owner_of_drill};

use super::error::BackupError;

/// How many instances are asked for their state at a time.
const AT_A_TIME: usize = 8;

/// What a plan is made from.
#[derive(Debug)]
pub struct Facts {
    /// The instances that exist.
    pub candidates: Vec<Candidate>,
    /// The instances that were asked for and do not exist.
    pub missing: Vec<(ProjectName, InstanceName)>,
    /// How much more can be written to the target.
    pub free: Option<Bytes>,
}

/// One instance, as far as the plan needs to know it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Candidate {
    /// Its project.
    pub project: ProjectName,
    /// Its name.
    pub name: InstanceName,
    /// The cluster member that it is on.
    pub location: String,
    /// The driver of the pool that its root disk is in.
    pub driver: String,
    /// What decides the method; nothing where it has no root disk in a known pool.
    pub circumstances: Option<Circumstances>,
    /// It is a temporary instance of this program.
    pub temporary: bool,
    /// Its cluster member is down: all that is known of it is its name.
    pub unreachable: bool,
    /// It carries `user.backup.exclude`.
    pub excluded: bool,
    /// Its project allows backups.
    pub backups_allowed: bool,
    /// The commands to run inside it.
    pub hooks: Result<Commands, InvalidTimeout>,
    /// The custom volumes that it mounts, as `POOL/NAME`.
    pub volumes: Vec<String>,
    /// What its newest stored version held and took.
    pub stored: Option<Sizes>,
    /// How much its root disk takes, where no version of it is stored and the server says it.
    pub used: Option<Bytes>,
}

/// How large a stored version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// What it holds, uncompressed.
    pub size: Bytes,
    /// What its archive takes.
    pub stored_size: Bytes,
}

/// What is known of a target before anything is written to it.
#[derive(Debug, Default)]
pub struct TargetFacts {
    /// The newest complete version of each resource.
    pub newest: BTreeMap<ResourceId, Sizes>,
    /// How much more can be written.
    pub free: Option<Bytes>,
}

/// Reads what the plan needs.
pub async fn gather(
    client: &Client,
    request: &Request,
    target: &TargetFacts,
) -> Result<Facts, BackupError> {
    let pools: BTreeMap<String, Pool> = client
        .recent_pools()
        .await?
        .into_iter()
        .map(|pool| (pool.name.to_string(), pool))
        .collect();
    let mut facts = Facts {
        candidates: Vec::new(),
        missing: Vec::new(),
        free: target.free,
    };
    for project in projects(client, &request.scope).await? {
        // The list, also for names: it has those of a cluster member that is down, whose own address
        // gives an error.
        let mut instances = client.instances(&project.name).await?;
        if let Scope::Named(_, names) = &request.scope {
            let mut named = Vec::new();
            for name in names {
                match instances.iter().find(|instance| instance.name == *name) {
                    Some(instance) => named.push(instance.clone()),
                    None => facts.missing.push((project.name.clone(), name.clone())),
                }
            }
            instances = named;
        }
        let new = |instance: &&Instance| !target.newest.contains_key(&id_of(&project, instance));
        let silent = &silent(client, instances.iter().filter(new), &pools).await;
        let candidates = futures_util::stream::iter(&instances).map(|instance| {
            let stored = target.newest.get(&id_of(&project, instance)).copied();
            let candidate = candidate(&project, instance, &pools);
            async move {
                let used = match stored {
                    None if !silent.contains(&place(instance)) => usage(client, instance).await,
                    _ => None,
                };
                Candidate {
                    stored,
                    used,
                    ..candidate
                }
            }
        });
        let candidates: Vec<Candidate> = candidates.buffered(AT_A_TIME).collect().await;
        facts.candidates.extend(candidates);
    }
    Ok(facts)
}

fn id_of(project: &Project, instance: &Instance) -> ResourceId {
    ResourceId::instance(project.name.clone(), &instance.name)
}

/// Where the root disk of an instance is: the pool, and the cluster member.
fn place(instance: &Instance) -> (Option<&str>, &str) {
    (root_pool(instance), &instance.location)
}

/// Where the server knows of no disk how much it takes. A pool of driver `dir` does by the quotas of its
/// file system, which has them or not, so that one instance tells for all: a state costs the server 7 ms.
async fn silent<'a>(
    client: &Client,
    instances: impl Iterator<Item = &'a Instance>,
    pools: &BTreeMap<String, Pool>,
) -> BTreeSet<(Option<&'a str>, &'a str)> {
    let is_dir = |name: &str| pools.get(name).is_some_and(|pool| pool.driver == "dir");
    let mut asked = BTreeSet::new();
    let mut silent = BTreeSet::new();
    for instance in instances {
        let place = place(instance);
        if place.0.is_some_and(is_dir)
            && asked.insert(place)
            && usage(client, instance).await.is_none()
        {
            silent.insert(place);
        }
    }
    silent
}

/// How much an instance takes. That it cannot be told is no reason not to back it up.
async fn usage(client: &Client, instance: &Instance) -> Option<Bytes> {
    if instance.is_unreachable() {
        return None;
    }
    let (device, _) = root_device(instance)?;
    let usage = client.root_usage(&instance.project, &instance.name, device);
    usage.await.unwrap_or_else(|error| {
        tracing::debug!(%error, "its size is not known");
        None
    })
}

/// The projects of a scope. A project that does not exist is an error: the server lists nothing for
/// it, and says nothing.
pub(super) async fn projects<N>(
    client: &Client,
    scope: &Scope<N>,
) -> Result<Vec<Project>, BackupError> {
    match scope {
        Scope::AllProjects => {
            let mut projects = client.projects().await?;
            // What a drill has made may be gone in a moment.
            projects.retain(|project| owner_of_drill(&project.name, &project.config).is_none());
            Ok(projects)
        }
        Scope::Named(name, _) | Scope::Project(name) => match client.project(name).await? {
            Some(project) => Ok(vec![project]),
            None => Err(BackupError::NoProject(name.clone())),
        },
    }
}

fn candidate(project: &Project, instance: &Instance, pools: &BTreeMap<String, Pool>) -> Candidate {
    let root = root_pool(instance).and_then(|name| pools.get(name));
    let storage =
        root.map(|pool| Storage::of(&pool.driver, |key| pool.config.get(key).map(String::as_str)));
    Candidate {
        project: project.name.clone(),
        name: instance.name.clone(),
        location: instance.location.clone(),
        driver: root.map(|pool| pool.driver.clone()).unwrap_or_default(),
        circumstances: storage.map(|storage| Circumstances {
            instance_type: instance.instance_type,
            running: is_running(instance),
            storage,
        }),
        temporary: is_temporary(instance),
        unreachable: instance.is_unreachable(),
        excluded: is_excluded(&instance.expanded_config),
        backups_allowed: backups_allowed(&project.config),
        hooks: Commands::of(&instance.expanded_config),
        volumes: mounted_volumes(instance),
        stored: None,
        used: None,
    }
}

/// Whether it stands for another instance. One that carries a mark under its own name is what a
/// replacement left in its place, and a mark that cannot be understood is left alone.
fn is_temporary(instance: &Instance) -> bool {
    match Mark::<InstanceName>::read(&instance.config) {
        Ok(mark) => mark.is_some_and(|mark| mark.name != instance.name),
        Err(_) => true,
    }
}

/// Whether its processes run; a frozen instance changes nothing.
pub(super) fn is_running(instance: &Instance) -> bool {
    !instance.is_stopped() && !instance.is_frozen()
}

/// The pool that the root disk is in.
pub(super) fn root_pool(instance: &Instance) -> Option<&str> {
    root_device(instance)
        .and_then(|(_, device)| device.get("pool"))
        .map(String::as_str)
}

/// The name and properties of the root disk.
pub(super) fn root_device(instance: &Instance) -> Option<(&String, &Device)> {
    instance.expanded_devices.iter().find(|(_, device)| {
        let is = |key: &str, value: &str| device.get(key).is_some_and(|text| text == value);
        is("type", "disk") && is("path", "/")
    })
}

fn mounted_volumes(instance: &Instance) -> Vec<String> {
    let devices = instance.expanded_devices.values();
    let mut volumes: Vec<String> = devices
        .filter_map(mounted_volume)
        .map(|(pool, name)| format!("{pool}/{name}"))
        .collect();
    volumes.sort();
    volumes.dedup();
    volumes
}

/// `restricted.backups` blocks by default in a restricted project.
pub(super) fn backups_allowed(config: &BTreeMap<String, String>) -> bool {
    !is_restricted(config)
        || config
            .get("restricted.backups")
            .is_some_and(|value| value == "allow")
}

/// Whether something of this configuration is to be left out of backups.
pub(super) fn is_excluded(config: &BTreeMap<String, String>) -> bool {
    let own = config.get("user.backup.exclude");
    own.is_some_and(|text| is_true(text))
}
