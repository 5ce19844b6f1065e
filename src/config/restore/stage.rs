//! In which order a server is given its objects.

use crate::model::ObjectKind;

/// When something is done. What stands first is named by what comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Server keys that networks, pools and buckets need.
    EarlyKeys,
    /// Objects of a kind, in the order of the kinds.
    Objects(ObjectKind, Turn),
    /// Restrictions and limits of projects, once all that they would forbid is there.
    ProjectLimits,
    /// Certificates, once their projects are there.
    Certificates,
    /// Groups of cluster members, and the members.
    Cluster(ObjectKind),
    /// What is deleted, in the opposite order: the last kind first.
    Deletions(std::cmp::Reverse<ObjectKind>),
    /// The other server keys.
    Keys,
    /// Server keys that may lock users out, or need volumes.
    LateKeys,
    /// What may cut off this very client.
    CuttingOff,
}

/// When within its kind an object's turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// First: networks that others are on top of.
    First,
    /// After them.
    Second,
}

/// When something is done in a restore that brings data back as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before volumes and buckets come back: what they are in.
    BeforeVolumes,
    /// After them, and before images and instances: profiles, which name volumes.
    BeforeInstances,
    /// After everything: limits and restrictions, who may do what, what could cut off this client.
    Last,
}

impl Stage {
    /// The phase that it is in.
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::EarlyKeys => Phase::BeforeVolumes,
            Self::Objects(kind, _) if kind < ObjectKind::Profile => Phase::BeforeVolumes,
            Self::Objects(..) => Phase::BeforeInstances,
            _ => Phase::Last,
        }
    }

    /// The turn of most objects of a kind.
    pub(super) fn of(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::ServerKey => Self::Keys,
            ObjectKind::Certificate => Self::Certificates,
            ObjectKind::ClusterGroup | ObjectKind::ClusterMember => Self::Cluster(kind),
            kind => Self::Objects(kind, Turn::First),
        }
    }

    /// The turn of a server key.
    pub(super) fn of_key(key: &str) -> Self {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let early = ["network.ov", "storage.linstor.", "images.", "backups."];
        if begins(&early) || key == "core.storage_buckets_address" {
            Self::EarlyKeys
        } else if begins(&["oidc.", "openfga.", "authorization."])
            || key.ends_with(".scriptlet")
            || key == "core.https_address"
            || is_volume_key(key)
        {
            Self::LateKeys
        } else {
            Self::Keys
        }
    }
}

/// Whether a server key names a volume that must be there.
pub(in crate::config) fn is_volume_key(key: &str) -> bool {
    key.starts_with("storage.") && key.ends_with("_volume")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_others_comes_first_and_what_cuts_off_last() {
        let order = [
            Stage::of_key("network.ovn.northbound_connection"),
            Stage::of(ObjectKind::StoragePool),
            Stage::of(ObjectKind::Project),
            Stage::of(ObjectKind::NetworkIntegration),
            Stage::of(ObjectKind::NetworkAddressSet),
            Stage::of(ObjectKind::NetworkAcl),
            Stage::Objects(ObjectKind::NetworkAcl, Turn::Second),
            Stage::of(ObjectKind::NetworkZone),
            Stage::of(ObjectKind::Network),
            Stage::Objects(ObjectKind::Network, Turn::Second),
            Stage::of(ObjectKind::NetworkForward),
            Stage::of(ObjectKind::NetworkZoneRecord),
            Stage::of(ObjectKind::Volume),
            Stage::of(ObjectKind::Profile),
            Stage::ProjectLimits,
            Stage::of(ObjectKind::Certificate),
            Stage::of(ObjectKind::ClusterGroup),
            Stage::of(ObjectKind::ClusterMember),
            Stage::Deletions(std::cmp::Reverse(ObjectKind::Profile)),
            Stage::Deletions(std::cmp::Reverse(ObjectKind::Network)),
            Stage::Deletions(std::cmp::Reverse(ObjectKind::StoragePool)),
            Stage::of_key("user.note"),
            Stage::of_key("storage.images_volume"),
            Stage::CuttingOff,
        ];
        assert!(order.is_sorted());
        assert!(order.iter().map(|stage| stage.phase()).is_sorted());
        assert_eq!(
            Stage::of(ObjectKind::Profile).phase(),
            Phase::BeforeInstances
        );
        assert_eq!(Stage::ProjectLimits.phase(), Phase::Last);
    }
}
