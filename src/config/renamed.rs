//! A configuration whose pools, networks, profiles and projects have other names where it is given to
//! (pure).
//!
//! # Design
//!
//! Where a server has something of the new name already, that stays as it is and stands in for what
//! the backup has: it takes the other's place in the document, so that it is found equal, what names
//! it is in order, and nobody deletes it as something that the backup lacks. Else it is made, as the
//! backup describes it, under the new name. What the backup itself has under the new name comes
//! before either.

use std::collections::{BTreeMap, BTreeSet};

use super::coming::home;
use super::document::{Document, Objects, Section};
use super::error::ConfigError;
use super::object::Object;
use super::references;
use crate::model::{ObjectId, ObjectKind, ProjectName, ResourceName};
use crate::plan::Mapping;

/// What of a network is its own, and goes to no other.
const OF_NETWORKS: [ObjectKind; 3] = [
    ObjectKind::NetworkForward,
    ObjectKind::NetworkLoadBalancer,
    ObjectKind::NetworkPeer,
];

/// A backup as it is to be on a server where things have other names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Renamed {
    /// The configuration, by the new names.
    pub backup: Document,
    /// Why objects of it are as they are.
    pub notes: BTreeMap<ObjectId, String>,
    /// The objects of the backup that have no place in it, and why.
    pub left_out: Vec<(ObjectId, String)>,
}

/// Gives a backup the names that things have on a server.
pub fn renamed(
    backup: Document,
    server: &Document,
    mapping: &Mapping,
) -> Result<Renamed, ConfigError> {
    let mut result = Renamed {
        backup: Document {
            surroundings: backup.surroundings,
            ..Document::default()
        },
        ..Renamed::default()
    };
    let mut foreign = BTreeSet::new();
    // A project comes before what is in it, a network before its parts.
    for (kind, section) in backup.sections {
        let is_part = matches!(section, Section::Part(_));
        let section = match section {
            Section::Objects(objects) | Section::Part(objects) if !mapping.keeps_names() => {
                let renaming = Renaming {
                    server,
                    mapping,
                    kind,
                    projects: result.backup.objects(ObjectKind::Project).cloned(),
                };
                let renamed = renaming.all(objects, &mut result, &mut foreign)?;
                if is_part {
                    Section::Part(renamed)
                } else {
                    Section::Objects(renamed)
                }
            }
            section => section,
        };
        result.backup.sections.insert(kind, section);
    }
    Ok(result)
}

/// The renaming of one kind.
struct Renaming<'a> {
    server: &'a Document,
    mapping: &'a Mapping,
    kind: ObjectKind,
    projects: Option<Objects>,
}

impl Renaming<'_> {
    fn all(
        &self,
        objects: Objects,
        result: &mut Renamed,
        foreign: &mut BTreeSet<ObjectId>,
    ) -> Result<Objects, ConfigError> {
        let mut all = Objects::new();
        let (own, moved): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .map(|(old, object)| (self.id(&old), old, object))
            .partition(|(new, old, _)| new == old);
        for (new, old, mut object) in own.into_iter().chain(moved) {
            let parent = old.parent_id();
            if OF_NETWORKS.contains(&self.kind) && parent.is_some_and(|it| foreign.contains(&it)) {
                let reason = "its network is another one there";
                result.left_out.push((old, reason.to_owned()));
                continue;
            }
            if all.contains_key(&new) {
                let reason = format!("another one is {new} already");
                foreign.insert(old.clone());
                result.left_out.push((old, reason));
                continue;
            }
            if new.name != old.name {
                let (note, there) = match self.server.object(&new) {
                    Some(there) => ("what is there stands in for", Some(there)),
                    None => ("in the backup", None),
                };
                result
                    .notes
                    .insert(new.clone(), format!("{note} `{}`", old.name));
                if let Some(there) = there {
                    foreign.insert(old);
                    all.insert(new, there.clone());
                    continue;
                }
            }
            references::rename(&new, &mut object, self.mapping)
                .map_err(|cause| ConfigError::NotRenamed(Box::new(new.clone()), cause))?;
            if self.kind == ObjectKind::Project && old.name.as_str() == "default" && new != old {
                leave_networks(&mut object);
            }
            all.insert(new, object);
        }
        self.stand_ins(&mut all);
        Ok(all)
    }

    /// What is meant by a new name, and is on the server only.
    fn stand_ins(&self, all: &mut Objects) {
        let Mapping {
            pools,
            networks,
            profiles,
            ..
        } = self.mapping;
        let is_meant = |id: &ObjectId| {
            let name = id.name.as_str();
            match self.kind {
                ObjectKind::StoragePool => pools.values().any(|new| new.as_str() == name),
                ObjectKind::Network => networks.values().any(|new| new == name),
                ObjectKind::Profile => profiles.values().any(|new| new == name),
                ObjectKind::Project => {
                    let mapping = self.mapping;
                    let mut projects = mapping.to_project.iter().chain(mapping.projects.values());
                    projects.any(|new| new.as_str() == name)
                }
                _ => false,
            }
        };
        for (id, object) in self.server.objects(self.kind).into_iter().flatten() {
            if is_meant(id) {
                all.entry(id.clone()).or_insert_with(|| object.clone());
            }
        }
    }

    /// What an object is called there.
    fn id(&self, old: &ObjectId) -> ObjectId {
        let mut new = old.clone();
        let mapping = self.mapping;
        let name = old.name.as_str();
        let project = name.parse::<ProjectName>();
        let name = match (self.kind, &project) {
            (ObjectKind::StoragePool, _) => mapping.pool(name),
            (ObjectKind::Network, _) => mapping.network(name),
            (ObjectKind::Profile, _) => mapping.profile(name),
            (ObjectKind::Project, Ok(project)) => mapping.project(project).as_str(),
            _ => name,
        };
        // What was given as a name is one.
        if let Ok(name) = name.parse() {
            new.name = name;
        }
        let parent = old.parent.as_ref().map(ResourceName::as_str);
        let parent = parent.map(|parent| match self.kind.parent() {
            Some(ObjectKind::StoragePool) => mapping.pool(parent),
            Some(ObjectKind::Network) => mapping.network(parent),
            _ => parent,
        });
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            new.parent = Some(parent);
        }
        if let Some(project) = &old.project {
            let to = mapping.project(project);
            new.project = Some(if to == project {
                to.clone()
            } else {
                self.home(to)
            });
        }
        new
    }

    /// The project that objects of the kind are in, which those of a project come to.
    fn home(&self, project: &ProjectName) -> ProjectName {
        let feature = match self.kind {
            ObjectKind::Profile => "features.profiles",
            ObjectKind::Image => "features.images",
            ObjectKind::Volume => "features.storage.volumes",
            ObjectKind::Bucket => "features.storage.buckets",
            ObjectKind::NetworkZone | ObjectKind::NetworkZoneRecord => "features.networks.zones",
            ObjectKind::Instance => return project.clone(),
            _ => "features.networks",
        };
        let named = |name| ObjectId::of_server(ObjectKind::Project, name);
        let found = self
            .projects
            .as_ref()
            .and_then(|all| all.get(&named(ResourceName::from(project))));
        found.map_or_else(|| project.clone(), |found| home(project, found, feature))
    }
}

/// Only the project `default` can have the networks of every kind: they stay in it.
fn leave_networks(project: &mut Object) {
    let config = project.set.get_mut("config");
    if let Some(config) = config.and_then(serde_json::Value::as_object_mut) {
        config.retain(|key, _| !key.starts_with("features.networks"));
    }
}
