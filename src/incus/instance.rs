//! Instances and their snapshots.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Error;
use super::client::Client;
use super::operation::Operation;
use super::request::{Request, decode};
use crate::model::{Bytes, InstanceName, InstanceType, ProjectName, SnapshotName};

/// A device's properties.
pub type Device = BTreeMap<String, String>;

/// What names one state of an object, so that a change of another is not overwritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub(super) String);

/// An instance.
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: InstanceName,
    /// Its project.
    #[serde(default = "ProjectName::default_project")]
    pub project: ProjectName,
    /// Container or virtual machine.
    #[serde(rename = "type")]
    pub instance_type: InstanceType,
    /// Its status, such as `Running`.
    pub status: String,
    #[serde(default)]
    status_code: u16,
    /// Its architecture.
    #[serde(default)]
    pub architecture: String,
    /// The cluster member that it is on; `none` where there is no cluster.
    #[serde(default)]
    pub location: String,
    /// Its profiles.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub profiles: Vec<String>,
    /// Its own configuration.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: BTreeMap<String, String>,
    /// Its configuration with that of its profiles.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub expanded_config: BTreeMap<String, String>,
    /// Its devices with those of its profiles.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub expanded_devices: BTreeMap<String, Device>,
    /// The whole object.
    #[serde(skip)]
    pub raw: Value,
}

/// Of an instance whose cluster member is down the server knows nothing, and says `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The status codes of `shared/api/status_code.go`.
const STOPPED: u16 = 102;
const FROZEN: u16 = 110;
const ERROR: u16 = 112;

impl Instance {
    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.status_code == STOPPED
    }

    /// Whether it is frozen.
    pub fn is_frozen(&self) -> bool {
        self.status_code == FROZEN
    }

    /// Whether its cluster member is down: then nothing else that is said of it is true.
    pub fn is_unreachable(&self) -> bool {
        self.status_code == ERROR
    }

    fn parse(raw: Value, action: &str) -> Result<Self, Error> {
        let instance: Self = decode(raw.clone(), action)?;
        Ok(Self { raw, ..instance })
    }
}

/// A snapshot of an instance.
#[derive(Debug, Clone)]
pub struct InstanceSnapshot {
    /// Its name, without the instance's.
    pub name: String,
    /// The whole object.
    pub raw: Value,
}

/// A change of what an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateChange {
    /// Start it.
    Start,
    /// Ask it to stop.
    Stop {
        /// How long it may take.
        timeout: Duration,
    },
    /// Stop it at once.
    ForceStop,
    /// Pause it.
    Freeze,
    /// Let it go on.
    Unfreeze,
}

impl Client {
    /// Every instance of a project. A project that does not exist has none: ask for it first.
    pub async fn instances(&self, project: &ProjectName) -> Result<Vec<Instance>, Error> {
        let action = "list instances";
        let all: Vec<Value> = self.list(&["instances"], Some(project), action).await?;
        all.into_iter()
            .map(|raw| Instance::parse(raw, action))
            .collect()
    }

    /// One instance, and what names its present state.
    pub async fn instance(
        &self,
        project: &ProjectName,
        name: &InstanceName,
    ) -> Result<Option<(Instance, ETag)>, Error> {
        let action = format!("read instance `{name}`");
        let request = Request::get(&["instances", name.as_str()], action.clone());
        match self.read_some(&request.project(project)).await? {
            None => Ok(None),
            Some((raw, etag)) => {
                let instance = Instance::parse(raw, &action)?;
                Ok(Some((instance, ETag(etag.unwrap_or_default()))))
            }
        }
    }

    /// The snapshots of an instance, oldest first.
    pub async fn snapshots(
        &self,
        project: &ProjectName,
        name: &InstanceName,
    ) -> Result<Vec<InstanceSnapshot>, Error> {
        let segments = ["instances", name.as_str(), "snapshots"];
        let action = format!("list the snapshots of `{name}`");
        let all: Vec<Value> = self.list(&segments, Some(project), &action).await?;
        let named = |raw: Value| {
            let name = raw["name"].as_str().unwrap_or_default();
            let name = name.rsplit('/').next().unwrap_or_default().to_owned();
            InstanceSnapshot { name, raw }
        };
        Ok(all.into_iter().map(named).collect())
    }

    /// Copies an instance as `body` says; in a cluster onto `member`.
    pub async fn copy_instance(
        &self,
        project: &ProjectName,
        body: Value,
        member: Option<&str>,
    ) -> Result<Operation, Error> {
        let action = "copy an instance";
        let mut request = Request::new(Method::POST, &["instances"], action).project(project);
        if let Some(member) = member {
            request = request.with("target", member);
        }
        self.begin(&request.json(body)).await
    }

    /// Deletes an instance, which must be stopped.
    pub async fn delete_instance(
        &self,
        project: &ProjectName,
        name: &InstanceName,
    ) -> Result<Operation, Error> {
        let action = format!("delete instance `{name}`");
        let request = Request::new(Method::DELETE, &["instances", name.as_str()], action);
        self.begin(&request.project(project)).await
    }

    /// Renames an instance, which must be stopped.
    pub async fn rename_instance(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        to: &InstanceName,
    ) -> Result<Operation, Error> {
        let action = format!("rename instance `{name}` to `{to}`");
        let request = Request::new(Method::POST, &["instances", name.as_str()], action);
        self.begin(&request.project(project).json(json!({ "name": to })))
            .await
    }

    /// Replaces what can be changed of an instance, if it is still in the state that `etag` names.
    pub async fn update_instance(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        body: Value,
        etag: &ETag,
    ) -> Result<Operation, Error> {
        let action = format!("change instance `{name}`");
        let request = Request::new(Method::PUT, &["instances", name.as_str()], action);
        let request = request
            .project(project)
            .json(body)
            .header("if-match", &etag.0);
        self.begin(&request).await
    }

    /// Starts, stops or pauses an instance.
    pub async fn change_state(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        change: StateChange,
    ) -> Result<Operation, Error> {
        let (word, timeout, force) = match change {
            StateChange::Start => ("start", -1, false),
            StateChange::Stop { timeout } => (
                "stop",
                i64::try_from(timeout.as_secs()).unwrap_or(-1),
                false,
            ),
            StateChange::ForceStop => ("stop", -1, true),
            StateChange::Freeze => ("freeze", -1, false),
            StateChange::Unfreeze => ("unfreeze", -1, false),
        };
        let action = format!("{word} instance `{name}`");
        let request = Request::new(Method::PUT, &["instances", name.as_str(), "state"], action);
        let body = json!({ "action": word, "timeout": timeout, "force": force });
        self.begin(&request.project(project).json(body)).await
    }

    /// How much the root disk of an instance takes, where the server says it.
    pub async fn root_usage(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        device: &str,
    ) -> Result<Option<Bytes>, Error> {
        let action = format!("read the state of `{name}`");
        let request = Request::get(&["instances", name.as_str(), "state"], action);
        let (state, _) = self.read(&request.project(project)).await?;
        // Without quotas a driver does not know it, and says nothing, 0 or -1.
        let usage = state["disk"][device]["usage"].as_u64();
        Ok(usage.filter(|usage| *usage > 0).map(Bytes))
    }

    /// Deletes a snapshot.
    pub async fn delete_snapshot(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        snapshot: &SnapshotName,
    ) -> Result<Operation, Error> {
        let action = format!("delete snapshot `{name}/{snapshot}`");
        let segments = ["instances", name.as_str(), "snapshots", snapshot.as_str()];
        let request = Request::new(Method::DELETE, &segments, action);
        self.begin(&request.project(project)).await
    }

    /// Says when a snapshot expires.
    pub async fn set_snapshot_expiry(
        &self,
        project: &ProjectName,
        name: &InstanceName,
        snapshot: &SnapshotName,
        expires_at: Timestamp,
    ) -> Result<Operation, Error> {
        let action = format!("set the expiry of snapshot `{name}/{snapshot}`");
        let segments = ["instances", name.as_str(), "snapshots", snapshot.as_str()];
        let request = Request::new(Method::PUT, &segments, action).repeatable();
        let request = request.project(project);
        self.begin(&request.json(json!({ "expires_at": expires_at })))
            .await
    }
}
