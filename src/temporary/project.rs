//! Projects that exist only while a restored copy is looked at.
//!
//! Everything in such a project belongs to the run that made it, so that it is removed with all that
//! is in it: by that run, or after its death by the next one. The mark is there from the project's
//! first moment on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::change::{ChangeError, delete};
use super::mark::is_temporary;
use super::{Mark, Role};
use crate::incus::Client;
use crate::model::{InstanceName, Liveness, ObjectId, ObjectKind, ProjectName, ResourceName};
use crate::progress::Progress;

/// How often a removal is tried: an import that was cut off may still be on its way.
const TRIES: u32 = 60;
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

/// Removes a project that a mark says is temporary, and all that is in it; one that is not there is as
/// good. What carries no such mark is not touched.
pub async fn remove_project(client: &Client, project: &ProjectName) -> Result<(), ChangeError> {
    let mut tries = TRIES;
    loop {
        match remove(client, project).await {
            Ok(()) => return Ok(()),
            Err(error) if tries == 0 => return Err(error),
            Err(error) => tracing::debug!(%error, %project, "is tried again"),
        }
        tries -= 1;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn remove(client: &Client, name: &ProjectName) -> Result<(), ChangeError> {
    let Some(project) = client.project(name).await? else {
        return Ok(());
    };
    if drilled(&project.config).is_none() || !is_temporary(name) {
        return Ok(());
    }
    for instance in client.instances(name).await? {
        delete(client, name, &instance.name).await?;
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

/// The mark of a project that a copy is looked at in.
fn drilled(config: &BTreeMap<String, String>) -> Option<Mark> {
    let mark = Mark::<InstanceName>::read(config).ok().flatten();
    mark.filter(|mark| mark.role == Role::Drill)
}

/// Removes the temporary projects of processes that have ended, and tells the user.
pub async fn sweep_projects(client: &Client, progress: &dyn Progress) -> Result<(), ChangeError> {
    for project in client.projects().await? {
        let mark = drilled(&project.config).filter(|_| is_temporary(&project.name));
        if mark.is_none_or(|mark| mark.owner.liveness() != Liveness::Dead) {
            continue;
        }
        let name = &project.name;
        match remove_project(client, name).await {
            Ok(()) => progress.warn(&format!(
                "deleted project `{name}`, left behind by an earlier run"
            )),
            Err(error) => progress.warn(&format!(
                "cannot delete project `{name}`, left behind by an earlier run: {error}"
            )),
        }
    }
    Ok(())
}
