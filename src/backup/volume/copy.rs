//! A temporary copy of a volume in use: made, exported in its stead, deleted.

use serde_json::{Map, Value, json};

use super::super::apply::Context;
use super::super::copy::PATIENCE;
use super::super::error::BackupError;
use super::apply::VolumeSubject;
use crate::incus::{Exportable, Operation, OperationError};
use crate::progress::{Cancel, Task};
use crate::temporary::{Mark, Role, delete_volume, is_of_a_mark, volume_name};

/// A copy that exists on the server, or is being made, until [`take_back`](Self::take_back).
#[derive(Debug)]
pub(in crate::backup) struct VolumeCopy<'a> {
    context: &'a Context,
    pub(in crate::backup) what: Exportable,
    operation: Option<Operation>,
}

impl<'a> VolumeCopy<'a> {
    /// Begins to copy a volume, with its snapshots or without.
    pub(in crate::backup) async fn begin(
        context: &'a Context,
        subject: &VolumeSubject,
    ) -> Result<Self, BackupError> {
        let name = volume_name(&context.run, context.next_number())?;
        let what = subject.what.beside(name);
        let mut copy = Self {
            context,
            what,
            operation: None,
        };
        let body = copy.request(subject);
        match context.client.copy_volume(&copy.what, body).await {
            Ok(operation) => copy.operation = operation,
            Err(error) => {
                // Its answer may have been lost.
                copy.take_back().await;
                return Err(error.into());
            }
        }
        Ok(copy)
    }

    /// Waits until it is made.
    pub(in crate::backup) async fn made(&self, task: &dyn Task) -> Result<(), BackupError> {
        let Context { client, cancel, .. } = self.context;
        let Some(operation) = &self.operation else {
            return Ok(());
        };
        let waited = client
            .wait(operation, cancel, |status| task.detail(status))
            .await;
        match waited {
            Ok(()) => Ok(()),
            Err(OperationError::Cancelled) => Err(BackupError::Interrupted),
            Err(OperationError::Vanished { .. }) if client.exists(&self.what).await? => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn request(&self, subject: &VolumeSubject) -> Value {
        let volume = &subject.volume;
        let mark = Mark {
            owner: self.context.owner.clone(),
            role: Role::Copy,
            name: volume.name.clone(),
        };
        let own = volume.config.iter().filter(|(key, _)| !is_of_a_mark(key));
        let mut config: Map<String, Value> = own
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        config.insert("snapshots.schedule".to_owned(), json!(""));
        for (key, value) in mark.config() {
            config.insert(key.to_owned(), json!(value));
        }
        json!({
            "name": self.what.name(),
            "type": "custom",
            "content_type": volume.content_type,
            "description": volume.description,
            "config": config,
            "source": {
                "type": "copy",
                "name": volume.name,
                "pool": subject.pool.name,
                "project": volume.project,
                "volume_only": self.context.options.instance_only,
            },
        })
    }

    /// Deletes the copy; that it cannot be deleted is told, and no reason to give up what was got.
    pub(in crate::backup) async fn take_back(&self) {
        if let Err(error) = self.delete().await {
            self.context.progress.warn(&format!(
                "cannot delete the temporary volume `{}`: {error}; the next run tries again",
                self.what
            ));
        }
    }

    /// Deletes the copy, once it is made: that cannot be cancelled. One that is not there is as good.
    async fn delete(&self) -> Result<(), BackupError> {
        if let Some(operation) = &self.operation {
            let patience = Cancel::new();
            let ended = self.context.client.wait(operation, &patience, |_| ());
            let _ = tokio::time::timeout(PATIENCE, ended).await;
        }
        Ok(delete_volume(&self.context.client, &self.what).await?)
    }
}
