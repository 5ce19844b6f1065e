//! Reads the whole configuration of a server.
//!
//! # Design
//!
//! A kind that cannot be read is recorded as such, never as empty: a restore from a backup that
//! says "no networks" would call every network an extra one. What a server lacks (an extension, a
//! cluster, peerings on a bridge) is empty in truth, and told apart from what it refuses. Who is no
//! administrator is given filtered lists without a word, and so is refused here.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::document::{Document, Objects, Section};
use super::error::ConfigError;
use super::fields::{MEMBER_SERVER_KEYS, member_keys};
use super::object::{Fields, Object, from_api, tidy, tidy_item};
use crate::incus::{self, Client, ETag, Within};
use crate::model::{ObjectId, ObjectKind, ResourceName};
use crate::temporary::{is_passing, owner_of_drill};

/// How many requests for parts of objects are under way at a time.
const AT_ONCE: usize = 4;

/// The status code of an instance whose cluster member is down: nothing else said of it is true.
const UNREACHABLE: u16 = 112;

/// The extension without which a server does not know a kind.
fn extension(kind: ObjectKind) -> Option<&'static str> {
    match kind {
        ObjectKind::NetworkAddressSet => Some("network_address_set"),
        ObjectKind::NetworkIntegration => Some("network_integrations"),
        _ => None,
    }
}

/// Reads everything that is declared on a server. What cannot be read is told in the document.
pub async fn read(client: &Client) -> Result<Document, ConfigError> {
    let mut document = Document::default();
    let warnings = client.objects(ObjectKind::Warning, Within::Server).await;
    if warnings.is_err_and(|error| error.is_forbidden()) {
        return Err(ConfigError::NotAdministrator);
    }
    let reader = Reader::of(client).await?;
    for kind in ObjectKind::ALL {
        let section = match reader.kind(kind, &document).await {
            Ok(objects) => Section::Objects(objects),
            Err(error) if error.is_lost() => return Err(error),
            Err(error) => Section::Unreadable(crate::plan::Failure::new(error).to_string()),
        };
        document.sections.insert(kind, section);
    }
    document.surroundings = reader.surroundings().await?;
    Ok(document)
}

/// Whether a project is there only while a restored copy is looked at.
fn is_of_drill(project: &Value) -> bool {
    let name = project["name"].as_str().and_then(|name| name.parse().ok());
    let config = serde_json::from_value(project["config"].clone()).unwrap_or_default();
    name.is_some_and(|name| owner_of_drill(&name, &config).is_some())
}

/// Whether an instance or a volume is there only while a run works with it.
fn is_of_a_run(raw: &Value) -> bool {
    let config = serde_json::from_value(raw["config"].clone()).unwrap_or_default();
    raw["name"]
        .as_str()
        .is_some_and(|name| is_passing(name, &config))
}

/// The names of cluster members.
fn names(raw: &[Value]) -> Result<Vec<ResourceName>, ConfigError> {
    let name = |member: &Value| -> Result<ResourceName, ConfigError> {
        let text = member["server_name"].as_str().unwrap_or_default();
        Ok(text.parse()?)
    };
    raw.iter().map(name).collect()
}

/// Reads a server's objects in the form in which they are compared.
pub(super) struct Reader<'a> {
    client: &'a Client,
    /// The cluster's members; none where there is no cluster.
    members: Vec<ResourceName>,
}

impl<'a> Reader<'a> {
    /// A reader of a server; asks for the members of its cluster.
    pub(super) async fn of(client: &'a Client) -> Result<Self, ConfigError> {
        let members = if client.server().clustered {
            names(
                &client
                    .objects(ObjectKind::ClusterMember, Within::Server)
                    .await?,
            )?
        } else {
            Vec::new()
        };
        Ok(Self { client, members })
    }

    /// One object, and what names its present state.
    pub(super) async fn one(&self, id: &ObjectId) -> Result<Option<(Object, ETag)>, ConfigError> {
        let Some((raw, etag)) = self.client.object(id).await? else {
            return Ok(None);
        };
        let (_, object) = from_api(id.kind, &raw, id.parent_id().as_ref())?;
        let one = Objects::from([(id.clone(), object)]);
        let whole = self.with_parts(id.kind, one).await?;
        Ok(whole.into_values().next().map(|object| (object, etag)))
    }

    async fn kind(&self, kind: ObjectKind, so_far: &Document) -> Result<Objects, ConfigError> {
        let cluster = matches!(kind, ObjectKind::ClusterGroup | ObjectKind::ClusterMember);
        if extension(kind).is_some_and(|name| !self.client.has(name))
            || (cluster && self.members.is_empty())
        {
            return Ok(Objects::new());
        }
        if kind == ObjectKind::ServerKey {
            return self.server_keys().await;
        }
        let mut objects = Objects::new();
        match kind.parent() {
            None => self.list(kind, None, &mut objects).await?,
            Some(parent) => {
                let parents = so_far
                    .objects(parent)
                    .ok_or(ConfigError::NoParents(parent))?;
                for id in parents.keys() {
                    self.list(kind, Some(id), &mut objects).await?;
                }
            }
        }
        self.with_parts(kind, objects).await
    }

    /// Lists the objects of a kind in one place.
    async fn list(
        &self,
        kind: ObjectKind,
        parent: Option<&ObjectId>,
        objects: &mut Objects,
    ) -> Result<(), ConfigError> {
        let within = parent.map_or(Within::Server, Within::Parent);
        let all = match self.client.objects(kind, within).await {
            Err(error) if is_not_offered(&error) => return Ok(()),
            all => all?,
        };
        for raw in all {
            let leave = match kind {
                ObjectKind::Network => raw["managed"] == false,
                // The members of a cluster trust each other without being told.
                ObjectKind::Certificate => raw["type"] == "server",
                ObjectKind::Project => is_of_drill(&raw),
                ObjectKind::Image => raw["cached"] == true,
                // Snapshots are listed beside their volumes, as `VOLUME/SNAPSHOT`.
                ObjectKind::Volume if raw["name"].as_str().is_some_and(|it| it.contains('/')) => {
                    true
                }
                ObjectKind::Volume | ObjectKind::Instance => is_of_a_run(&raw),
                _ => false,
            };
            if kind == ObjectKind::Instance && raw["status_code"] == UNREACHABLE {
                let name = raw["name"].as_str().unwrap_or_default();
                return Err(ConfigError::Unreachable(name.to_owned()));
            }
            if !leave {
                let (id, object) = from_api(kind, &raw, parent)?;
                objects.insert(id, object);
            }
        }
        Ok(())
    }

    /// Adds what a list does not tell of its objects.
    async fn with_parts(&self, kind: ObjectKind, objects: Objects) -> Result<Objects, ConfigError> {
        let part = match kind {
            ObjectKind::Instance | ObjectKind::Volume => "snapshots",
            ObjectKind::Bucket => "keys",
            ObjectKind::StoragePool | ObjectKind::Network if !self.members.is_empty() => {
                return self.with_members(objects).await;
            }
            _ => return Ok(objects),
        };
        stream::iter(objects)
            .map(|(id, mut object)| async move {
                let parts = self.client.parts(&id, part).await?;
                let parts: Vec<Value> = parts.iter().map(tidy_part).collect();
                object.set.insert(part.to_owned(), parts.into());
                object.set.sort_keys();
                Ok((id, object))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Adds what each member of the cluster has for itself.
    async fn with_members(&self, objects: Objects) -> Result<Objects, ConfigError> {
        let mut whole = Objects::new();
        for (id, mut object) in objects {
            let mut each = BTreeMap::new();
            for member in &self.members {
                let Some((raw, _)) = self.client.object(&id.clone().on(member)).await? else {
                    continue;
                };
                let (_, there) = from_api(id.kind, &raw, None)?;
                let own = |config: Option<&Fields>| {
                    let mut config = config.cloned().unwrap_or_default();
                    config.retain(|key, _| member_keys(id.kind).contains(&key.as_str()));
                    config
                };
                each.insert(member.to_string(), Value::Object(own(there.config())));
            }
            if let Some(config) = object.set.get_mut("config").and_then(Value::as_object_mut) {
                config.retain(|key, _| !member_keys(id.kind).contains(&key.as_str()));
            }
            let each: Fields = each.into_iter().collect();
            object.set.insert("members".to_owned(), Value::Object(each));
            object.set.sort_keys();
            whole.insert(id, object);
        }
        Ok(whole)
    }

    async fn server_keys(&self) -> Result<Objects, ConfigError> {
        let mut objects = Objects::new();
        let document = self.client.server_document(None).await?;
        let config = document.config.ok_or(ConfigError::NoServerKeys)?;
        let of_member = |key: &str| !self.members.is_empty() && MEMBER_SERVER_KEYS.contains(&key);
        for (key, value) in config.iter().filter(|(key, _)| !of_member(key)) {
            insert_key(&mut objects, key, value, None)?;
        }
        for member in &self.members {
            let document = self.client.server_document(Some(member)).await?;
            let config = document.config.ok_or(ConfigError::NoServerKeys)?;
            for (key, value) in config.iter().filter(|(key, _)| of_member(key)) {
                insert_key(&mut objects, key, value, Some(member))?;
            }
        }
        Ok(objects)
    }

    /// What the server says of itself, without what changes by itself.
    async fn surroundings(&self) -> Result<Value, ConfigError> {
        let raw = self.client.server_document(None).await?.raw;
        let mut environment = tidy("", &raw["environment"]);
        for list in environment
            .as_object_mut()
            .into_iter()
            .flat_map(Fields::values_mut)
        {
            if let Value::Array(items) = list {
                items.sort_by_key(ToString::to_string);
            }
        }
        if let Some(environment) = environment.as_object_mut() {
            // The process, and two lists in the order of a Go map.
            environment.retain(|key, _| {
                !["server_pid", "storage", "storage_version"].contains(&key.as_str())
            });
        }
        let cluster = self.client.cluster().await.unwrap_or(Value::Null);
        Ok(json!({
            "api_extensions": raw["api_extensions"],
            "cluster": tidy("", &cluster),
            "environment": environment,
        }))
    }
}

fn insert_key(
    objects: &mut Objects,
    key: &str,
    value: &Value,
    member: Option<&ResourceName>,
) -> Result<(), ConfigError> {
    let mut id = ObjectId::of_server(ObjectKind::ServerKey, key.parse()?);
    id.member = member.cloned();
    let mut object = Object::default();
    let into = if key.starts_with("volatile.") {
        &mut object.own
    } else {
        &mut object.set
    };
    into.insert("value".to_owned(), value.clone());
    objects.insert(id, object);
    Ok(())
}

/// A snapshot or key without what is derived and what the server chose for itself.
pub(super) fn tidy_part(raw: &Value) -> Value {
    let mut part = tidy_item(raw);
    if let Some(part) = part.as_object_mut() {
        part.retain(|field, _| {
            !field.starts_with("expanded_")
                && !["last_used_at", "size", "s3_url"].contains(&field.as_str())
        });
        if let Some(name) = part.get("name").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            part.insert("name".to_owned(), name.into());
        }
        if let Some(config) = part.get_mut("config").and_then(Value::as_object_mut) {
            config.retain(|key, _| !key.starts_with("volatile."));
        }
    }
    part
}

/// Whether a server, network or pool does not offer what was asked of it: peerings on a bridge.
fn is_not_offered(error: &incus::Error) -> bool {
    matches!(error, incus::Error::Refused { code: 404, .. })
        || matches!(error, incus::Error::Refused { code: 400, message, .. } if message.contains("support"))
}
