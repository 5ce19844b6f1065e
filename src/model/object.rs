//! The objects that a server's configuration consists of: their kinds and their identity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ProjectName, ResourceName};

/// A text that names no kind of object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of object; the kinds are {list}", list = ObjectKind::ALL.map(ObjectKind::word).join(", "))]
pub struct InvalidObjectKind(pub String);

/// The kinds of objects of a server's configuration, in the order in which a server is given them
/// back: what is named by others comes before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// One key of the server's own configuration.
    ServerKey,
    /// A storage pool.
    StoragePool,
    /// A project.
    Project,
    /// A connection to another network service, such as OVN interconnection.
    NetworkIntegration,
    /// A set of addresses that ACLs name.
    NetworkAddressSet,
    /// A network ACL.
    NetworkAcl,
    /// A DNS zone.
    NetworkZone,
    /// A managed network.
    Network,
    /// A forward of a network.
    NetworkForward,
    /// A load balancer of a network.
    NetworkLoadBalancer,
    /// A peering of two networks.
    NetworkPeer,
    /// A record of a DNS zone.
    NetworkZoneRecord,
    /// A custom volume, without its data.
    Volume,
    /// A bucket with its keys, without its data.
    Bucket,
    /// A profile.
    Profile,
    /// An image with its aliases, without its data.
    Image,
    /// An instance with its snapshots, without its data.
    Instance,
    /// A certificate that the server trusts.
    Certificate,
    /// A group of cluster members.
    ClusterGroup,
    /// A cluster member.
    ClusterMember,
    /// A warning of the server.
    Warning,
}

impl ObjectKind {
    /// Every kind, in order.
    pub const ALL: [Self; 21] = [
        Self::ServerKey,
        Self::StoragePool,
        Self::Project,
        Self::NetworkIntegration,
        Self::NetworkAddressSet,
        Self::NetworkAcl,
        Self::NetworkZone,
        Self::Network,
        Self::NetworkForward,
        Self::NetworkLoadBalancer,
        Self::NetworkPeer,
        Self::NetworkZoneRecord,
        Self::Volume,
        Self::Bucket,
        Self::Profile,
        Self::Image,
        Self::Instance,
        Self::Certificate,
        Self::ClusterGroup,
        Self::ClusterMember,
        Self::Warning,
    ];

    /// Its name on the command line, in rows and in JSON.
    pub fn word(self) -> &'static str {
        self.words().0
    }

    /// What a table or a file of many is called: `storage_pools`.
    pub fn plural(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ServerKey => ("server-key", "server"),
            Self::StoragePool => ("storage-pool", "storage_pools"),
            Self::Project => ("project", "projects"),
            Self::NetworkIntegration => ("network-integration", "network_integrations"),
            Self::NetworkAddressSet => ("network-address-set", "network_address_sets"),
            Self::NetworkAcl => ("network-acl", "network_acls"),
            Self::NetworkZone => ("network-zone", "network_zones"),
            Self::Network => ("network", "networks"),
            Self::NetworkForward => ("network-forward", "network_forwards"),
            Self::NetworkLoadBalancer => ("network-load-balancer", "network_load_balancers"),
            Self::NetworkPeer => ("network-peer", "network_peers"),
            Self::NetworkZoneRecord => ("network-zone-record", "network_zone_records"),
            Self::Volume => ("volume", "volumes"),
            Self::Bucket => ("bucket", "buckets"),
            Self::Profile => ("profile", "profiles"),
            Self::Image => ("image", "images"),
            Self::Instance => ("instance", "instances"),
            Self::Certificate => ("certificate", "certificates"),
            Self::ClusterGroup => ("cluster-group", "cluster_groups"),
            Self::ClusterMember => ("cluster-member", "cluster_members"),
            Self::Warning => ("warning", "warnings"),
        }
    }

    /// The kind of the object that one of this kind is part of.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::NetworkForward | Self::NetworkLoadBalancer | Self::NetworkPeer => {
                Some(Self::Network)
            }
            Self::NetworkZoneRecord => Some(Self::NetworkZone),
            Self::Volume | Self::Bucket => Some(Self::StoragePool),
            _ => None,
        }
    }

    /// Whether each is in a project.
    pub fn is_in_project(self) -> bool {
        !matches!(
            self,
            Self::ServerKey
                | Self::StoragePool
                | Self::Project
                | Self::NetworkIntegration
                | Self::Certificate
                | Self::ClusterGroup
                | Self::ClusterMember
                | Self::Warning
        )
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for ObjectKind {
    type Err = InvalidObjectKind;
    /// Reads `network`, `networks` or `network_acls`, with hyphens or underscores.
    fn from_str(text: &str) -> Result<Self, InvalidObjectKind> {
        let plain = text.to_ascii_lowercase().replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|kind| plain == kind.word() || plain == kind.plural().replace('_', "-"))
            .ok_or_else(|| InvalidObjectKind(text.to_owned()))
    }
}

/// One object of a server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectId {
    /// What kind of object it is.
    pub kind: ObjectKind,
    /// The project it is in, for kinds that are in one.
    pub project: Option<ProjectName>,
    /// The network, zone or storage pool that it is part of.
    pub parent: Option<ResourceName>,
    /// Its name; a certificate's is its fingerprint, a forward's its address.
    pub name: ResourceName,
    /// The cluster member that it is of, where each member has its own.
    pub member: Option<ResourceName>,
}

impl ObjectId {
    /// An object of the server as a whole.
    pub fn of_server(kind: ObjectKind, name: ResourceName) -> Self {
        Self {
            kind,
            project: None,
            parent: None,
            name,
            member: None,
        }
    }

    /// An object of a project.
    pub fn in_project(kind: ObjectKind, project: ProjectName, name: ResourceName) -> Self {
        Self {
            project: Some(project),
            ..Self::of_server(kind, name)
        }
    }

    /// The same object as one cluster member has it.
    #[must_use]
    pub fn on(mut self, member: &ResourceName) -> Self {
        self.member = Some(member.clone());
        self
    }

    /// The object that it is part of.
    pub fn parent_id(&self) -> Option<Self> {
        let kind = self.kind.parent()?;
        Some(Self {
            kind,
            project: self.project.clone().filter(|_| kind.is_in_project()),
            parent: None,
            name: self.parent.clone()?,
            member: None,
        })
    }

    /// Its name with that of its parent and its member: `incusbr0/10.0.0.5`.
    pub fn path(&self) -> String {
        let mut text = String::new();
        if let Some(parent) = &self.parent {
            text.push_str(parent.as_str());
            text.push('/');
        }
        text.push_str(self.name.as_str());
        if let Some(member) = &self.member {
            text.push('@');
            text.push_str(member.as_str());
        }
        text
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.path())?;
        match &self.project {
            Some(project) if project.as_str() != "default" => write!(f, " (project {project})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("network", Some(ObjectKind::Network))]
    #[case("networks", Some(ObjectKind::Network))]
    #[case("network_acls", Some(ObjectKind::NetworkAcl))]
    #[case("Storage-Pools", Some(ObjectKind::StoragePool))]
    #[case("server", Some(ObjectKind::ServerKey))]
    #[case("disk", None)]
    fn a_kind_is_named_in_the_singular_or_plural(
        #[case] text: &str,
        #[case] kind: Option<ObjectKind>,
    ) {
        assert_eq!(text.parse().ok(), kind);
    }

    #[test]
    fn kinds_are_in_order_and_their_words_are_those_of_json() {
        let mut sorted = ObjectKind::ALL;
        sorted.sort();
        assert_eq!(sorted, ObjectKind::ALL);
        for kind in ObjectKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
            assert!(kind.parent().is_none_or(|parent| parent < kind));
        }
    }

    #[test]
    fn an_object_is_told_with_what_it_is_part_of() {
        let id = ObjectId {
            parent: Some("br0".parse().unwrap()),
            ..ObjectId::in_project(
                ObjectKind::NetworkForward,
                "shop".parse().unwrap(),
                "10.0.0.5".parse().unwrap(),
            )
        };
        assert_eq!(
            id.to_string(),
            "network-forward `br0/10.0.0.5` (project shop)"
        );
        let network = id.parent_id().unwrap();
        assert_eq!(network.to_string(), "network `br0` (project shop)");
        assert_eq!(id.on(&"m1".parse().unwrap()).path(), "br0/10.0.0.5@m1");
    }
}
