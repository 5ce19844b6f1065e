//! A temporary copy of a running instance: made, exported in its stead, deleted.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::apply::Context;
use super::error::BackupError;
use super::gather::root_device;
use crate::incus::{Instance, OperationError};
use crate::model::{InstanceName, ProjectName};
use crate::progress::{Cancel, Task};
use crate::temporary::{Mark, Role, instance_name};

/// How long the end of a copy that nobody wants any more is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// A copy that exists on the server until [`delete`](Self::delete).
#[derive(Debug)]
pub(super) struct TemporaryCopy<'a> {
    context: &'a Context,
    project: ProjectName,
    pub(super) name: InstanceName,
}

impl<'a> TemporaryCopy<'a> {
    /// Copies an instance, with its snapshots or without.
    ///
    /// Where this fails or is cancelled, nothing is left: the copy's end is waited for, because a
    /// copy cannot be cancelled on the server, and what came of it is deleted.
    pub(super) async fn make(
        context: &'a Context,
        instance: &Instance,
        task: &dyn Task,
    ) -> Result<Self, BackupError> {
        let name = instance_name(&context.run, context.next_number())?;
        let copy = Self {
            context,
            project: instance.project.clone(),
            name,
        };
        let body = copy.request(instance)?;
        let client = &context.client;
        let member = (instance.location != "none").then_some(instance.location.as_str());
        let made = async {
            let operation = client.copy_instance(&copy.project, body, member).await?;
            let waited = client
                .wait(&operation, &context.cancel, |status| task.detail(status))
                .await;
            if let Err(OperationError::Cancelled) = waited {
                let _ = client.cancel(&operation).await;
                let patience = Cancel::new();
                let wait = client.wait(&operation, &patience, |_| ());
                let _ = tokio::time::timeout(PATIENCE, wait).await;
            }
            waited.map_err(BackupError::from)
        }
        .await;
        match made {
            Ok(()) => Ok(copy),
            Err(error) => {
                copy.delete().await?;
                Err(match error {
                    BackupError::Operation(OperationError::Cancelled) => BackupError::Interrupted,
                    error => error,
                })
            }
        }
    }

    /// What is asked of the server: no profiles, the root disk as it is, every other device taken
    /// out, nothing that would start, snapshot or protect the copy, and the mark.
    fn request(&self, instance: &Instance) -> Result<Value, BackupError> {
        let (root, disk) =
            root_device(instance).ok_or_else(|| BackupError::NoRootDisk(instance.name.clone()))?;
        let mut devices: Map<String, Value> = instance
            .expanded_devices
            .keys()
            .map(|name| (name.clone(), json!({ "type": "none" })))
            .collect();
        devices.insert(root.clone(), json!(disk));
        let mark = Mark {
            owner: self.context.owner.clone(),
            role: Role::Copy,
            name: instance.name.clone(),
        };
        let mut config = Map::new();
        for (key, value) in [
            ("security.protection.delete", "false"),
            ("boot.autostart", "false"),
            ("snapshots.schedule", ""),
        ] {
            config.insert(key.to_owned(), json!(value));
        }
        for (key, value) in mark.config() {
            config.insert(key.to_owned(), json!(value));
        }
        Ok(json!({
            "name": self.name,
            "profiles": [],
            "devices": devices,
            "config": config,
            "source": {
                "type": "copy",
                "source": instance.name,
                "project": instance.project,
                "instance_only": self.context.options.instance_only,
            },
        }))
    }

    /// Deletes the copy; one that is not there is as good.
    pub(super) async fn delete(&self) -> Result<(), BackupError> {
        let client = &self.context.client;
        match client.delete_instance(&self.project, &self.name).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(operation) => {
                let patience = Cancel::new();
                match client.wait(&operation, &patience, |_| ()).await {
                    Ok(()) => Ok(()),
                    Err(error) => match client.instance(&self.project, &self.name).await? {
                        None => Ok(()),
                        Some(_) => Err(error.into()),
                    },
                }
            }
        }
    }
}
