//! Events: what the server tells of its operations while they run.

use futures_util::StreamExt as _;
use reqwest::Method;
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Error;
use super::client::Client;
use super::operation::Operation;
use super::request::{Request, open};
use crate::model::ProjectName;

/// The events of a project's operations.
#[derive(Debug)]
pub(super) struct EventStream {
    socket: WebSocketStream<reqwest::Upgraded>,
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
        let action = "listen to events";
        let request = Request::new(Method::GET, &["events"], action)
            .project(project)
            .with("type", "operation")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &generate_key());
        let response = self.send(&request, None).await?;
        if response.status().as_u16() != 101 {
            open(response, action).await?;
            return Err(Error::Protocol {
                action: action.to_owned(),
                cause: None,
            });
        }
        let upgraded = response.upgrade().await;
        let upgraded = upgraded.map_err(|cause| Error::Transport {
            action: action.to_owned(),
            cause,
        })?;
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
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
