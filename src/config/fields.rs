//! Which field of an object is what: what a user declares, what is fixed when it is made, and what
//! the server only tells.

use crate::model::ObjectKind;

/// The fields of a kind of object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// The field that names it.
    pub(super) name: &'static str,
    /// What can be changed.
    pub(super) set: &'static [&'static str],
    /// What is said once, when it is made.
    pub(super) made: &'static [&'static str],
}

/// What follows from other objects, and is not worth keeping.
pub(super) const DERIVED: [&str; 4] =
    ["expanded_config", "expanded_devices", "status_code", "etag"];

/// Fields whose order says nothing: they are sorted.
pub(super) const SETS: [&str; 7] = [
    "used_by",
    "locations",
    "projects",
    "members",
    "roles",
    "groups",
    "aliases",
];

/// What changes on its own in a warning.
pub(super) const RESTLESS: [&str; 3] = ["count", "last_seen_at", "last_message"];

const PLAIN: &[&str] = &["config", "description"];
const IMAGE: &[&str] = &[
    "aliases",
    "auto_update",
    "expires_at",
    "profiles",
    "properties",
    "public",
];
const INSTANCE: &[&str] = &[
    "architecture",
    "config",
    "description",
    "devices",
    "ephemeral",
    "profiles",
    "stateful",
];
const WARNING: &[&str] = &["entity_url", "location", "project", "severity", "type"];

pub(super) fn fields(kind: ObjectKind) -> Fields {
    let (name, set, made): (_, &[&str], &[&str]) = match kind {
        ObjectKind::ServerKey => ("name", &["value"], &[]),
        ObjectKind::StoragePool => ("name", PLAIN, &["driver"]),
        ObjectKind::Network | ObjectKind::NetworkIntegration => ("name", PLAIN, &["type"]),
        ObjectKind::NetworkAddressSet => ("name", &["addresses", "config", "description"], &[]),
        ObjectKind::NetworkAcl => ("name", &["config", "description", "egress", "ingress"], &[]),
        ObjectKind::NetworkForward => ("listen_address", &["config", "description", "ports"], &[]),
        ObjectKind::NetworkLoadBalancer => (
            "listen_address",
            &["backends", "config", "description", "ports"],
            &[],
        ),
        ObjectKind::NetworkPeer => (
            "name",
            PLAIN,
            &[
                "target_integration",
                "target_network",
                "target_project",
                "type",
            ],
        ),
        ObjectKind::NetworkZoneRecord => ("name", &["config", "description", "entries"], &[]),
        ObjectKind::Volume => ("name", PLAIN, &["content_type"]),
        ObjectKind::Profile => ("name", &["config", "description", "devices"], &[]),
        ObjectKind::Image => (
            "fingerprint",
            IMAGE,
            &["architecture", "filename", "size", "type"],
        ),
        ObjectKind::Instance => ("name", INSTANCE, &["type"]),
        ObjectKind::Certificate => (
            "fingerprint",
            &["description", "name", "projects", "restricted"],
            &["certificate", "type"],
        ),
        ObjectKind::ClusterGroup => ("name", &["config", "description", "members"], &[]),
        ObjectKind::ClusterMember => (
            "server_name",
            &["config", "description", "failure_domain", "roles"],
            &[],
        ),
        ObjectKind::Warning => ("uuid", &["status"], WARNING),
        ObjectKind::Project | ObjectKind::NetworkZone | ObjectKind::Bucket => ("name", PLAIN, &[]),
    };
    Fields { name, set, made }
}

/// The keys that each cluster member has for itself (`nodeSpecificStorageConfig` and
/// `NodeSpecificNetworkConfig` of Incus).
pub(super) fn member_keys(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::StoragePool => &[
            "size",
            "source",
            "source.wipe",
            "volatile.initial_source",
            "zfs.pool_name",
            "lvm.vg_name",
            "lvm.thinpool_name",
            "lvm.vg.force_reuse",
        ],
        ObjectKind::Network => &[
            "bgp.ipv4.nexthop",
            "bgp.ipv6.nexthop",
            "bridge.external_interfaces",
            "parent",
        ],
        _ => &[],
    }
}

/// The server's keys that each cluster member has for itself.
pub(super) const MEMBER_SERVER_KEYS: [&str; 13] = [
    "cluster.https_address",
    "core.bgp_address",
    "core.bgp_routerid",
    "core.debug_address",
    "core.dns_address",
    "core.https_address",
    "core.metrics_address",
    "core.storage_buckets_address",
    "core.syslog_socket",
    "network.ovs.connection",
    "storage.backups_volume",
    "storage.images_volume",
    "storage.logs_volume",
];

/// The features that a project has where nothing is said of them.
pub(super) const FEATURES_BY_DEFAULT: [&str; 4] = [
    "features.images",
    "features.profiles",
    "features.storage.buckets",
    "features.storage.volumes",
];
