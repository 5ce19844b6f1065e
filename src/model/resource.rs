//! What is backed up: kinds, and the identity of one resource of one server.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{InstanceName, PoolName, ProjectName, ResourceName, encode_component};

/// The kinds of things that a server holds and a target keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A container or a virtual machine.
    Instance,
    /// A custom storage volume.
    Volume,
    /// A storage bucket.
    Bucket,
    /// An image.
    Image,
    /// Everything declarative.
    Config,
}

impl Kind {
    /// The folder of a target that holds this kind.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Instance => "instances",
            Self::Volume => "volumes",
            Self::Bucket => "buckets",
            Self::Image => "images",
            Self::Config => "config",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Instance => "instance",
            Self::Volume => "volume",
            Self::Bucket => "bucket",
            Self::Image => "image",
            Self::Config => "config",
        })
    }
}

/// The two types of instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceType {
    /// A system or application container.
    Container,
    /// A virtual machine.
    VirtualMachine,
}

impl fmt::Display for InstanceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Container => "container",
            Self::VirtualMachine => "virtual-machine",
        })
    }
}

/// One resource of one server, whatever its kind: what its versions are versions of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    kind: Kind,
    project: Option<ProjectName>,
    pool: Option<PoolName>,
    name: Option<ResourceName>,
}

impl ResourceId {
    /// An instance of a project.
    pub fn instance(project: ProjectName, name: &InstanceName) -> Self {
        Self {
            kind: Kind::Instance,
            project: Some(project),
            pool: None,
            name: Some(name.into()),
        }
    }

    /// An instance as a target names it: the name may be one that no server would take today.
    pub fn stored_instance(project: ProjectName, name: ResourceName) -> Self {
        Self {
            kind: Kind::Instance,
            project: Some(project),
            pool: None,
            name: Some(name),
        }
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The project it is in, for kinds that are in one.
    pub fn project(&self) -> Option<&ProjectName> {
        self.project.as_ref()
    }

    /// The storage pool it is in, for volumes and buckets.
    pub fn pool(&self) -> Option<&PoolName> {
        self.pool.as_ref()
    }

    /// Its name; the configuration of a server has none.
    pub fn name(&self) -> Option<&ResourceName> {
        self.name.as_ref()
    }

    /// Its place below a source, each part percent-encoded: `instances/default/web`.
    pub fn components(&self) -> Vec<String> {
        let names = [
            self.project.as_ref().map(ProjectName::as_str),
            self.pool.as_ref().map(PoolName::as_str),
            self.name.as_ref().map(ResourceName::as_str),
        ];
        let mut components = vec![self.kind.folder().to_owned()];
        components.extend(names.into_iter().flatten().map(encode_component));
        components
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = self.pool.as_ref().map(PoolName::as_str);
        let name = self.name.as_ref().map(ResourceName::as_str);
        let text: Vec<&str> = pool.into_iter().chain(name).collect();
        f.write_str(&text.join("/"))?;
        match &self.project {
            Some(project) if project.as_str() != "default" => write!(f, " (project {project})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_its_own_place_in_a_target() {
        let project: ProjectName = "a b".parse().unwrap();
        let id = ResourceId::instance(project, &"web".parse().unwrap());
        assert_eq!(id.components(), ["instances", "a%20b", "web"]);
        assert_eq!(id.to_string(), "web (project a b)");
    }
}
