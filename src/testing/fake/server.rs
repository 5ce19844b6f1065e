//! The socket, the connections, and which request goes where.

use std::convert::Infallible;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Fault;
use super::exec::{Attached, signal};
use super::instances::route;
use super::state::State;

/// Which server is faked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// 6.0.4: named backups only, errors inside a 200.
    Lts60,
    /// 7.0: exports are streamed.
    Lts70,
}

/// What is answered.
pub(super) enum Answer {
    /// A document.
    Json(u16, Value),
    /// A document, and what names its state.
    Tagged(Value, String),
    /// A file, from an offset on.
    File(Vec<u8>, usize),
    /// An export that is streamed, and the operation that tells of its end.
    Stream(Vec<u8>, Value),
    /// Events.
    Events,
    /// A socket of a command.
    Socket(Attached),
    /// Nothing: the connection is dropped.
    Reset,
}

impl Answer {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "most callers have just made it"
    )]
    pub(super) fn sync(metadata: Value) -> Self {
        let status = "Success";
        Self::Json(
            200,
            json!({ "type": "sync", "status": status, "status_code": 200, "metadata": metadata }),
        )
    }

    pub(super) fn accepted(operation: &Value) -> Self {
        let url = format!(
            "/1.0/operations/{}",
            operation["id"].as_str().unwrap_or_default()
        );
        Self::Json(
            202,
            json!({ "type": "async", "status_code": 100, "operation": url, "metadata": operation }),
        )
    }

    pub(super) fn error(code: u16, message: &str) -> Self {
        Self::Json(
            code,
            json!({ "type": "error", "error": message, "error_code": code }),
        )
    }
}

/// One request, its body read.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) project: String,
    pub(super) headers: hyper::HeaderMap,
    pub(super) body: Bytes,
    pub(super) series: Series,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn query(&self, key: &str) -> Option<&str> {
        query(&self.query, key)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The value of a key in a URL's query.
fn query<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value))
}

struct Shared {
    state: Mutex<State>,
    events: broadcast::Sender<String>,
    series: Series,
}

/// A fake daemon that runs until it is dropped.
pub struct FakeIncus {
    folder: PathBuf,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for FakeIncus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeIncus")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl FakeIncus {
    /// Starts a daemon on `FOLDER/unix.socket`, where a client with `INCUS_DIR=FOLDER` finds it.
    pub fn start(folder: &Path, series: Series) -> std::io::Result<Self> {
        let listener = UnixListener::bind(folder.join("unix.socket"))?;
        listener.set_nonblocking(true)?;
        let (events, _) = broadcast::channel(64);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            events,
            series,
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = shared.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Self {
            folder: folder.to_owned(),
            shared,
            stop,
            thread,
        })
    }

    /// What the server holds, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }
}

impl Drop for FakeIncus {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(self.folder.join("unix.socket"));
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else {
        return;
    };
    while let Ok((socket, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { answer(request, &shared).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service);
            let _ = connection.with_upgrades().await;
        });
    }
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

async fn answer(
    mut request: Request<Incoming>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, std::io::Error> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let asking = parts.uri.query().unwrap_or_default().to_owned();
    let project = query(&asking, "project").unwrap_or("default").to_owned();
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: asking,
        project,
        headers: parts.headers,
        body,
        series: shared.series,
    };
    let answer = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .requests
            .push(format!("{} {}", asked.method, asked.path));
        let fault = state.take_fault(|fault| match fault {
            Fault::Refuse(method, path, ..) | Fault::Reset(method, path) => {
                asked.method == *method && asked.path.contains(path)
            }
            _ => false,
        });
        match fault {
            Some(Fault::Refuse(_, _, code, message)) => Answer::error(code, message),
            Some(_) => Answer::Reset,
            None => route(&mut state, &asked),
        }
    };
    match answer {
        Answer::Reset => Err(std::io::Error::other("a fault: the connection is dropped")),
        Answer::Json(code, value) => {
            // Whoever waits for an operation is not answered at once while it runs.
            if asked.path.ends_with("/wait") && value["metadata"]["status_code"] == 103 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Ok(document(code, &value, None))
        }
        Answer::Tagged(value, etag) => {
            let value = json!({ "type": "sync", "status_code": 200, "metadata": value });
            Ok(document(200, &value, Some(etag)))
        }
        Answer::File(bytes, from) => Ok(file(shared, bytes, from)),
        Answer::Stream(bytes, operation) => Ok(export(shared, bytes, &operation)),
        Answer::Events => Ok(events(shared, &asked, upgrade)),
        Answer::Socket(attached) => Ok(attach(shared, &asked, upgrade, attached)),
    }
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    response
}

fn document(code: u16, value: &Value, etag: Option<String>) -> Response<Body> {
    let mut response = response(code, full(value.to_string()));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    if let Some(etag) = etag.and_then(|etag| etag.parse().ok()) {
        response.headers_mut().insert("etag", etag);
    }
    response
}

/// The chunks of a body with the fault that waits for it.
fn chunks(shared: &Shared, mut bytes: Vec<u8>, from: usize) -> (Body, Option<u64>) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = state.take_fault(|fault| {
        matches!(
            fault,
            Fault::CutBody(_) | Fault::ErrorInBody(_) | Fault::FlipBit(_) | Fault::Stall(_)
        )
    });
    let length = bytes.len().saturating_sub(from) as u64;
    let part = |bytes: &[u8]| Ok(Frame::data(Bytes::copy_from_slice(bytes)));
    match fault {
        Some(Fault::CutBody(after)) => {
            // The first part must have gone out before the connection breaks.
            let broken = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                Err(std::io::Error::other("a fault"))
            });
            let parts = stream::iter(vec![part(&bytes[from..after])]).chain(broken);
            (StreamBody::new(parts).boxed_unsync(), Some(length))
        }
        Some(Fault::ErrorInBody(after)) => {
            let error = json!({ "type": "error", "error": "archive/tar: missed writing 7 bytes" });
            let parts = vec![
                part(&bytes[from..after]),
                part(error.to_string().as_bytes()),
            ];
            (StreamBody::new(stream::iter(parts)).boxed_unsync(), None)
        }
        Some(Fault::Stall(after)) => {
            let first = stream::iter(vec![part(&bytes[from..after])]);
            (
                StreamBody::new(first.chain(stream::pending())).boxed_unsync(),
                Some(length),
            )
        }
        Some(Fault::FlipBit(at)) => {
            bytes[at] ^= 1;
            (full(bytes[from..].to_vec()), Some(length))
        }
        _ => (full(bytes[from..].to_vec()), Some(length)),
    }
}

fn file(shared: &Shared, bytes: Vec<u8>, from: usize) -> Response<Body> {
    if from > 0 && from >= bytes.len() {
        // As Go's `http.ServeContent` answers a range behind the end.
        let mut beyond = response(416, full("invalid range: failed to overlap"));
        if let Ok(range) = format!("bytes */{}", bytes.len()).parse() {
            beyond.headers_mut().insert("content-range", range);
        }
        return beyond;
    }
    let (body, length) = chunks(shared, bytes, from);
    let mut response = response(if from > 0 { 206 } else { 200 }, body);
    if let Some(length) = length {
        response
            .headers_mut()
            .insert("content-length", length.into());
    }
    response
}

fn export(shared: &Shared, bytes: Vec<u8>, operation: &Value) -> Response<Body> {
    let (body, _) = chunks(shared, bytes, 0);
    let event = json!({ "type": "operation", "metadata": operation });
    let _ = shared.events.send(event.to_string());
    let mut response = response(200, body);
    let kind = hyper::header::HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert("content-type", kind);
    response
}

fn events(shared: &Shared, asked: &Asked, upgrade: hyper::upgrade::OnUpgrade) -> Response<Body> {
    let mut listener = shared.events.subscribe();
    tokio::spawn(async move {
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
fn attach(
    shared: &Arc<Shared>,
    asked: &Asked,
    upgrade: hyper::upgrade::OnUpgrade,
    attached: Attached,
) -> Response<Body> {
    let shared = shared.clone();
    tokio::spawn(async move {
        let Some(mut socket) = socket(upgrade).await else {
            return;
        };
        if matches!(attached.which.as_str(), "1" | "2") {
            let _ = socket.send(Message::binary(attached.output)).await;
            let _ = socket.send(Message::text("")).await;
        }
        while let Some(Ok(message)) = socket.next().await {
            if let (Message::Text(text), "control") = (message, attached.which.as_str()) {
                let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                signal(&mut state, &attached.operation, &text);
            }
        }
    });
    switching(asked)
}

async fn socket(
    upgrade: hyper::upgrade::OnUpgrade,
) -> Option<WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>> {
    let io = TokioIo::new(upgrade.await.ok()?);
    Some(WebSocketStream::from_raw_socket(io, Role::Server, None).await)
}

/// The answer that makes a connection a web socket.
fn switching(asked: &Asked) -> Response<Body> {
    let mut response = response(101, full(""));
    let key = derive_accept_key(
        asked
            .header("sec-websocket-key")
            .unwrap_or_default()
            .as_bytes(),
    );
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", &key),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
