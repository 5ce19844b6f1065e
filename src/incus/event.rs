//! Events: what the server tells of its operations while they run.

use futures_util::StreamExt as _;
use serde::Deserialize;

use super::Error;
use super::client::Client;
use super::operation::Operation;
use super::request::Request;
use super::websocket::{Message, Socket};
use crate::model::ProjectName;

/// The events of a project's operations.
#[derive(Debug)]
pub(super) struct EventStream {
    socket: Socket,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    metadata: serde_json::Value,
}

impl Client {
    /// Listens to a project's operations.
    pub(super) async fn events(&self, project: &ProjectName) -> Result<EventStream, Error> {
        let request = Request::get(&["events"], "listen to events")
            .project(project)
            .with("type", "operation");
        let socket = self.websocket(request).await?;
        Ok(EventStream { socket })
    }
}

impl EventStream {
    /// The next change of an operation; nothing when the server hangs up.
    pub(super) async fn next(&mut self) -> Option<Operation> {
        loop {
            // Pings are answered by the library when the next message is read.
            let text = match self.socket.next().await? {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(%error, "the event stream broke");
                    return None;
                }
            };
            let Ok(event) = serde_json::from_str::<Event>(&text) else {
                continue;
            };
            if event.kind == "operation"
                && let Ok(operation) = serde_json::from_value(event.metadata)
            {
                return Some(operation);
            }
        }
    }
}
