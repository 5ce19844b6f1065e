//! Projects, pools, profiles, networks and volumes.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Error;
use super::client::Client;
use super::request::{Request, decode};
use crate::model::{Bytes, PoolName, ProjectName};

/// A project.
#[derive(Debug, Clone, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// Its configuration.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
}

/// What Incus takes for true (`util.IsTrue`).
pub fn is_true(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "on")
}

/// Whether the project of this configuration is restricted.
pub fn is_restricted(config: &BTreeMap<String, String>) -> bool {
    config.get("restricted").is_some_and(|text| is_true(text))
}

impl Project {
    /// The project that its images are in: its own, or `default` where it has none of its own.
    pub fn home_of_images(&self) -> ProjectName {
        let own = self.config.get("features.images");
        if self.name.as_str() == "default" || own.is_some_and(|text| is_true(text)) {
            self.name.clone()
        } else {
            ProjectName::default_project()
        }
    }
}

/// A storage pool.
#[derive(Debug, Clone, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// Its driver, such as `dir`.
    pub driver: String,
    /// Its configuration, as far as this client is shown it.
    #[serde(default, deserialize_with = "shown")]
    pub config: BTreeMap<String, String>,
}

/// Restricted clients are shown nothing, as `null`.
fn shown<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// What a server says of itself as a member, or a future one: all its pools are in it.
#[derive(Deserialize)]
struct Membership {
    #[serde(default)]
    member_config: Option<Vec<MemberKey>>,
}

#[derive(Deserialize)]
struct MemberKey {
    entity: String,
    name: String,
}

/// A profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The whole object.
    pub raw: Value,
}

/// What lists of names are made of.
#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Client {
    /// Every project that can be seen.
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        self.list(&["projects"], None, "list projects").await
    }

    /// One project.
    pub async fn project(&self, name: &ProjectName) -> Result<Option<Project>, Error> {
        let action = format!("read project `{name}`");
        let request = Request::get(&["projects", name.as_str()], action.clone());
        match self.read_some(&request).await? {
            Some((value, _)) => Ok(Some(decode(value, &action)?)),
            None => Ok(None),
        }
    }

    /// One project, where this client may see it: a restricted one sees its own.
    pub async fn visible_project(&self, name: &ProjectName) -> Result<Option<Project>, Error> {
        match self.project(name).await {
            Err(error) if error.is_forbidden() => Ok(None),
            found => found,
        }
    }

    /// Creates a project.
    pub async fn create_project(&self, name: &ProjectName) -> Result<(), Error> {
        let action = format!("create project `{name}`");
        let request = Request::new(Method::POST, &["projects"], action);
        let body = json!({ "name": name, "config": { "features.images": "false" } });
        self.patiently(&request.json(body)).await.map(drop)
    }

    /// Deletes a project.
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), Error> {
        let action = format!("delete project `{name}`");
        let request = Request::new(Method::DELETE, &["projects", name.as_str()], action);
        self.patiently(&request).await.map(drop)
    }

    /// Every storage pool.
    pub async fn pools(&self) -> Result<Vec<Pool>, Error> {
        let listed = self.list(&["storage-pools"], None, "list storage pools");
        match listed.await {
            Err(error) if error.is_forbidden() => self.pools_by_name(error).await,
            listed => listed,
        }
    }

    /// Every storage pool, where the list is refused: 6.0 lets restricted clients read each pool, and tells
    /// them the names in what it would bring into a cluster. `refused` is why the list is not there.
    async fn pools_by_name(&self, refused: Error) -> Result<Vec<Pool>, Error> {
        let action = "list storage pools";
        let (value, _) = self.read(&Request::get(&["cluster"], action)).await?;
        let membership: Membership = decode(value, action)?;
        let keys = membership.member_config.unwrap_or_default().into_iter();
        let names: BTreeSet<String> = keys
            .filter(|key| key.entity == "storage-pool")
            .map(|key| key.name)
            .collect();
        if names.is_empty() {
            return Err(refused);
        }
        let mut pools = Vec::new();
        for name in names {
            let action = format!("read storage pool `{name}`");
            let request = Request::get(&["storage-pools", &name], action.clone());
            if let Some((value, _)) = self.read_some(&request).await? {
                pools.push(decode(value, &action)?);
            }
        }
        Ok(pools)
    }

    /// How much more a storage pool can hold, where the server says it.
    pub async fn pool_free(&self, name: &PoolName) -> Result<Option<Bytes>, Error> {
        let action = format!("read the resources of storage pool `{name}`");
        let segments = ["storage-pools", name.as_str(), "resources"];
        let (resources, _) = self.read(&Request::get(&segments, action)).await?;
        let space = |key: &str| resources["space"][key].as_u64();
        let (Some(total), Some(used)) = (space("total").filter(|total| *total > 0), space("used"))
        else {
            return Ok(None);
        };
        Ok(Some(Bytes(total.saturating_sub(used))))
    }

    /// The profiles that instances of a project can use.
    pub async fn profiles(&self, project: &ProjectName) -> Result<Vec<Profile>, Error> {
        let action = "list profiles";
        let all: Vec<Value> = self.list(&["profiles"], Some(project), action).await?;
        let named = |raw: Value| {
            let name = raw["name"].as_str().unwrap_or_default().to_owned();
            Profile { name, raw }
        };
        Ok(all.into_iter().map(named).collect())
    }

    /// One profile.
    pub async fn profile(
        &self,
        project: &ProjectName,
        name: &str,
    ) -> Result<Option<Profile>, Error> {
        let request = Request::get(&["profiles", name], format!("read profile `{name}`"));
        let found = self.read_some(&request.project(project)).await?;
        Ok(found.map(|(raw, _)| Profile {
            name: name.to_owned(),
            raw,
        }))
    }

    /// The names of the networks that instances of a project can use.
    pub async fn networks(&self, project: &ProjectName) -> Result<Vec<String>, Error> {
        self.names(&["networks"], project, "list networks").await
    }

    /// The names of the custom volumes of a pool that instances of a project can mount.
    pub async fn custom_volumes(
        &self,
        pool: &PoolName,
        project: &ProjectName,
    ) -> Result<Vec<String>, Error> {
        let segments = ["storage-pools", pool.as_str(), "volumes", "custom"];
        self.names(&segments, project, "list volumes").await
    }

    async fn names(
        &self,
        segments: &[&str],
        project: &ProjectName,
        action: &str,
    ) -> Result<Vec<String>, Error> {
        let all: Vec<Name> = self.list(segments, Some(project), action).await?;
        Ok(all.into_iter().map(|item| item.name).collect())
    }

    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        segments: &[&str],
        project: Option<&ProjectName>,
        action: &str,
    ) -> Result<Vec<T>, Error> {
        let mut request = Request::get(segments, action);
        if let Some(project) = project {
            request = request.project(project);
        }
        self.list_at(request).await
    }

    /// The objects that a request lists.
    pub(super) async fn list_at<T: serde::de::DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<Vec<T>, Error> {
        let request = request.with("recursion", "1");
        let (value, _) = self.read(&request).await?;
        // Go writes an empty list as null.
        let all: Option<Vec<T>> = decode(value, &request.action)?;
        Ok(all.unwrap_or_default())
    }
}
