//! Custom volumes and their snapshots.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::client::Client;
use super::exportable::Exportable;
use super::instance::ETag;
use super::operation::Operation;
use super::request::{Request, decode};
use crate::model::{PoolName, ProjectName, ResourceName, SnapshotName, VolumeContent};

/// A custom volume.
#[derive(Debug, Clone, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: ResourceName,
    /// The project that it lives in, which need not be the one that was asked.
    #[serde(default = "ProjectName::default_project")]
    pub project: ProjectName,
    /// What it holds.
    pub content_type: VolumeContent,
    /// The cluster member that it is on; `none` or empty where it is on no single one.
    #[serde(default)]
    pub location: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Its configuration.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// The whole object.
    #[serde(skip)]
    pub raw: Value,
}

impl Volume {
    fn parse(raw: Value, action: &str) -> Result<Self, Error> {
        let volume: Self = decode(raw.clone(), action)?;
        Ok(Self { raw, ..volume })
    }

    /// The cluster member that requests about it must name.
    pub fn member(&self) -> Option<String> {
        let somewhere = !matches!(self.location.as_str(), "" | "none");
        somewhere.then(|| self.location.clone())
    }

    /// It, in its pool, as what is exported.
    pub fn exportable(&self, pool: &PoolName) -> Exportable {
        Exportable::volume(self.project.clone(), pool.clone(), self.name.clone()).on(self.member())
    }
}

/// A snapshot of a custom volume.
#[derive(Debug, Clone)]
pub struct VolumeSnapshot {
    /// Its name, without the volume's.
    pub name: String,
    /// The whole object.
    pub raw: Value,
}

impl Client {
    /// The custom volumes of a pool that a project sees.
    pub async fn volumes(
        &self,
        pool: &PoolName,
        project: &ProjectName,
    ) -> Result<Vec<Volume>, Error> {
        let action = format!("list the volumes of pool `{pool}`");
        let segments = ["storage-pools", pool.as_str(), "volumes", "custom"];
        let all: Vec<Value> = self.list(&segments, Some(project), &action).await?;
        // The list has their snapshots too, as `VOLUME/SNAPSHOT`.
        let is_snapshot = |raw: &Value| raw["name"].as_str().unwrap_or_default().contains('/');
        all.into_iter()
            .filter(|raw| !is_snapshot(raw))
            .map(|raw| Volume::parse(raw, &action))
            .collect()
    }

    /// One custom volume, and what names its present state.
    pub async fn volume(&self, what: &Exportable) -> Result<Option<(Volume, ETag)>, Error> {
        let action = format!("read volume `{what}`");
        let request = what.request(Method::GET, &[], action.clone());
        match self.read_some(&request).await? {
            None => Ok(None),
            Some((raw, etag)) => {
                let volume = Volume::parse(raw, &action)?;
                Ok(Some((volume, ETag(etag.unwrap_or_default()))))
            }
        }
    }

    /// The snapshots of a custom volume, oldest first.
    pub async fn volume_snapshots(&self, what: &Exportable) -> Result<Vec<VolumeSnapshot>, Error> {
        let action = format!("list the snapshots of volume `{what}`");
        let all: Vec<Value> = self
            .list_at(what.request(Method::GET, &["snapshots"], action))
            .await?;
        let named = |raw: Value| {
            let name = raw["name"].as_str().unwrap_or_default();
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            VolumeSnapshot { name, raw }
        };
        Ok(all.into_iter().map(named).collect())
    }

    /// Deletes a snapshot of a custom volume.
    pub async fn delete_volume_snapshot(
        &self,
        what: &Exportable,
        snapshot: &SnapshotName,
    ) -> Result<Option<Operation>, Error> {
        let action = format!("delete snapshot `{what}/{snapshot}`");
        let below = ["snapshots", snapshot.as_str()];
        self.begin_or_do(&what.request(Method::DELETE, &below, action))
            .await
    }

    /// Copies a custom volume as `body` says, to be called `to`.
    pub async fn copy_volume(
        &self,
        to: &Exportable,
        body: Value,
    ) -> Result<Option<Operation>, Error> {
        let action = "copy a volume".to_owned();
        self.begin_or_do(&to.request_to_list(Method::POST, action).json(body))
            .await
    }

    /// Renames a custom volume; no running instance may use it.
    pub async fn rename_volume(
        &self,
        what: &Exportable,
        to: &ResourceName,
    ) -> Result<Option<Operation>, Error> {
        let action = format!("rename volume `{what}` to `{to}`");
        let request = what.request(Method::POST, &[], action);
        self.begin_or_do(&request.json(json!({ "name": to }))).await
    }

    /// Replaces the configuration and description of a custom volume, if it is still in the state
    /// that `etag` names.
    pub async fn update_volume(
        &self,
        what: &Exportable,
        body: Value,
        etag: &ETag,
    ) -> Result<Option<Operation>, Error> {
        let action = format!("change volume `{what}`");
        let request = what.request(Method::PUT, &[], action).json(body);
        self.begin_or_do(&request.header("if-match", &etag.0)).await
    }

    /// Replaces a profile, if it is still in the state that `etag` names.
    pub async fn update_profile(
        &self,
        project: &ProjectName,
        name: &str,
        body: Value,
        etag: &ETag,
    ) -> Result<Option<Operation>, Error> {
        let action = format!("change profile `{name}`");
        let request = Request::new(Method::PUT, &["profiles", name], action).project(project);
        self.begin_or_do(&request.json(body).header("if-match", &etag.0))
            .await
    }

    /// A profile as it is, and what names its present state.
    pub async fn profile_state(
        &self,
        project: &ProjectName,
        name: &str,
    ) -> Result<Option<(Value, ETag)>, Error> {
        let request = Request::get(&["profiles", name], format!("read profile `{name}`"));
        let found = self.read_some(&request.project(project)).await?;
        Ok(found.map(|(raw, etag)| (raw, ETag(etag.unwrap_or_default()))))
    }

    /// Every profile of a project, whole.
    pub async fn whole_profiles(&self, project: &ProjectName) -> Result<Vec<Value>, Error> {
        self.list(&["profiles"], Some(project), "list profiles")
            .await
    }

    /// The volumes that the server keeps its own things in, as `POOL/NAME`, in the project
    /// `default`. None are told to users who may not see the server's configuration; the server
    /// refuses them to such users anyway.
    pub async fn own_volumes(&self) -> Result<Vec<String>, Error> {
        let request = Request::get(&[], "read the server's configuration");
        let (value, _) = self.read(&request).await?;
        let config = value.get("config").and_then(Value::as_object);
        let keys = [
            "storage.backups_volume",
            "storage.images_volume",
            "storage.logs_volume",
        ];
        let volumes = keys
            .iter()
            .filter_map(|key| config?.get(*key)?.as_str())
            .filter(|name| !name.is_empty());
        Ok(volumes.map(str::to_owned).collect())
    }
}
