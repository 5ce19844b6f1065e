//! A temporary copy of a running instance: made, exported in its stead, deleted.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::apply::Context;
use super::error::BackupError;
use super::gather::root_device;
use crate::incus::{Instance, Operation, OperationError};
use crate::model::{InstanceName, ProjectName};
use crate::progress::{Cancel, Task};
use crate::temporary::{Mark, Role, instance_name};

/// How long the end of a copy that nobody wants any more is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// A copy that exists on the server until [`take_back`](Self::take_back).
#[derive(Debug)]
pub(super) struct TemporaryCopy<'a> {
    context: &'a Context,
    project: ProjectName,
    pub(super) name: InstanceName,
    /// What makes it, until it is made.
    operation: Option<Operation>,
}

impl<'a> TemporaryCopy<'a> {
    /// Copies an instance, with its snapshots or without. Where this fails or is cancelled, nothing is
    /// left.
    pub(super) async fn make(
        context: &'a Context,
        instance: &Instance,
        task: &dyn Task,
    ) -> Result<Self, BackupError> {
        let mut copy = Self::begin(context, instance).await?;
        match copy.made(task).await {
            Ok(()) => Ok(copy),
            Err(error) => {
                copy.take_back().await;
                Err(error)
            }
        }
    }

    /// Begins to copy an instance. Where this fails, nothing is left.
    pub(super) async fn begin(
        context: &'a Context,
        instance: &Instance,
    ) -> Result<Self, BackupError> {
        let name = instance_name(&context.run, context.next_number())?;
        let mut copy = Self {
            context,
            project: instance.project.clone(),
            name,
            operation: None,
        };
        let body = copy.request(instance)?;
        let member = (instance.location != "none").then_some(instance.location.as_str());
        match context
            .client
            .copy_instance(&copy.project, body, member)
            .await
        {
            Ok(operation) => copy.operation = Some(operation),
            Err(error) => {
                // Its answer may have been lost.
                copy.take_back().await;
                return Err(error.into());
            }
        }
        Ok(copy)
    }

    /// Waits until it is made. Ends at once when the run is cancelled, though the copy may go on: what
    /// is paused for it must not wait for that.
    pub(super) async fn made(&mut self, task: &dyn Task) -> Result<(), BackupError> {
        let Some(operation) = &self.operation else {
            return Ok(());
        };
        let Context { client, cancel, .. } = self.context;
        let waited = client
            .wait(operation, cancel, |status| task.detail(status))
            .await;
        match waited {
            Ok(()) => {
                self.operation = None;
                Ok(())
            }
            Err(OperationError::Cancelled) => {
                let _ = client.cancel(operation).await;
                Err(BackupError::Interrupted)
            }
            Err(error) => Err(error.into()),
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

    /// Deletes the copy; that it cannot be deleted is told, and no reason to give up what was got.
    pub(super) async fn take_back(&self) {
        if let Err(error) = self.delete().await {
            self.context.progress.warn(&format!(
                "cannot delete the temporary copy `{}`: {error}; the next run tries again",
                self.name
            ));
        }
    }

    /// Deletes the copy, once it is made: many servers cannot cancel that. One that is not there is as
    /// good.
    async fn delete(&self) -> Result<(), BackupError> {
        let client = &self.context.client;
        if let Some(operation) = &self.operation {
            let patience = Cancel::new();
            let ended = client.wait(operation, &patience, |_| ());
            let _ = tokio::time::timeout(PATIENCE, ended).await;
        }
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
