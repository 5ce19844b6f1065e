//! Web sockets: requests whose connection is kept to talk over.

use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Error;
use super::client::Client;
use super::request::{Request, open};

/// A web socket to the server.
pub(super) type Socket = WebSocketStream<reqwest::Upgraded>;

/// One message.
pub(super) use tokio_tungstenite::tungstenite::Message;

impl Client {
    /// Makes a request whose connection becomes a web socket.
    pub(super) async fn websocket(&self, request: Request) -> Result<Socket, Error> {
        let request = request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &generate_key());
        let action = &request.action;
        let response = self.send(&request, None).await?;
        if response.status().as_u16() != 101 {
            open(response, action).await?;
            return Err(Error::Protocol {
                action: action.clone(),
                cause: None,
            });
        }
        let upgraded = response.upgrade().await;
        let upgraded = upgraded.map_err(|cause| Error::Transport {
            action: action.clone(),
            cause,
        })?;
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    }
}
