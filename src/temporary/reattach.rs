//! What a volume that is replaced must be attached to again.
//!
//! # Design
//!
//! The server renames no volume that a running instance uses, so the instances are stopped. And every
//! device that mounts it is taken out for as long as the names are exchanged. One of a profile that
//! instances use does not follow a rename: 6.0.4 changes the profile, finds the new name missing in
//! the instances, and leaves the profile so (seen). One of an instance follows, but 6.0.4 takes 30 s
//! for each such rename (seen; it changes the instance within the transaction that lists them, which
//! is given up only after that time), and the instances stand still all the while.
//! What was stopped and taken out is written into the mark of both volumes, so that the next run can
//! put it right after a kill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change::{ChangeError, edit_devices, start_after_all, wait};
use super::mark::REATTACH;
use crate::incus::{Attachments, Client, Exportable, Holder, Mount};
use crate::model::{InstanceName, PoolName, ProjectName, ResourceName};

/// An instance of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceAt {
    /// The project.
    pub project: ProjectName,
    /// The name.
    pub name: InstanceName,
}

/// What was stopped and taken out for a volume's sake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reattach {
    /// The instances to start again.
    #[serde(default)]
    pub start: Vec<InstanceAt>,
    /// The devices to put back where they were.
    #[serde(default)]
    pub devices: Vec<Mount>,
}

impl Reattach {
    /// It as the value of its configuration key; nothing where there is nothing to do.
    pub fn config(&self) -> Option<(&'static str, String)> {
        let nothing = self.start.is_empty() && self.devices.is_empty();
        let text = serde_json::to_string(self).ok()?;
        (!nothing).then_some((REATTACH, text))
    }

    /// Reads it from a volume's configuration. One that cannot be understood is as if it were not
    /// there: nobody starts an instance or changes a profile for it.
    pub fn read(config: &BTreeMap<String, String>) -> Self {
        config
            .get(REATTACH)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// Takes the devices out.
    pub async fn detach(&self, client: &Client) -> Result<(), ChangeError> {
        for mount in &self.devices {
            edit_holder(client, mount, |devices| {
                devices.remove(&mount.device);
            })
            .await?;
        }
        Ok(())
    }

    /// Puts back the devices that are not there.
    pub async fn attach(&self, client: &Client) -> Result<(), ChangeError> {
        for mount in &self.devices {
            edit_holder(client, mount, |devices| {
                devices
                    .entry(mount.device.clone())
                    .or_insert_with(|| Value::Object(mount.properties.clone()));
            })
            .await?;
        }
        Ok(())
    }

    /// Starts the instances again. All are tried; the first error is told.
    pub async fn start_again(&self, client: &Client) -> Result<(), ChangeError> {
        let mut result = Ok(());
        for InstanceAt { project, name } in &self.start {
            match start_after_all(client, project, name).await {
                Ok(()) => {}
                // One that was deleted meanwhile needs nothing.
                Err(ChangeError::Incus(error)) if error.is_not_found() => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

/// Changes the devices of what has one; what is gone needs none.
async fn edit_holder(
    client: &Client,
    mount: &Mount,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<(), ChangeError> {
    match &mount.holder {
        Holder::Profile(name) => edit_profile(client, &mount.project, name, edit).await,
        Holder::Instance(name) => match edit_devices(client, &mount.project, name, edit).await {
            Err(ChangeError::NoInstance(_)) => Ok(()),
            edited => edited,
        },
    }
}

async fn edit_profile(
    client: &Client,
    project: &ProjectName,
    name: &str,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<(), ChangeError> {
    let found = client.profile_state(project, name).await?;
    let Some((mut profile, etag)) = found else {
        return Ok(());
    };
    let before = profile.clone();
    if let Some(devices) = profile["devices"].as_object_mut() {
        edit(devices);
    }
    if profile == before {
        return Ok(());
    }
    let body = serde_json::json!({ "config": profile["config"], "devices": profile["devices"],
        "description": profile["description"] });
    let operation = client.update_profile(project, name, body, &etag).await?;
    match operation {
        Some(operation) => wait(client, &operation).await,
        None => Ok(()),
    }
}

/// Where a volume is.
#[derive(Debug, Clone)]
pub struct VolumeAt {
    /// The project that it lives in.
    pub project: ProjectName,
    /// Its pool.
    pub pool: PoolName,
    /// The cluster member that it is on, where that must be said.
    pub member: Option<String>,
}

impl VolumeAt {
    /// The volume of a name there.
    pub fn named(&self, name: &ResourceName) -> Exportable {
        Exportable::volume(self.project.clone(), self.pool.clone(), name.clone())
            .on(self.member.clone())
    }
}

/// Points the devices of instances that mount `from` to `to`.
pub async fn repoint(
    client: &Client,
    attachments: &Attachments,
    at: &VolumeAt,
    from: &ResourceName,
    to: &ResourceName,
) -> Result<(), ChangeError> {
    for mounter in attachments.mounters(&at.project, &at.pool, from) {
        edit_devices(client, &mounter.project, &mounter.name, |devices| {
            for (_, device) in devices.iter_mut() {
                let source = device["source"].as_str().unwrap_or_default();
                let (volume, folder) = source.split_once('/').unwrap_or((source, ""));
                if device["type"] == "disk"
                    && device["pool"] == at.pool.as_str()
                    && volume == from.as_str()
                {
                    let source = match folder {
                        "" => to.to_string(),
                        folder => format!("{to}/{folder}"),
                    };
                    device["source"] = Value::from(source);
                }
            }
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_attached_again_survives_as_configuration() {
        let reattach = Reattach {
            start: vec![InstanceAt {
                project: "shop".parse().unwrap(),
                name: "web".parse().unwrap(),
            }],
            devices: [
                Holder::Profile("with data".into()),
                Holder::Instance("web".parse().unwrap()),
            ]
            .map(|holder| Mount {
                project: "default".parse().unwrap(),
                holder,
                device: "data".into(),
                properties: Map::from_iter([("pool".to_owned(), Value::from("tank"))]),
            })
            .into(),
        };
        let (key, text) = reattach.config().unwrap();
        assert_eq!(
            Reattach::read(&BTreeMap::from([(key.to_owned(), text)])),
            reattach
        );
    }

    #[test]
    fn nothing_to_attach_is_not_written_and_nonsense_does_nothing() {
        assert_eq!(Reattach::default().config(), None);
        for text in ["", "{", r#"{"start":[{"project":"../x","name":"a b"}]}"#] {
            let config = BTreeMap::from([(REATTACH.to_owned(), text.to_owned())]);
            assert_eq!(Reattach::read(&config), Reattach::default());
        }
    }
}
