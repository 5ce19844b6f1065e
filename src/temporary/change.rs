//! The changes that operations make to instances that exist, each awaited to its end.
//!
//! None of them can be cancelled half way: they take moments, and each is either done or not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Mark;
use super::mark::{INSTANCE_ID, give_identity_back, remember_identity, take_off, take_off_alone};
use crate::incus::{self, BackOff, Client, Instance, Operation, OperationError, StateChange};
use crate::model::{InstanceName, ProjectName};
use crate::progress::Cancel;

/// How long an instance may take to stop by itself before it is stopped by force.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The server refused it.
    #[error("{0}")]
    Incus(#[from] incus::Error),
    /// The server tried and failed.
    #[error("{0}")]
    Operation(#[from] OperationError),
    /// The instance is not there.
    #[error("instance `{0}` does not exist")]
    NoInstance(InstanceName),
    /// The volume is not there.
    #[error("volume `{0}` does not exist")]
    NoVolume(String),
}

impl ChangeError {
    /// Whether this client lacks the right.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Incus(error) if error.is_forbidden())
    }

    /// Whether the same may be done soon, or was done and nobody heard of it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Incus(error) | Self::Operation(OperationError::Request(error)) => {
                error.is_passing()
            }
            _ => false,
        }
    }
}

/// Does something again where the network fails, unless it was done and only the answer got lost, which
/// `is_done` tells.
pub(super) async fn insist(
    change: impl AsyncFn() -> Result<(), ChangeError>,
    is_done: impl AsyncFn() -> Result<bool, ChangeError>,
) -> Result<(), ChangeError> {
    let mut again = BackOff::new();
    let mut lost = false;
    loop {
        let Err(error) = change().await else {
            return Ok(());
        };
        lost |= error.is_passing();
        if lost && is_done().await? {
            return Ok(());
        }
        if !error.is_passing() || !again.pause().await {
            return Err(error);
        }
    }
}

pub(super) async fn wait(client: &Client, operation: &Operation) -> Result<(), ChangeError> {
    client.wait(operation, &Cancel::new(), |_| ()).await?;
    Ok(())
}

/// What operations change of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Editable {
    /// Its own configuration.
    pub config: BTreeMap<String, String>,
    /// Its profiles and its own devices, as the API gives them: `profiles` and `devices`.
    pub described: Value,
}

/// Changes the configuration of an instance; everything else stays as it is.
pub async fn edit_config(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
    edit: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<(), ChangeError> {
    edit_instance(client, project, name, |instance| edit(&mut instance.config)).await
}

/// Changes an instance.
///
/// Nothing is sent when the edit changes nothing. The server's answer to a change that crossed
/// another one is an error (its `ETag` no longer fits).
pub async fn edit_instance(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
    edit: impl FnOnce(&mut Editable),
) -> Result<(), ChangeError> {
    let found = client.instance(project, name).await?;
    let (instance, etag) = found.ok_or_else(|| ChangeError::NoInstance(name.clone()))?;
    let part = |key: &str| instance.raw.get(key).cloned().unwrap_or(Value::Null);
    let before = Editable {
        config: instance.config.clone(),
        described: json!({ "profiles": part("profiles"), "devices": part("devices") }),
    };
    let mut after = before.clone();
    edit(&mut after);
    if after == before {
        return Ok(());
    }
    let mut body = serde_json::Map::new();
    for key in ["architecture", "ephemeral", "stateful", "description"] {
        body.insert(key.to_owned(), part(key));
    }
    for key in ["profiles", "devices"] {
        body.insert(key.to_owned(), after.described[key].clone());
    }
    body.insert("config".to_owned(), json!(after.config));
    let body = Value::Object(body);
    let change = async || {
        let update = client.update_instance(project, name, body.clone(), &etag);
        match wait(client, &update.await?).await {
            // Its result is lost: what is there now says whether it was made.
            Err(ChangeError::Operation(OperationError::Vanished { .. }))
                if !is_as(client, (project, name), &after).await? =>
            {
                Err(ChangeError::NoInstance(name.clone()))
            }
            Err(ChangeError::Operation(OperationError::Vanished { .. })) => Ok(()),
            result => result,
        }
    };
    insist(change, async || {
        is_as(client, (project, name), &after).await
    })
    .await
}

async fn is_as(
    client: &Client,
    (project, name): (&ProjectName, &InstanceName),
    wanted: &Editable,
) -> Result<bool, ChangeError> {
    let found = client.instance(project, name).await?;
    Ok(found.is_some_and(|(instance, _)| {
        instance.config == wanted.config
            && ["profiles", "devices"]
                .iter()
                .all(|key| instance.raw.get(key) == wanted.described.get(key))
    }))
}

/// Changes an instance's own devices; everything else stays as it is. Nothing is sent when the edit
/// changes nothing.
pub(super) async fn edit_devices(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<(), ChangeError> {
    edit_instance(client, project, name, |instance| {
        if let Some(devices) = instance.described["devices"].as_object_mut() {
            edit(devices);
        }
    })
    .await
}

/// Puts a mark on an instance.
pub async fn mark(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
    mark: &Mark,
) -> Result<(), ChangeError> {
    let keys = mark.config();
    edit_config(client, project, name, |config| {
        config.extend(keys.map(|(key, value)| (key.to_owned(), value)));
        if mark.role.is_aside() {
            remember_identity(config);
        }
    })
    .await
}

/// Takes the mark off an instance.
pub async fn unmark(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    match edit_config(client, project, name, take_off).await {
        // In a restricted project 7.0 lets nobody change it. Whoever may not ease the project leaves it
        // as the rename made it: the instance is whole without.
        Err(error) if error.to_string().contains(INSTANCE_ID) => {
            edit_config(client, project, name, take_off_alone).await
        }
        result => result,
    }
}

/// Starts an instance that was stopped for a replacement and is in its place again, and takes the mark
/// off it. The mark goes last: where the instance does not start now, the next run tries again.
pub async fn start_in_place(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    match edit_config(client, project, name, give_identity_back).await {
        // As in `unmark`.
        Err(error) if !error.to_string().contains(INSTANCE_ID) => return Err(error),
        _ => {}
    }
    start_after_all(client, project, name).await?;
    unmark(client, project, name).await
}

/// Renames an instance, which must be stopped.
pub async fn rename(
    client: &Client,
    project: &ProjectName,
    from: &InstanceName,
    to: &InstanceName,
) -> Result<(), ChangeError> {
    let change = async || {
        let operation = client.rename_instance(project, from, to).await?;
        match wait(client, &operation).await {
            Err(ChangeError::Operation(OperationError::Vanished { .. }))
                if client.instance(project, to).await?.is_some() =>
            {
                Ok(())
            }
            result => result,
        }
    };
    insist(change, async || {
        let (to, from) = (client.instance(project, to), client.instance(project, from));
        Ok(to.await?.is_some() && from.await?.is_none())
    })
    .await
}

/// Stops an instance: cleanly, and by force where it does not stop in time.
pub async fn stop(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let clean = StateChange::Stop {
        timeout: STOP_TIMEOUT,
    };
    if let Ok(operation) = client.change_state(project, name, clean).await
        && wait(client, &operation).await.is_ok()
    {
        return Ok(());
    }
    if is_stopped(client, project, name).await? {
        return Ok(());
    }
    let change = StateChange::ForceStop;
    match change_state(client, (project, name), change, Instance::is_stopped).await {
        Err(_) if is_stopped(client, project, name).await? => Ok(()),
        result => result,
    }
}

/// Changes what an instance does, again where the network fails, until it `is_so`.
async fn change_state(
    client: &Client,
    (project, name): (&ProjectName, &InstanceName),
    change: StateChange,
    is_so: fn(&Instance) -> bool,
) -> Result<(), ChangeError> {
    let ask = async || {
        let operation = client.change_state(project, name, change).await?;
        wait(client, &operation).await
    };
    insist(ask, async || {
        let found = client.instance(project, name).await?;
        Ok(found.is_some_and(|(instance, _)| is_so(&instance)))
    })
    .await
}

async fn is_stopped(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<bool, ChangeError> {
    let found = client.instance(project, name).await?;
    Ok(found.is_some_and(|(instance, _)| instance.is_stopped()))
}

/// Starts an instance; one that runs is as good.
pub async fn start(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let found = client.instance(project, name).await?;
    let (instance, _) = found.ok_or_else(|| ChangeError::NoInstance(name.clone()))?;
    if !instance.is_stopped() {
        return Ok(());
    }
    change_state(client, (project, name), StateChange::Start, |instance| {
        !instance.is_stopped()
    })
    .await
}

/// Starts an instance even if a stop that was asked for before is still on its way; one that runs is
/// as good.
pub(super) async fn start_after_all(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let begun = tokio::time::Instant::now();
    loop {
        let change = StateChange::Start;
        let started = change_state(client, (project, name), change, |it| !it.is_stopped());
        let Err(error) = started.await else {
            return Ok(());
        };
        // The server's words; it has no codes for these (`instance/operationlock`).
        let text = error.to_string();
        let runs = text.contains("already running");
        // One that is about to stop still runs.
        if runs && !client.is_busy(project, name).await? {
            return Ok(());
        }
        if !(runs || text.contains("busy running")) || begun.elapsed() > 2 * STOP_TIMEOUT {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Pauses an instance that runs.
pub async fn pause(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let change = StateChange::Freeze;
    match change_state(client, (project, name), change, Instance::is_frozen).await {
        Err(error) => match client.instance(project, name).await? {
            Some((instance, _)) if instance.is_frozen() => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// Lets a paused instance go on, and takes the mark off it; one that runs, or is gone, is as good.
pub async fn resume(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    resume_only(client, project, name).await?;
    match unmark(client, project, name).await {
        Ok(()) | Err(ChangeError::NoInstance(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Lets a paused instance go on; one that runs, or is gone, is as good.
pub(super) async fn resume_only(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let is_frozen = async || {
        let found = client.instance(project, name).await?;
        Ok::<bool, ChangeError>(found.is_some_and(|(instance, _)| instance.is_frozen()))
    };
    if !is_frozen().await? {
        return Ok(());
    }
    let goes_on = |instance: &Instance| !instance.is_frozen();
    match change_state(client, (project, name), StateChange::Unfreeze, goes_on).await {
        Err(error) if is_frozen().await? => Err(error),
        _ => Ok(()),
    }
}

/// Deletes an instance, stopping it by force if it runs; one that is not there is as good.
pub async fn delete(
    client: &Client,
    project: &ProjectName,
    name: &InstanceName,
) -> Result<(), ChangeError> {
    let Some((instance, _)) = client.instance(project, name).await? else {
        return Ok(());
    };
    if !instance.is_stopped() {
        let change = StateChange::ForceStop;
        change_state(client, (project, name), change, Instance::is_stopped).await?;
    }
    if instance.config.contains_key("security.protection.delete") {
        edit_config(client, project, name, |config| {
            config.insert("security.protection.delete".to_owned(), "false".to_owned());
        })
        .await?;
    }
    let operation = client.delete_instance(project, name).await?;
    match wait(client, &operation).await {
        Err(error) => match client.instance(project, name).await? {
            None => Ok(()),
            Some(_) => Err(error),
        },
        Ok(()) => Ok(()),
    }
}
