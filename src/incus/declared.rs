//! What is declared on a server, object by object: pools, projects, networks and all that has a
//! name, a description and a configuration.
//!
//! # Design
//!
//! Twenty URL families differ only in their paths: each is listed, read, created, replaced and
//! deleted alike. One table of paths and five requests serve all of them; what is in an object is
//! known to those who ask.

use reqwest::Method;
use serde_json::Value;

use super::client::Client;
use super::request::Request;
use super::{ETag, Error};
use crate::model::{ObjectId, ObjectKind, ResourceName};
use crate::progress::Cancel;

/// Where objects are listed.
#[derive(Debug, Clone, Copy)]
pub enum Within<'a> {
    /// On the server, in every project.
    Server,
    /// In a network, zone or pool; those of a pool in every project.
    Parent(&'a ObjectId),
}

/// The path of the list of a kind.
fn list_path(kind: ObjectKind, parent: Option<&ResourceName>) -> Vec<&str> {
    let parent = parent.map_or("", ResourceName::as_str);
    match kind {
        ObjectKind::ServerKey => vec![],
        ObjectKind::StoragePool => vec!["storage-pools"],
        ObjectKind::Project => vec!["projects"],
        ObjectKind::NetworkIntegration => vec!["network-integrations"],
        ObjectKind::NetworkAddressSet => vec!["network-address-sets"],
        ObjectKind::NetworkAcl => vec!["network-acls"],
        ObjectKind::NetworkZone => vec!["network-zones"],
        ObjectKind::Network => vec!["networks"],
        ObjectKind::NetworkForward => vec!["networks", parent, "forwards"],
        ObjectKind::NetworkLoadBalancer => vec!["networks", parent, "load-balancers"],
        ObjectKind::NetworkPeer => vec!["networks", parent, "peers"],
        ObjectKind::NetworkZoneRecord => vec!["network-zones", parent, "records"],
        ObjectKind::Volume => vec!["storage-pools", parent, "volumes", "custom"],
        ObjectKind::Bucket => vec!["storage-pools", parent, "buckets"],
        ObjectKind::Profile => vec!["profiles"],
        ObjectKind::Image => vec!["images"],
        ObjectKind::Instance => vec!["instances"],
        ObjectKind::Certificate => vec!["certificates"],
        ObjectKind::ClusterGroup => vec!["cluster", "groups"],
        ObjectKind::ClusterMember => vec!["cluster", "members"],
        ObjectKind::Warning => vec!["warnings"],
    }
}

/// Whether one request lists a kind in every project.
fn lists_all_projects(kind: ObjectKind) -> bool {
    kind.is_in_project() && matches!(kind.parent(), None | Some(ObjectKind::StoragePool))
}

fn one(method: Method, id: &ObjectId, action: &str) -> Request {
    let mut path = list_path(id.kind, id.parent.as_ref());
    path.push(id.name.as_str());
    let request = Request::new(method, &path, format!("{action} {id}"));
    place(request, id)
}

/// Names the project and the cluster member of an object.
fn place(mut request: Request, id: &ObjectId) -> Request {
    if let Some(project) = &id.project {
        request = request.project(project);
    }
    if let Some(member) = &id.member {
        request = request.with("target", member.as_str());
    }
    request
}

impl Client {
    /// Every object of a kind that is in a place, as the server gives it.
    pub async fn objects(&self, kind: ObjectKind, within: Within<'_>) -> Result<Vec<Value>, Error> {
        let parent = match within {
            Within::Server => None,
            Within::Parent(id) => Some(id),
        };
        let path = list_path(kind, parent.map(|id| &id.name));
        let action = match parent {
            None => format!("list {}", kind.plural().replace('_', " ")),
            Some(id) => format!("list the {} of {id}", kind.plural().replace('_', " ")),
        };
        let mut request = Request::get(&path, action);
        if lists_all_projects(kind) {
            request = request.with("all-projects", "true");
        } else if let Some(project) = parent.and_then(|id| id.project.as_ref()) {
            request = request.project(project);
        }
        self.list_at(request).await
    }

    /// What is part of an instance or a volume or a bucket: its `snapshots` or `keys`.
    pub async fn parts(&self, id: &ObjectId, part: &str) -> Result<Vec<Value>, Error> {
        let mut path = list_path(id.kind, id.parent.as_ref());
        path.extend([id.name.as_str(), part]);
        let action = format!("list the {part} of {id}");
        self.list_at(place(Request::get(&path, action), id)).await
    }

    /// One object, and what names its present state.
    pub async fn object(&self, id: &ObjectId) -> Result<Option<(Value, ETag)>, Error> {
        let found = self.read_some(&one(Method::GET, id, "read")).await?;
        Ok(found.map(|(raw, etag)| (raw, ETag(etag.unwrap_or_default()))))
    }

    /// Creates an object, as `body` says.
    pub async fn create_object(&self, id: &ObjectId, body: Value) -> Result<(), Error> {
        let path = list_path(id.kind, id.parent.as_ref());
        let request = Request::new(Method::POST, &path, format!("create {id}"));
        self.change(place(request, id).json(body), &ETag(String::new()))
            .await
    }

    /// Replaces what can be changed of an object, if it is still in the state that `etag` names.
    pub async fn replace_object(
        &self,
        id: &ObjectId,
        body: Value,
        etag: &ETag,
    ) -> Result<(), Error> {
        self.change(one(Method::PUT, id, "change").json(body), etag)
            .await
    }

    /// Deletes an object.
    pub async fn delete_object(&self, id: &ObjectId) -> Result<(), Error> {
        let request = one(Method::DELETE, id, "delete");
        self.change(request, &ETag(String::new())).await
    }

    /// Creates or replaces a key of a bucket.
    pub async fn put_bucket_key(
        &self,
        bucket: &ObjectId,
        key: &str,
        body: Value,
        method: BucketKeyChange,
    ) -> Result<(), Error> {
        let mut path = list_path(bucket.kind, bucket.parent.as_ref());
        path.extend([bucket.name.as_str(), "keys"]);
        let method = match method {
            BucketKeyChange::Create => Method::POST,
            BucketKeyChange::Replace => {
                path.push(key);
                Method::PUT
            }
            BucketKeyChange::Delete => {
                path.push(key);
                Method::DELETE
            }
        };
        let request = Request::new(method, &path, format!("change key `{key}` of {bucket}"));
        let request = place(request, bucket).json(body);
        self.change(request, &ETag(String::new())).await
    }

    /// Asks for a change, and waits for its end where the server goes on with it by itself.
    pub(super) async fn change(&self, request: Request, etag: &ETag) -> Result<(), Error> {
        let request = if etag.0.is_empty() {
            request
        } else {
            request.header("if-match", &etag.0)
        };
        if let Some(operation) = self.begin_or_do(&request).await? {
            let ended = self.wait(&operation, &Cancel::new(), |_| ()).await;
            ended.map_err(|error| Error::Operation(Box::new(error)))?;
        }
        Ok(())
    }
}

/// What is done to a key of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketKeyChange {
    /// It is made.
    Create,
    /// It is changed.
    Replace,
    /// It is taken away.
    Delete,
}
