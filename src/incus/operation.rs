//! Operations: work that the server goes on with by itself.
//!
//! # Design
//!
//! Three quirks are lived with (`incusd/operations.go`). Up to 6.0.4 a wait for a failed operation
//! answers with an error inside a 200, and one that runs out of time with the text `context deadline
//! exceeded`; so any error sends us to look at the operation itself. A finished operation is
//! forgotten after five seconds; so the waits are short. After a restart of the daemon every
//! operation is gone; so a missing one is `Vanished`, and the caller looks at the object.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::exportable::Exportable;
use super::request::{Request, decode, decode_segment, raw};
use super::{BackOff, Error};
use crate::model::{InstanceName, ProjectName};
use crate::progress::Cancel;

/// How long the answer to a wait of a second may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Work that the server does.
#[derive(Debug, Clone, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// What it does, in the server's words.
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub(super) status_code: u16,
    #[serde(default)]
    pub(super) err: String,
    #[serde(default)]
    metadata: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    pub(super) resources: Option<BTreeMap<String, Vec<String>>>,
}

/// How an operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// It failed.
    #[error("{description}: {message}")]
    Failed {
        /// What it did.
        description: String,
        /// Why, in the server's words.
        message: String,
    },
    /// The server knows nothing of it any more; what it did is not known.
    #[error("the server lost the operation `{description}`; was it restarted?")]
    Vanished {
        /// What it did.
        description: String,
    },
    /// The wait was given up because the run was cancelled; the operation may go on.
    #[error("interrupted")]
    Cancelled,
    /// The server cannot be asked.
    #[error("{0}")]
    Request(#[from] Error),
}

impl OperationError {
    /// Whether it failed because nobody read any more what it sent: then the connection broke, or this
    /// side gave it up. The text is that of Go's `io.ErrClosedPipe`.
    pub fn is_of_a_lost_reader(&self) -> bool {
        matches!(self, Self::Failed { message, .. } if message.contains("read/write on closed pipe"))
    }
}

/// The final status codes of `shared/api/status_code.go`.
const SUCCESS: u16 = 200;
const FAILURE: u16 = 400;
const CANCELLED: u16 = 401;

impl Operation {
    pub(super) fn parse(metadata: Value, action: &str) -> Result<Self, Error> {
        decode(metadata, action)
    }

    /// What it left to be read when it ended, such as a command's exit status.
    pub(super) fn result(&self, key: &str) -> Option<&Value> {
        self.metadata.as_ref()?.get(key)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<Result<(), OperationError>> {
        let failed = || OperationError::Failed {
            description: self.description.clone(),
            message: self.err.clone(),
        };
        match self.status_code {
            SUCCESS => Some(Ok(())),
            FAILURE | CANCELLED => Some(Err(failed())),
            _ => None,
        }
    }

    /// Whether it is about something, or about what belongs to it.
    pub(super) fn is_about(&self, what: &Exportable) -> bool {
        let own = what.path(&[]);
        let resources = self.resources.iter().flat_map(BTreeMap::values);
        resources.flatten().any(|url| {
            let path = url.split('?').next().unwrap_or(url);
            let segments: Vec<String> = path.split('/').map(decode_segment).collect();
            // The first is the list's own name, which has more than one: `containers` is `instances`.
            let mut own = own.iter().skip(1);
            own.all(|own| segments.iter().any(|segment| segment == own))
        })
    }

    /// What it says of how far it is.
    fn progress(&self) -> Option<&str> {
        let metadata = self.metadata.as_ref()?;
        let mut keys = metadata.iter().filter(|(key, _)| key.ends_with("progress"));
        keys.find_map(|(_, value)| value.as_str())
    }
}

/// What asking for an operation gave.
enum Look {
    Running(Operation),
    Ended(Result<Operation, OperationError>),
}

impl Look {
    fn at(operation: Operation) -> Self {
        match operation.ended() {
            None => Self::Running(operation),
            Some(end) => Self::Ended(end.map(|()| operation)),
        }
    }
}

impl Client {
    /// Waits until an operation has ended, and tells of its progress.
    pub async fn wait(
        &self,
        operation: &Operation,
        cancel: &Cancel,
        progress: impl FnMut(&str) + Send,
    ) -> Result<(), OperationError> {
        self.wait_for(operation, cancel, progress).await.map(drop)
    }

    /// Waits until an operation has ended well, and gives it as it is then.
    pub(super) async fn wait_for(
        &self,
        operation: &Operation,
        cancel: &Cancel,
        mut progress: impl FnMut(&str) + Send,
    ) -> Result<Operation, OperationError> {
        let mut silence: Option<BackOff> = None;
        loop {
            let look = tokio::select! {
                look = self.look(operation) => look,
                () = cancel.cancelled() => return Err(OperationError::Cancelled),
            };
            match look {
                Ok(Look::Ended(end)) => return end,
                Ok(Look::Running(now)) => {
                    silence = None;
                    if let Some(text) = now.progress() {
                        progress(text);
                    }
                }
                Err(error) if error.is_passing() => {
                    let waits = tokio::select! {
                        waits = silence.get_or_insert_default().pause() => waits,
                        () = cancel.cancelled() => return Err(OperationError::Cancelled),
                    };
                    if !waits {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a second at most, if the connection carries.
    async fn look(&self, operation: &Operation) -> Result<Look, Error> {
        let action = format!("wait for `{}`", operation.description);
        let looked = tokio::time::timeout(ANSWER, self.look_for(operation, action.clone())).await;
        looked.unwrap_or_else(|_| {
            Err(Error::Silent {
                action,
                seconds: ANSWER.as_secs(),
            })
        })
    }

    async fn look_for(&self, operation: &Operation, action: String) -> Result<Look, Error> {
        let wait = Request::get(&["operations", &operation.id, "wait"], action.clone());
        let response = self.send(&wait.with("timeout", "1"), None).await?;
        let code = response.status().as_u16();
        let envelope = raw(response, &action).await?;
        if envelope.kind != "error" {
            let now = Operation::parse(envelope.metadata, &action)?;
            return Ok(Look::at(now));
        }
        if code == 503 {
            return Err(Error::Refused {
                action,
                code,
                message: envelope.error,
            });
        }
        // An error may be the operation's own, or only say that the second is over.
        let get = Request::get(&["operations", &operation.id], action.clone());
        let description = operation.description.clone();
        match self.exchange(&get).await {
            Ok((now, _)) => {
                let now = Operation::parse(now.metadata, &action)?;
                Ok(Look::at(now))
            }
            Err(error) if error.is_not_found() => {
                let end = if code == 404 {
                    OperationError::Vanished { description }
                } else {
                    OperationError::Failed {
                        description,
                        message: envelope.error,
                    }
                };
                Ok(Look::Ended(Err(end)))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the server is doing something to an instance.
    pub async fn is_busy(&self, project: &ProjectName, name: &InstanceName) -> Result<bool, Error> {
        let what = Exportable::instance(project.clone(), name);
        Ok(self.under_way(&what).await?.is_some())
    }

    /// What the server is doing to something, or making it.
    pub async fn under_way(&self, what: &Exportable) -> Result<Option<Operation>, Error> {
        let action = "list operations";
        let get = Request::get(&["operations"], action).with("recursion", "1");
        let (found, _) = self.read(&get.project(what.project())).await?;
        // Lists by status; a server that does nothing gives none.
        let by_status: Option<BTreeMap<String, Vec<Operation>>> = decode(found, action)?;
        let all = by_status.into_iter().flatten().flat_map(|(_, all)| all);
        let mut ours = all.filter(|it| it.ended().is_none() && it.is_about(what));
        Ok(ours.next())
    }

    /// Asks the server to give an operation up; many cannot be.
    pub async fn cancel(&self, operation: &Operation) -> Result<(), Error> {
        let action = format!("cancel `{}`", operation.description);
        let request = Request::new(Method::DELETE, &["operations", &operation.id], action);
        self.exchange(&request).await.map(drop)
    }
}
