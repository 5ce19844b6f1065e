//! The changes that operations make to custom volumes that exist, each awaited to its end.

use std::collections::BTreeMap;

use serde_json::json;

use super::change::{ChangeError, insist, wait};
use super::mark::is_of_a_mark;
use crate::incus::{Client, Exportable, Operation, OperationError};
use crate::model::ResourceName;

/// Waits for an operation, where the server made one of the request. Where its result is lost, what
/// is there says whether it was done.
async fn ended(client: &Client, operation: Option<Operation>) -> Result<bool, ChangeError> {
    let Some(operation) = operation else {
        return Ok(true);
    };
    match wait(client, &operation).await {
        Ok(()) => Ok(true),
        Err(ChangeError::Operation(OperationError::Vanished { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What operations change of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditableVolume {
    /// Its configuration.
    pub config: BTreeMap<String, String>,
    /// Its description.
    pub description: String,
}

/// Changes a volume. Nothing is sent when the edit changes nothing.
pub async fn edit_volume(
    client: &Client,
    what: &Exportable,
    edit: impl FnOnce(&mut EditableVolume),
) -> Result<(), ChangeError> {
    let gone = || ChangeError::NoVolume(what.to_string());
    let (volume, etag) = client.volume(what).await?.ok_or_else(gone)?;
    let before = EditableVolume {
        config: volume.config,
        description: volume.description,
    };
    let mut after = before.clone();
    edit(&mut after);
    if after == before {
        return Ok(());
    }
    let body = json!({ "config": after.config, "description": after.description });
    let is_changed = async || {
        let now = client.volume(what).await?;
        Ok(now.is_some_and(|(volume, _)| volume.config == after.config))
    };
    let change = async || {
        let operation = client.update_volume(what, body.clone(), &etag).await?;
        if ended(client, operation).await? || is_changed().await? {
            return Ok(());
        }
        Err(gone())
    };
    insist(change, is_changed).await
}

/// Takes the mark off a volume.
pub async fn unmark_volume(client: &Client, what: &Exportable) -> Result<(), ChangeError> {
    edit_volume(client, what, |volume| {
        volume.config.retain(|key, _| !is_of_a_mark(key));
    })
    .await
}

/// Renames a volume, which no running instance may use. The devices of the instances that use it
/// are changed along by the server.
pub async fn rename_volume(
    client: &Client,
    what: &Exportable,
    to: &ResourceName,
) -> Result<(), ChangeError> {
    let beside = what.beside(to.clone());
    let change = async || {
        let operation = client.rename_volume(what, to).await?;
        if ended(client, operation).await? || client.exists(&beside).await? {
            return Ok(());
        }
        Err(ChangeError::NoVolume(what.to_string()))
    };
    insist(change, async || {
        Ok(client.exists(&beside).await? && !client.exists(what).await?)
    })
    .await
}

/// Deletes a volume, which nothing may use; one that is not there is as good.
pub async fn delete_volume(client: &Client, what: &Exportable) -> Result<(), ChangeError> {
    let deleted = async {
        let operation = client.delete(what).await?;
        ended(client, operation).await.map(drop)
    };
    match deleted.await {
        Err(error) if client.exists(what).await? => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
