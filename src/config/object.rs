//! One object of a server's configuration, its fields sorted by what they are (pure).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{DERIVED, RESTLESS, SETS, fields};
use crate::model::{InvalidName, ObjectId, ObjectKind, ProjectName, ResourceName};
use crate::temporary::{is_of_a_mark, is_of_easing, uneased};

/// Fields by their names, in the order of the names.
pub(super) type Fields = Map<String, Value>;

/// An object of a server's configuration.
///
/// Only `made` and `set` say what the object is to be; they are compared and restored. What a server
/// chooses for itself and what it observes stands apart, for people to look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What was said once, when it was made.
    #[serde(default)]
    pub made: Fields,
    /// What can be changed.
    #[serde(default)]
    pub set: Fields,
    /// What the server chose for itself: `volatile.*` keys, the default place of a pool.
    #[serde(default)]
    pub own: Fields,
    /// What the server tells of it.
    #[serde(default)]
    pub state: Fields,
}

/// Something that is not an object of its kind.
#[derive(Debug, thiserror::Error)]
pub enum InvalidObject {
    /// It lacks a field.
    #[error("an object has no `{0}`")]
    Lacks(&'static str),
    /// A name in it is none.
    #[error("{0}")]
    Name(#[from] InvalidName),
}

impl Object {
    /// What is compared: what it is to be.
    pub(super) fn declared(&self) -> Value {
        let mut all = self.made.clone();
        all.extend(self.set.clone());
        Value::Object(all)
    }

    /// Whether a user declares nothing of it: a key that the server keeps for itself.
    pub(super) fn declared_nothing(&self) -> bool {
        self.made.is_empty() && self.set.is_empty()
    }

    /// Its configuration, as it can be changed.
    pub(super) fn config(&self) -> Option<&Fields> {
        self.set.get("config").and_then(Value::as_object)
    }

    /// The configuration with which it is replaced on a server that has `current`: what that server
    /// chose for itself stays.
    pub(super) fn config_over(&self, current: &Self) -> Option<Fields> {
        let mut config = self.config()?.clone();
        if let Some(own) = current.own.get("config").and_then(Value::as_object) {
            for (key, value) in own {
                config.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        Some(config)
    }
}

/// Understands an object as the API gives it. `parent` is what it was listed under.
pub(super) fn from_api(
    kind: ObjectKind,
    raw: &Value,
    parent: Option<&ObjectId>,
) -> Result<(ObjectId, Object), InvalidObject> {
    let of_kind = fields(kind);
    let text = |field: &str| raw.get(field).and_then(Value::as_str);
    let name = text(of_kind.name).ok_or(InvalidObject::Lacks(of_kind.name))?;
    let mut id = ObjectId::of_server(kind, name.parse()?);
    if kind.is_in_project() {
        let inherited = parent.and_then(|parent| parent.project.clone());
        id.project = Some(match text("project") {
            // A zone that is asked for by name has an empty one (6.0).
            Some(project) if !project.is_empty() => project.parse()?,
            _ => inherited.unwrap_or_else(ProjectName::default_project),
        });
    }
    id.parent = parent.map(|parent| parent.name.clone());
    if has_member(kind) {
        id.member = member_of(text("location"))?;
    }
    let mut object = Object::default();
    for (field, value) in raw.as_object().into_iter().flatten() {
        let field = field.as_str();
        if field == of_kind.name || (field == "project" && id.project.is_some()) {
            continue;
        }
        if DERIVED.contains(&field) || (kind == ObjectKind::Warning && RESTLESS.contains(&field)) {
            continue;
        }
        let value = tidy(field, value);
        let into = if of_kind.set.contains(&field) {
            &mut object.set
        } else if of_kind.made.contains(&field) {
            &mut object.made
        } else {
            &mut object.state
        };
        into.insert(field.to_owned(), value);
    }
    // A server of another version may lack a field that says nothing.
    for field in of_kind.set {
        let set = &mut object.set;
        if let Some(empty) = empty(field)
            && set.get(*field).is_none_or(Value::is_null)
        {
            set.insert((*field).to_owned(), empty);
        }
    }
    settle(&id, &mut object);
    Ok((id, object))
}

/// What a field is where nothing is said.
fn empty(field: &str) -> Option<Value> {
    match field {
        "config" | "devices" | "properties" => Some(Value::Object(Fields::new())),
        "addresses" | "aliases" | "backends" | "egress" | "entries" | "ingress" | "members"
        | "ports" | "profiles" | "projects" | "roles" => Some(Value::Array(Vec::new())),
        "description" => Some(Value::from("")),
        _ => None,
    }
}

/// Whether objects of a kind are on one cluster member each.
fn has_member(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Volume
            | ObjectKind::Bucket
            | ObjectKind::NetworkForward
            | ObjectKind::NetworkLoadBalancer
    )
}

fn member_of(location: Option<&str>) -> Result<Option<ResourceName>, InvalidName> {
    match location {
        None | Some("" | "none") => Ok(None),
        Some(member) => member.parse().map(Some),
    }
}

/// Brings what may be written in several ways into one.
fn settle(id: &ObjectId, object: &mut Object) {
    if id.kind == ObjectKind::Project {
        settle_easing(object);
    }
    let mut own = Fields::new();
    let driver = object.made.get("driver").cloned();
    if let Some(config) = object.set.get_mut("config").and_then(Value::as_object_mut) {
        let chosen: Vec<String> = config
            .iter()
            .filter(|(key, value)| is_own(id, driver.as_ref(), key, value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in chosen {
            if let Some(value) = config.shift_remove(&key) {
                own.insert(key, value);
            }
        }
    }
    if !own.is_empty() {
        object.own.insert("config".to_owned(), Value::Object(own));
    }
    if id.kind == ObjectKind::ClusterMember {
        settle_roles(object);
    }
    for part in [
        &mut object.made,
        &mut object.set,
        &mut object.own,
        &mut object.state,
    ] {
        part.sort_keys();
    }
}

/// Declares of a project what stood before a run of this program eased it for an import: that is put
/// back when the import ends. What tells of the easing stays, among what is not declared.
fn settle_easing(object: &mut Object) {
    let Some(config) = object.set.get_mut("config").and_then(Value::as_object_mut) else {
        return;
    };
    let texts = config.iter().filter_map(|(key, value)| {
        let value = value.as_str()?;
        Some((key.clone(), value.to_owned()))
    });
    let eased: BTreeMap<String, String> = texts.collect();
    let before = uneased(&eased);
    config.retain(|key, _| before.contains_key(key) || is_of_easing(key));
    for (key, value) in before {
        config.insert(key, Value::from(value));
    }
}

/// Whether the server chose a configuration key for itself, or a run of this program keeps it there for
/// as long as it works.
fn is_own(id: &ObjectId, driver: Option<&Value>, key: &str, value: &Value) -> bool {
    // A feature that is off may be told or not.
    let is_off =
        id.kind == ObjectKind::Project && key.starts_with("features.") && *value == "false";
    let is_fleeting = is_of_a_mark(key) || (id.kind == ObjectKind::Project && is_of_easing(key));
    if key.starts_with("volatile.") || is_off || is_fleeting {
        return true;
    }
    if id.kind != ObjectKind::StoragePool || key != "source" {
        return false;
    }
    is_default_source(
        id.name.as_str(),
        driver.and_then(Value::as_str).unwrap_or_default(),
        value.as_str().unwrap_or_default(),
    )
}

/// Whether a pool's source is the place that the server gives a pool of that name when it is told
/// none: a folder of its own for `dir`, else a file that it makes itself.
pub(super) fn is_default_source(pool: &str, driver: &str, source: &str) -> bool {
    match driver {
        "dir" => source.ends_with(&format!("/storage-pools/{pool}")),
        "btrfs" | "lvm" | "zfs" => source.ends_with(&format!("/disks/{pool}.img")),
        _ => false,
    }
}

/// The roles that the cluster gives and takes by itself are its own.
fn settle_roles(object: &mut Object) {
    let Some(Value::Array(roles)) = object.set.get_mut("roles") else {
        return;
    };
    let automatic = |role: &Value| {
        role.as_str()
            .is_some_and(|role| role.starts_with("database"))
    };
    let (own, set) = std::mem::take(roles).into_iter().partition(automatic);
    *roles = set;
    object.own.insert("roles".to_owned(), Value::Array(own));
}

/// Takes out of an item of a list what says nothing: a server of another version does not have it, and
/// in Go a field that is absent is empty, false or nought.
pub(super) fn tidy_item(item: &Value) -> Value {
    let mut item = tidy("", item);
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|_, value| {
            let nothing = [
                Value::Null,
                Value::from(""),
                Value::from(false),
                Value::from(0),
            ];
            !nothing.contains(value) && value.as_array().is_none_or(|items| !items.is_empty())
        });
    }
    item
}

/// Sorts what has no order of its own.
pub(super) fn tidy(field: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut sorted: Fields = map
                .iter()
                .map(|(key, value)| (key.clone(), tidy("", value)))
                .collect();
            sorted.sort_keys();
            Value::Object(sorted)
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(tidy_item).collect();
            if SETS.contains(&field) {
                items.sort_by_key(ToString::to_string);
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn api(kind: ObjectKind, raw: &Value) -> (ObjectId, Object) {
        from_api(kind, raw, None).unwrap()
    }

    #[test]
    fn what_a_server_chooses_and_tells_stands_apart() {
        let (id, object) = api(
            ObjectKind::Network,
            &json!({ "name": "br0", "project": "shop", "type": "bridge", "managed": true,
                "description": "", "used_by": ["b", "a"], "status": "Created",
                "config": { "volatile.x": "1", "ipv4.nat": "true", "bridge.mtu": "1400" } }),
        );
        assert_eq!(id.to_string(), "network `br0` (project shop)");
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            concat!(
                r#"{"made":{"type":"bridge"},"#,
                r#""set":{"config":{"bridge.mtu":"1400","ipv4.nat":"true"},"description":""},"#,
                r#""own":{"config":{"volatile.x":"1"}},"#,
                r#""state":{"managed":true,"status":"Created","used_by":["a","b"]}}"#
            )
        );
    }

    #[test]
    fn a_project_that_is_eased_declares_what_stood_before() {
        let plain = json!({ "name": "shop", "config": { "restricted": "true",
            "limits.instances": "3", "restricted.containers.lowlevel": "block" } });
        let eased = json!({ "name": "shop", "config": { "restricted": "true",
            "limits.instances": "4", "restricted.containers.lowlevel": "allow",
            "restricted.virtual-machines.lowlevel": "allow",
            "user.incus-backup.before": "{\"limits.instances\":\"3\",\
                \"restricted.containers.lowlevel\":\"block\",\
                \"restricted.virtual-machines.lowlevel\":null}",
            "user.incus-backup.holder.1": "x" } });
        let (_, plain) = api(ObjectKind::Project, &plain);
        let (_, eased) = api(ObjectKind::Project, &eased);
        assert_eq!(eased.declared(), plain.declared());
        // A change of the project leaves the record to whoever eased it.
        let config = plain.config_over(&eased).unwrap();
        let record: Vec<&String> = config
            .keys()
            .filter(|key| key.contains("incus-backup"))
            .collect();
        assert_eq!(
            record,
            ["user.incus-backup.before", "user.incus-backup.holder.1"]
        );
    }

    #[test]
    fn what_says_nothing_is_as_good_as_absent() {
        let forward = |port: Value| {
            let raw = json!({ "listen_address": "10.0.0.5", "ports": [port], "description": "" });
            let parent = ObjectId::in_project(
                ObjectKind::Network,
                ProjectName::default_project(),
                "br0".parse().unwrap(),
            );
            from_api(ObjectKind::NetworkForward, &raw, Some(&parent))
                .unwrap()
                .1
        };
        let older = forward(json!({ "listen_port": "80", "description": "" }));
        let newer = forward(json!({ "listen_port": "80", "description": "", "snat": false }));
        assert_eq!(older, newer);
        assert_eq!(older.set["ports"], json!([{ "listen_port": "80" }]));
        assert_eq!(older.set["config"], json!({}), "absent, and so empty");
        let natted = forward(json!({ "listen_port": "80", "snat": true }));
        assert_ne!(natted, newer);
    }

    #[rstest]
    #[case("dir", "/var/lib/incus/storage-pools/p", true)]
    #[case("dir", "/srv/p", false)]
    #[case("btrfs", "/x/disks/p.img", true)]
    #[case("zfs", "/x/disks/other.img", false)]
    #[case("btrfs", "/dev/sdb", false)]
    #[case("zfs", "tank/incus", false)]
    #[case("ceph", "/x/disks/p.img", false)]
    fn the_default_place_of_a_pool_is_the_servers_own(
        #[case] driver: &str,
        #[case] source: &str,
        #[case] own: bool,
    ) {
        let (_, object) = api(
            ObjectKind::StoragePool,
            &json!({ "name": "p", "driver": driver, "config": { "source": source } }),
        );
        assert_eq!(object.own.contains_key("config"), own);
        assert_eq!(object.config().unwrap().contains_key("source"), !own);
    }

    #[test]
    fn a_feature_that_is_off_is_written_in_one_way() {
        let off =
            json!({ "name": "p", "config": { "features.images": "false", "limits.cpu": "2" } });
        let absent = json!({ "name": "p", "config": { "limits.cpu": "2" } });
        let declared = |raw| api(ObjectKind::Project, raw).1.declared();
        assert_eq!(declared(&off), declared(&absent));
    }

    #[rstest]
    #[case(json!({ "name": "../../etc" }))]
    #[case(json!({ "name": "a", "project": "../../etc" }))]
    #[case(json!({ "config": {} }))]
    fn what_is_no_name_is_no_object(#[case] raw: Value) {
        assert!(from_api(ObjectKind::Profile, &raw, None).is_err());
    }

    #[test]
    fn roles_that_a_cluster_gives_itself_are_its_own() {
        let raw =
            &json!({ "server_name": "m1", "roles": ["event-hub", "database-leader", "database"] });
        let (_, object) = api(ObjectKind::ClusterMember, raw);
        assert_eq!(object.set["roles"], json!(["event-hub"]));
        assert_eq!(object.own["roles"], json!(["database", "database-leader"]));
    }
}
