//! Projects that exist only while a restored copy is looked at.
//!
//! Such a project is removed by the run that made it, or after its death by the next one. Three things
//! must fit before anything of it is touched: its name, its mark, and the process that the mark names.
//! Of what is in it only copies and profiles are removed; where somebody put something else there, the
//! server refuses to delete the project, and the user is told. The mark is there from the project's
//! first moment on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::change::{ChangeError, delete};
use super::mark::is_temporary;
use super::{Mark, Role};
use crate::incus::Client;
use crate::model::{
    InstanceName, Liveness, ObjectId, ObjectKind, Owner, ProjectName, ResourceName,
};
use crate::progress::Progress;

/// How often a run tries to remove its own: an import that was cut off may still be on its way.
const OWN_TRIES: u32 = 60;
/// How often it tries to remove what another one left: its own work waits for that.
const OTHERS_TRIES: u32 = 10;
/// How long is waited in between.
const PAUSE: Duration = Duration::from_secs(1);
/// The features that a temporary project has for itself. Its images and networks are those of
/// `default`: nothing is made of them.
const OWN: [&str; 3] = [
    "features.profiles",
    "features.storage.buckets",
    "features.storage.volumes",
];

/// Makes a marked project, with a profile without content for each name.
pub async fn create_project(
    client: &Client,
    project: &ProjectName,
    mark: &Mark,
    profiles: &[String],
) -> Result<(), ChangeError> {
    let mut config = BTreeMap::from(mark.config());
    config.extend(OWN.map(|feature| (feature, "true".to_owned())));
    config.insert("features.images", "false".to_owned());
    let id = ObjectId::of_server(ObjectKind::Project, ResourceName::from(project));
    let body = json!({ "name": project, "description": "", "config": config });
    client.create_object(&id, body).await?;
    for name in profiles.iter().filter(|name| *name != "default") {
        if let Some(id) = profile(project, name) {
            client.create_object(&id, json!({ "name": name })).await?;
        }
    }
    Ok(())
}

fn profile(project: &ProjectName, name: &str) -> Option<ObjectId> {
    let name: ResourceName = name.parse().ok()?;
    let kind = ObjectKind::Profile;
    Some(ObjectId::in_project(kind, project.clone(), name))
}

/// Removes a project that a process made for a drill, and the copy that is in it; one that is not there,
/// or that is not that process's, is as good.
pub async fn remove_project(
    client: &Client,
    project: &ProjectName,
    owner: &Owner,
) -> Result<(), ChangeError> {
    try_to_remove(client, (project, owner), OWN_TRIES).await
}

async fn try_to_remove(
    client: &Client,
    (project, owner): (&ProjectName, &Owner),
    mut tries: u32,
) -> Result<(), ChangeError> {
    loop {
        match remove(client, project, owner).await {
            Ok(()) => return Ok(()),
            Err(error) if tries == 0 => return Err(error),
            Err(error) => tracing::debug!(%error, %project, "is tried again"),
        }
        tries -= 1;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn remove(client: &Client, name: &ProjectName, owner: &Owner) -> Result<(), ChangeError> {
    let Some(project) = client.project(name).await? else {
        return Ok(());
    };
    if owner_of_drill(name, &project.config).as_ref() != Some(owner) {
        return Ok(());
    }
    for instance in client.instances(name).await? {
        if is_temporary(instance.name.as_str()) {
            delete(client, name, &instance.name).await?;
        }
    }
    // Without that feature they would be those of `default`.
    let has = |feature: &str| project.config.get(feature).is_some_and(|it| it == "true");
    if has("features.profiles") {
        for found in client.profiles(name).await? {
            if found.name != "default"
                && let Some(id) = profile(name, &found.name)
            {
                client.delete_object(&id).await?;
            }
        }
    }
    client.delete_project(name).await?;
    Ok(())
}

/// Who made a project to look at a copy in it; `None` where it is no such project.
pub fn owner_of_drill(name: &ProjectName, config: &BTreeMap<String, String>) -> Option<Owner> {
    let mark = Mark::<InstanceName>::read(config).ok().flatten()?;
    (mark.role == Role::Drill && is_temporary(name.as_str())).then_some(mark.owner)
}

/// Removes the temporary projects of processes that have ended, and tells the user; gives those that are
/// gone.
pub async fn sweep_projects(
    client: &Client,
    progress: &dyn Progress,
) -> Result<BTreeSet<ProjectName>, ChangeError> {
    let mut gone = BTreeSet::new();
    for project in client.projects().await? {
        let name = project.name;
        let owner = owner_of_drill(&name, &project.config);
        let Some(owner) = owner.filter(|owner| owner.liveness() == Liveness::Dead) else {
            continue;
        };
        match try_to_remove(client, (&name, &owner), OTHERS_TRIES).await {
            Ok(()) => {
                progress.warn(&format!(
                    "deleted project `{name}`, left behind by an earlier run"
                ));
                gone.insert(name);
            }
            Err(error) => progress.warn(&format!(
                "cannot delete project `{name}`, left behind by an earlier run: {error}"
            )),
        }
    }
    Ok(gone)
}
