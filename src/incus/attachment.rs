//! Which instances mount a custom volume, and by which profiles.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::client::Client;
use super::instance::{Device, Instance};
use super::object::Project;
use crate::model::{InstanceName, PoolName, ProjectName, ResourceName};

/// The instances and profiles of every project that can be seen.
#[derive(Debug, Default)]
pub struct Attachments {
    projects: Vec<Attached>,
}

/// The instances and profiles of one project.
#[derive(Debug)]
struct Attached {
    /// The project that their volumes live in.
    volumes: ProjectName,
    project: ProjectName,
    instances: Vec<Instance>,
    profiles: Vec<Value>,
}

/// An instance that mounts a volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mounter {
    /// Its project.
    pub project: ProjectName,
    /// Its name.
    pub name: InstanceName,
    /// Whether its processes run: neither stopped nor frozen.
    pub running: bool,
    /// Whether it is stopped.
    pub stopped: bool,
    /// Whether it is deleted when it stops.
    pub ephemeral: bool,
    /// When it was last started, as the server says it.
    pub last_used: String,
}

/// Whose own device something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// An instance's.
    Instance(InstanceName),
    /// A profile's.
    Profile(String),
}

/// A device that mounts a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The project of what has it.
    pub project: ProjectName,
    /// What has it.
    #[serde(flatten)]
    pub holder: Holder,
    /// Its name.
    pub device: String,
    /// Its properties.
    pub properties: Map<String, Value>,
}

impl Project {
    /// The project that the volumes of its instances live in.
    pub fn of_volumes(&self) -> ProjectName {
        let own = self
            .config
            .get("features.storage.volumes")
            .is_some_and(|value| value == "true");
        if own {
            self.name.clone()
        } else {
            ProjectName::default_project()
        }
    }
}

/// The volume that a device mounts, as its pool and name. A source may lead to a folder inside.
pub fn mounted_volume(device: &Device) -> Option<(&str, &str)> {
    mounted(|key| device.get(key).map(String::as_str))
}

fn mounted<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<(&'a str, &'a str)> {
    if get("type") != Some("disk") || get("path") == Some("/") {
        return None;
    }
    let (pool, source) = (get("pool")?, get("source")?);
    Some((pool, source.split('/').next().unwrap_or(source)))
}

impl Attachments {
    fn of_project(&self, volumes: &ProjectName) -> impl Iterator<Item = &Attached> {
        self.projects
            .iter()
            .filter(move |it| it.volumes == *volumes)
    }

    /// The instances that mount a volume, by their own devices or those of their profiles.
    pub fn mounters(
        &self,
        project: &ProjectName,
        pool: &PoolName,
        name: &ResourceName,
    ) -> Vec<Mounter> {
        let wanted = Some((pool.as_str(), name.as_str()));
        let mounts = |instance: &&Instance| {
            let mut devices = instance.expanded_devices.values();
            devices.any(|device| mounted_volume(device) == wanted)
        };
        let found = self.of_project(project).flat_map(|attached| {
            attached
                .instances
                .iter()
                .filter(mounts)
                .map(|instance| Mounter {
                    project: attached.project.clone(),
                    name: instance.name.clone(),
                    running: !instance.is_stopped() && !instance.is_frozen(),
                    stopped: instance.is_stopped(),
                    ephemeral: instance.raw["ephemeral"] == true,
                    last_used: instance.raw["last_used_at"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                })
        });
        found.collect()
    }

    /// The devices that mount a volume, each where it is declared.
    pub fn mounts(
        &self,
        project: &ProjectName,
        pool: &PoolName,
        name: &ResourceName,
    ) -> Vec<Mount> {
        let wanted = Some((pool.as_str(), name.as_str()));
        let mut found = Vec::new();
        for attached in self.of_project(project) {
            let profiles = attached.profiles.iter().map(|profile| {
                let name = profile["name"].as_str().unwrap_or_default();
                (Holder::Profile(name.to_owned()), &profile["devices"])
            });
            let instances = attached.instances.iter().map(|instance| {
                let holder = Holder::Instance(instance.name.clone());
                (holder, &instance.raw["devices"])
            });
            for (holder, devices) in profiles.chain(instances) {
                for (device, properties) in devices.as_object().into_iter().flatten() {
                    if mounted(|key| properties[key].as_str()) == wanted {
                        found.push(Mount {
                            project: attached.project.clone(),
                            holder: holder.clone(),
                            device: device.clone(),
                            properties: properties.as_object().cloned().unwrap_or_default(),
                        });
                    }
                }
            }
        }
        found
    }
}

impl Client {
    /// Reads who mounts what, in every project that can be seen.
    pub async fn attachments(&self) -> Result<Attachments, Error> {
        let mut projects = Vec::new();
        for project in self.projects().await? {
            projects.push(Attached {
                volumes: project.of_volumes(),
                instances: self.instances(&project.name).await?,
                profiles: self.whole_profiles(&project.name).await?,
                project: project.name,
            });
        }
        Ok(Attachments { projects })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[("type", "disk"), ("pool", "p"), ("source", "v"), ("path", "/mnt")], Some(("p", "v")))]
    #[case(&[("type", "disk"), ("pool", "p"), ("source", "v/sub"), ("path", "/mnt")], Some(("p", "v")))]
    #[case(&[("type", "disk"), ("pool", "p"), ("source", "v")], Some(("p", "v")))]
    #[case(&[("type", "disk"), ("pool", "p"), ("path", "/")], None)]
    #[case(&[("type", "disk"), ("source", "/srv"), ("path", "/srv")], None)]
    #[case(&[("type", "none"), ("pool", "p"), ("source", "v")], None)]
    fn a_device_mounts_a_volume_or_not(
        #[case] device: &[(&str, &str)],
        #[case] expected: Option<(&str, &str)>,
    ) {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let device: Device = device.iter().map(text).collect();
        assert_eq!(mounted_volume(&device), expected);
    }
}
