//! What a server lets this client do, where it decides each thing by itself.
//!
//! # Design
//!
//! Incus has no question for it. Each of these asks for something that is not there or cannot be made: whoever
//! has the right is told so, everybody else that it is refused, and nothing changes.

use reqwest::Method;
use serde_json::json;

use super::Error;
use super::client::Client;
use super::request::Request;
use crate::model::{InstanceName, ProjectName};

/// The name of a backup that nobody makes.
const NO_BACKUP: &str = "incus-backup-asks-for-its-rights";

impl Client {
    /// Whether this client may change the server: only who may is shown its warnings.
    pub(super) async fn may_edit_server(&self) -> Result<bool, Error> {
        let action = "ask whether this client is an administrator";
        allowed(self.read(&Request::get(&["warnings"], action)).await)
    }

    /// Whether this client may back an instance up.
    pub async fn may_back_up(
        &self,
        project: &ProjectName,
        name: &InstanceName,
    ) -> Result<bool, Error> {
        let segments = ["instances", name.as_str(), "backups", NO_BACKUP, "export"];
        let request = Request::get(&segments, format!("ask for the right to back `{name}` up"));
        allowed(self.read(&request.project(project)).await)
    }

    /// Whether this client may make instances in a project: asked with a list, which describes none.
    pub async fn may_make_instances(&self, project: &ProjectName) -> Result<bool, Error> {
        let action = format!("ask for the right to make instances in project `{project}`");
        let request = Request::new(Method::POST, &["instances"], action).json(json!([]));
        allowed(self.exchange_in_time(&request.project(project)).await)
    }
}

/// That anything but the right is lacking is what is hoped for.
fn allowed<T>(answer: Result<T, Error>) -> Result<bool, Error> {
    match answer {
        Err(error) if error.is_forbidden() => Ok(false),
        Ok(_) | Err(Error::Refused { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}
