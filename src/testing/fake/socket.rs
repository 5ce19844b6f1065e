//! Web sockets: events, and what commands say.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::answer::Asked;
use super::daemon::Shared;
use super::exchange::{Body, full, headed, response};
use super::exec::{Attached, signal};

/// `GET /1.0/events`.
pub(super) fn events(shared: &Arc<Shared>, asked: &Asked, upgrade: OnUpgrade) -> Response<Body> {
    let mut listener = shared.events.subscribe();
    during_this_life(shared, async move {
        let Some(mut socket) = socket(upgrade).await else {
            return;
        };
        while let Ok(event) = listener.recv().await {
            if socket.send(Message::text(event)).await.is_err() {
                return;
            }
        }
    });
    switching(asked)
}

/// One of a command's sockets: its output is sent, what the client says is listened to.
pub(super) fn attach(
    shared: &Arc<Shared>,
    asked: &Asked,
    upgrade: OnUpgrade,
    attached: Attached,
) -> Response<Body> {
    let listening = shared.clone();
    during_this_life(shared, async move {
        let Some(mut socket) = socket(upgrade).await else {
            return;
        };
        if matches!(attached.which.as_str(), "1" | "2") {
            let _ = socket.send(Message::binary(attached.output)).await;
            let _ = socket.send(Message::text("")).await;
        }
        while let Some(Ok(message)) = socket.next().await {
            if let (Message::Text(text), "control") = (message, attached.which.as_str()) {
                signal(&mut listening.state(), &attached.operation, &text);
            }
        }
    });
    switching(asked)
}

/// Goes on with something until the daemon is restarted.
fn during_this_life(shared: &Shared, work: impl Future<Output = ()> + Send + 'static) {
    let end = shared.end_of_life();
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = end => {}
        }
    });
}

async fn socket(upgrade: OnUpgrade) -> Option<WebSocketStream<TokioIo<Upgraded>>> {
    let io = TokioIo::new(upgrade.await.ok()?);
    Some(WebSocketStream::from_raw_socket(io, Role::Server, None).await)
}

/// The answer that makes a connection a web socket.
fn switching(asked: &Asked) -> Response<Body> {
    let key = asked.header("sec-websocket-key").unwrap_or_default();
    let headers = vec![
        ("connection", "Upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-accept", derive_accept_key(key.as_bytes())),
    ];
    headed(response(101, full("")), headers)
}
