//! What objects name of others, under other names (pure).

use serde_json::{Value, json};

use super::object::{Fields, Object};
use super::restore::is_volume_key;
use crate::archive::ArchiveError;
use crate::model::{ObjectId, ObjectKind, ProjectName};
use crate::plan::Mapping;

/// Keys of projects that list networks.
const NETWORK_LISTS: [&str; 2] = ["restricted.networks.access", "restricted.networks.uplinks"];
/// What keys of projects begin with that end in the name of a pool.
const OF_POOLS: [&str; 1] = ["limits.disk.pool."];
/// What keys of projects begin with that end in the name of a network.
const OF_NETWORKS: [&str; 2] = [
    "limits.networks.uplink_ips.ipv4.",
    "limits.networks.uplink_ips.ipv6.",
];

/// Gives what an object names its other name.
pub(super) fn rename(
    id: &ObjectId,
    object: &mut Object,
    mapping: &Mapping,
) -> Result<(), ArchiveError> {
    match id.kind {
        ObjectKind::Profile | ObjectKind::Instance => of_instances(object, mapping)?,
        ObjectKind::Image => each(object.set.get_mut("profiles"), |name| {
            mapping.profile(name).to_owned()
        }),
        ObjectKind::Certificate => each(object.set.get_mut("projects"), |name| {
            project(mapping, name)
        }),
        ObjectKind::Network => text(
            config(object).and_then(|it| it.get_mut("network")),
            |name| mapping.network(name).to_owned(),
        ),
        ObjectKind::NetworkPeer => {
            text(object.made.get_mut("target_network"), |name| {
                mapping.network(name).to_owned()
            });
            text(object.made.get_mut("target_project"), |name| {
                project(mapping, name)
            });
        }
        ObjectKind::NetworkAcl => of_rules(object, mapping),
        ObjectKind::Project => of_projects(object, mapping),
        ObjectKind::ServerKey if is_volume_key(id.name.as_str()) => {
            let value = object.set.get_mut("value");
            text(value, |value| match value.split_once('/') {
                Some((pool, volume)) => format!("{}/{volume}", mapping.pool(pool)),
                None => value.to_owned(),
            });
        }
        _ => {}
    }
    Ok(())
}

/// Profiles and instances, and the snapshots of those.
fn of_instances(object: &mut Object, mapping: &Mapping) -> Result<(), ArchiveError> {
    let names = mapping.references();
    let mut whole = Value::Object(std::mem::take(&mut object.set));
    names.rewrite_json(&mut whole)?;
    if let Some(snapshots) = whole.get_mut("snapshots").and_then(Value::as_array_mut) {
        for snapshot in snapshots {
            names.rewrite_json(snapshot)?;
        }
    }
    if let Value::Object(set) = whole {
        object.set = set;
    }
    Ok(())
}

/// The networks that rules name by their peers: `@NETWORK/PEER`.
fn of_rules(object: &mut Object, mapping: &Mapping) {
    for direction in ["egress", "ingress"] {
        let rules = object.set.get_mut(direction).and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            for side in ["source", "destination"] {
                text(rule.get_mut(side), |subjects| {
                    let subjects = subjects.split(',').map(|subject| {
                        let peer = subject.trim().strip_prefix('@');
                        match peer.and_then(|peer| peer.split_once('/')) {
                            Some((network, peer)) => {
                                format!("@{}/{peer}", mapping.network(network))
                            }
                            None => subject.to_owned(),
                        }
                    });
                    subjects.collect::<Vec<_>>().join(",")
                });
            }
        }
    }
}

/// The networks and pools that the limits and restrictions of a project name.
fn of_projects(object: &mut Object, mapping: &Mapping) {
    let Some(config) = config(object) else {
        return;
    };
    let renamed = |key: &str| {
        let after = |prefixes: &[&str]| {
            prefixes.iter().find_map(|prefix| {
                let name = key.strip_prefix(prefix)?;
                Some(((*prefix).to_owned(), name.to_owned()))
            })
        };
        let of_pool = after(&OF_POOLS).map(|(it, name)| format!("{it}{}", mapping.pool(&name)));
        let of_network = || {
            let found = after(&OF_NETWORKS)?;
            Some(format!("{}{}", found.0, mapping.network(&found.1)))
        };
        of_pool
            .or_else(of_network)
            .unwrap_or_else(|| key.to_owned())
    };
    let old = std::mem::take(config);
    for (key, mut value) in old {
        if NETWORK_LISTS.contains(&key.as_str()) {
            text(Some(&mut value), |list| {
                let names = list.split(',').map(str::trim);
                let names = names.map(|name| mapping.network(name));
                names.collect::<Vec<_>>().join(",")
            });
        }
        config.insert(renamed(&key), value);
    }
    config.sort_keys();
}

fn project(mapping: &Mapping, name: &str) -> String {
    match name.parse::<ProjectName>() {
        Ok(name) => mapping.project(&name).to_string(),
        Err(_) => name.to_owned(),
    }
}

fn config(object: &mut Object) -> Option<&mut Fields> {
    object.set.get_mut("config").and_then(Value::as_object_mut)
}

fn text(value: Option<&mut Value>, new: impl FnOnce(&str) -> String) {
    if let Some(value) = value
        && let Some(old) = value.as_str()
    {
        *value = json!(new(old));
    }
}

fn each(values: Option<&mut Value>, new: impl Fn(&str) -> String) {
    for value in values.and_then(Value::as_array_mut).into_iter().flatten() {
        text(Some(value), &new);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::object::from_api;
    use super::*;

    fn mapping() -> Mapping {
        Mapping {
            projects: [("shop".parse().unwrap(), "mall".parse().unwrap())].into(),
            pools: [("tank".parse().unwrap(), "fast".parse().unwrap())].into(),
            networks: [("br0".to_owned(), "lan".to_owned())].into(),
            profiles: [("web".to_owned(), "www".to_owned())].into(),
            ..Mapping::default()
        }
    }

    #[rstest]
    #[case::uplink(ObjectKind::Network,
        json!({ "name": "n", "type": "ovn", "config": { "network": "br0", "ipv4.nat": "br0" } }),
        "config", json!({ "network": "lan", "ipv4.nat": "br0" }))]
    #[case::peer_network(ObjectKind::NetworkPeer,
        json!({ "name": "n", "target_network": "br0", "target_project": "shop" }),
        "target_network", json!("lan"))]
    #[case::peer_project(ObjectKind::NetworkPeer,
        json!({ "name": "n", "target_network": "br0", "target_project": "shop" }),
        "target_project", json!("mall"))]
    #[case::rule(ObjectKind::NetworkAcl,
        json!({ "name": "n", "ingress": [{ "source": "@br0/there,br0,@internal" }] }),
        "ingress", json!([{ "source": "@lan/there,br0,@internal" }]))]
    #[case::project(ObjectKind::Project,
        json!({ "name": "n", "config": { "restricted.networks.access": "br0, br1",
            "limits.disk.pool.tank": "1GiB", "limits.networks.uplink_ips.ipv4.br0": "3",
            "user.br0": "br0" } }),
        "config", json!({ "restricted.networks.access": "lan,br1",
            "limits.disk.pool.fast": "1GiB", "limits.networks.uplink_ips.ipv4.lan": "3",
            "user.br0": "br0" }))]
    #[case::certificate(ObjectKind::Certificate,
        json!({ "fingerprint": "n", "projects": ["default", "shop"] }),
        "projects", json!(["default", "mall"]))]
    #[case::image(ObjectKind::Image,
        json!({ "fingerprint": "n", "profiles": ["default", "web"] }),
        "profiles", json!(["default", "www"]))]
    #[case::volume_key(ObjectKind::ServerKey,
        json!({ "name": "storage.images_volume", "value": "tank/images" }),
        "value", json!("fast/images"))]
    #[case::other_key(ObjectKind::ServerKey,
        json!({ "name": "user.path", "value": "tank/images" }),
        "value", json!("tank/images"))]
    #[case::instance(ObjectKind::Instance,
        json!({ "name": "n", "profiles": ["web"], "devices": {
            "a": { "type": "disk", "pool": "tank" }, "b": { "type": "nic", "network": "br0" },
            "c": { "type": "proxy", "network": "br0" } } }),
        "devices", json!({ "a": { "type": "disk", "pool": "fast" },
            "b": { "type": "nic", "network": "lan" },
            "c": { "type": "proxy", "network": "br0" } }))]
    fn what_names_something_names_it_as_it_is_called_now(
        #[case] kind: ObjectKind,
        #[case] raw: Value,
        #[case] field: &str,
        #[case] expected: Value,
    ) {
        let (id, mut object) = from_api(kind, &raw, None).unwrap();
        rename(&id, &mut object, &mapping()).unwrap();
        assert_eq!(object.declared()[field], expected);
    }
}
