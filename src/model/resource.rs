//! What is backed up: kinds, and the identity of one resource of one server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    AliasName, InstanceName, InvalidName, PoolName, ProjectName, ResourceName, encode_component,
};

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
    /// Every kind, in the order in which a server must be given them back.
    pub const ALL: [Self; 5] = [
        Self::Config,
        Self::Volume,
        Self::Bucket,
        Self::Image,
        Self::Instance,
    ];

    /// Whether a resource of this kind is in a storage pool, and named `POOL/NAME`.
    pub fn is_in_pool(self) -> bool {
        matches!(self, Self::Volume | Self::Bucket)
    }

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

/// A text that is not a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind; the kinds are instance, volume, bucket, image and config")]
pub struct InvalidKind(pub String);

impl FromStr for Kind {
    type Err = InvalidKind;
    fn from_str(text: &str) -> Result<Self, InvalidKind> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.to_string() == text)
            .ok_or_else(|| InvalidKind(text.to_owned()))
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

/// What a custom volume holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeContent {
    /// Files.
    Filesystem,
    /// A disk.
    Block,
    /// An image of an optical disc, which nobody writes to.
    Iso,
}

impl fmt::Display for VolumeContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Filesystem => "filesystem",
            Self::Block => "block",
            Self::Iso => "iso",
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

    /// A custom volume or a bucket of a pool, as a project sees it.
    pub fn in_pool(kind: Kind, project: ProjectName, pool: PoolName, name: ResourceName) -> Self {
        Self {
            kind,
            project: Some(project),
            pool: Some(pool),
            name: Some(name),
        }
    }

    /// An image of a project, by its whole fingerprint.
    pub fn image(project: ProjectName, fingerprint: ResourceName) -> Self {
        Self {
            kind: Kind::Image,
            project: Some(project),
            pool: None,
            name: Some(fingerprint),
        }
    }

    /// What was asked for as an image and is none: named so, where that can be a name. An alias with a
    /// slash in it cannot.
    pub fn unknown_image(project: ProjectName, asked: &str) -> Self {
        Self {
            kind: Kind::Image,
            project: Some(project),
            pool: None,
            name: asked.parse().ok(),
        }
    }

    /// The configuration of a server.
    pub fn config() -> Self {
        Self {
            kind: Kind::Config,
            project: None,
            pool: None,
            name: None,
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

    /// What it is called in its project: `POOL/NAME`, or its name.
    pub fn path(&self) -> String {
        let pool = self.pool.as_ref().map(PoolName::as_str);
        let name = self.name.as_ref().map(ResourceName::as_str);
        let parts: Vec<&str> = pool.into_iter().chain(name).collect();
        parts.join("/")
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
        f.write_str(&self.path())?;
        match &self.project {
            Some(project) if project.as_str() != "default" => write!(f, " (project {project})"),
            _ => Ok(()),
        }
    }
}

/// What a resource is called on the command line: `NAME`, or `POOL/NAME` for kinds in pools; an image
/// by the beginning of its fingerprint, or by an alias, which only its versions know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    kind: Kind,
    pool: Option<PoolName>,
    name: String,
}

impl Subject {
    /// Reads what a resource of a kind is called.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, InvalidName> {
        let (pool, name) = match text.split_once('/') {
            Some((pool, name)) if kind.is_in_pool() => (Some(pool.parse()?), name),
            None if kind.is_in_pool() => {
                return Err(InvalidName {
                    what: "volume or bucket",
                    text: text.to_owned(),
                    reason: "write POOL/NAME",
                });
            }
            _ => (None, text),
        };
        let name = match kind {
            Kind::Image => name.parse::<AliasName>()?.into(),
            _ => name.parse::<ResourceName>()?.into(),
        };
        Ok(Self { kind, pool, name })
    }

    /// The name as it was written, without the pool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a resource is called so, in whatever project.
    pub fn names(&self, resource: &ResourceId) -> bool {
        let fits = |name: &ResourceName| match self.kind {
            Kind::Image => name.as_str().starts_with(&self.name),
            _ => name.as_str() == self.name,
        };
        resource.kind() == self.kind
            && resource.pool() == self.pool.as_ref()
            && resource.name().is_some_and(fits)
    }

    /// The resource of a project that is called so.
    pub fn in_project(&self, project: ProjectName) -> ResourceId {
        ResourceId {
            kind: self.kind,
            project: Some(project),
            pool: self.pool.clone(),
            // An alias with a slash in it is not the name of a resource.
            name: self.name.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Instance, "web", "web", true)]
    #[case(Kind::Instance, "we", "web", false)]
    #[case(Kind::Volume, "tank/data", "data", true)]
    #[case(Kind::Volume, "tank/dat", "data", false)]
    #[case(Kind::Volume, "other/data", "data", false)]
    #[case(Kind::Image, "abc", "abcdef", true)]
    #[case(Kind::Image, "bcd", "abcdef", false)]
    fn a_resource_is_called_by_its_kind_s_form(
        #[case] kind: Kind,
        #[case] text: &str,
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        let project = ProjectName::default_project();
        let name: ResourceName = name.parse().unwrap();
        let id = match kind {
            Kind::Volume => ResourceId::in_pool(kind, project, "tank".parse().unwrap(), name),
            Kind::Image => ResourceId::image(project, name),
            _ => ResourceId::stored_instance(project, name),
        };
        assert_eq!(Subject::parse(kind, text).unwrap().names(&id), expected);
    }

    #[rstest]
    #[case(Kind::Volume, "data")]
    #[case(Kind::Volume, "tank/")]
    #[case(Kind::Volume, "/data")]
    #[case(Kind::Volume, "tank/a/b")]
    #[case(Kind::Instance, "a/b")]
    #[case(Kind::Instance, "..")]
    fn what_is_no_name_of_a_kind_is_refused(#[case] kind: Kind, #[case] text: &str) {
        assert!(Subject::parse(kind, text).is_err());
    }

    #[test]
    fn an_instance_has_its_own_place_in_a_target() {
        let project: ProjectName = "a b".parse().unwrap();
        let id = ResourceId::instance(project, &"web".parse().unwrap());
        assert_eq!(id.components(), ["instances", "a%20b", "web"]);
        assert_eq!(id.to_string(), "web (project a b)");
    }
}
