//! What a server can export and import again, and where it is in the API.

use std::fmt;

use reqwest::Method;

use super::Error;
use super::client::Client;
use super::operation::Operation;
use super::request::Request;
use crate::model::{InstanceName, PoolName, ProjectName, ResourceName};

/// An instance, a custom volume or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exportable {
    sort: Sort,
    project: ProjectName,
    name: ResourceName,
    member: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sort {
    Instance,
    Volume(PoolName),
    Bucket(PoolName),
}

impl Exportable {
    /// An instance.
    pub fn instance(project: ProjectName, name: &InstanceName) -> Self {
        Self::new(Sort::Instance, project, name.into())
    }

    /// A custom volume, in the project that it really lives in.
    pub fn volume(project: ProjectName, pool: PoolName, name: ResourceName) -> Self {
        Self::new(Sort::Volume(pool), project, name)
    }

    /// A bucket.
    pub fn bucket(project: ProjectName, pool: PoolName, name: ResourceName) -> Self {
        Self::new(Sort::Bucket(pool), project, name)
    }

    fn new(sort: Sort, project: ProjectName, name: ResourceName) -> Self {
        Self {
            sort,
            project,
            name,
            member: None,
        }
    }

    /// Says which cluster member it is on: volumes and buckets of several members may share a name.
    #[must_use]
    pub fn on(mut self, member: Option<String>) -> Self {
        self.member = member;
        self
    }

    /// One beside it, of the same kind and place, with another name.
    #[must_use]
    pub fn beside(&self, name: ResourceName) -> Self {
        Self {
            name,
            ..self.clone()
        }
    }

    /// The project.
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    /// The name.
    pub fn name(&self) -> &ResourceName {
        &self.name
    }

    /// What it is called in messages: `instance`, `volume`, `bucket`.
    pub fn noun(&self) -> &'static str {
        match self.sort {
            Sort::Instance => "instance",
            Sort::Volume(_) => "volume",
            Sort::Bucket(_) => "bucket",
        }
    }

    /// How the server describes the operation that exports one.
    pub(super) fn exporting(&self) -> &'static str {
        match self.sort {
            Sort::Instance => "Backing up instance",
            Sort::Volume(_) => "Creating custom volume backup",
            Sort::Bucket(_) => "Creating bucket backup",
        }
    }

    /// What a request to export it says of its snapshots: the key that leaves them out.
    pub(super) fn only_key(&self) -> Option<&'static str> {
        match self.sort {
            Sort::Instance => Some("instance_only"),
            Sort::Volume(_) => Some("volume_only"),
            Sort::Bucket(_) => None,
        }
    }

    /// The segments of the list that it is in.
    fn list(&self) -> Vec<&str> {
        match &self.sort {
            Sort::Instance => vec!["instances"],
            Sort::Volume(pool) => vec!["storage-pools", pool.as_str(), "volumes", "custom"],
            Sort::Bucket(pool) => vec!["storage-pools", pool.as_str(), "buckets"],
        }
    }

    /// Its own segments, and more below them.
    pub(super) fn path<'a>(&'a self, below: &[&'a str]) -> Vec<&'a str> {
        let mut segments = self.list();
        segments.push(self.name.as_str());
        segments.extend(below);
        segments
    }

    /// A request about it, or about something below it.
    pub(super) fn request(&self, method: Method, below: &[&str], action: String) -> Request {
        self.at(Request::new(method, &self.path(below), action))
    }

    /// A request to the list that it is in.
    pub(super) fn request_to_list(&self, method: Method, action: String) -> Request {
        self.at(Request::new(method, &self.list(), action))
    }

    fn at(&self, request: Request) -> Request {
        let request = request.project(&self.project);
        match (&self.sort, &self.member) {
            // An instance is found by the cluster itself.
            (Sort::Instance, _) | (_, None) => request,
            (_, Some(member)) => request.with("target", member),
        }
    }
}

impl fmt::Display for Exportable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sort {
            Sort::Instance => write!(f, "{}", self.name),
            Sort::Volume(pool) | Sort::Bucket(pool) => write!(f, "{pool}/{}", self.name),
        }
    }
}

impl Client {
    /// Whether it is there.
    pub async fn exists(&self, what: &Exportable) -> Result<bool, Error> {
        let action = format!("read {} `{what}`", what.noun());
        let request = what.request(Method::GET, &[], action);
        Ok(self.read_some(&request).await?.is_some())
    }

    /// Deletes it; gives the operation to wait for, where the server makes one of it.
    pub async fn delete(&self, what: &Exportable) -> Result<Option<Operation>, Error> {
        let action = format!("delete {} `{what}`", what.noun());
        let request = what.request(Method::DELETE, &[], action);
        self.begin_or_do(&request).await
    }
}
