//! One request and its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use serde_json::Value;

use super::answer::{Answer, Asked, query};
use super::body::{export, file};
use super::daemon::Shared;
use super::fault::{Fault, Strike};
use super::route::route;
use super::server::Series;
use super::socket::{attach, events};

pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// How large the body of an ordinary request may be from 7.0 on.
const LIMIT: usize = 1 << 20;

/// Answers a request, unless a fault does.
pub(super) async fn answer(
    mut request: Request<Incoming>,
    shared: &Arc<Shared>,
) -> Result<Response<Body>, std::io::Error> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, mut body) = request.into_parts();
    if let Some(refused) = logged_out(shared, &parts.headers) {
        return Ok(refused);
    }
    let strike = shared.state().strike();
    match strike {
        Some(Strike::Refused) => {
            let close = vec![("connection", "close".to_owned())];
            return Ok(document(500, &Answer::refusal(500, "not today"), close));
        }
        Some(Strike::Dropped) => {
            let _ = body.frame().await;
            return Err(dropped());
        }
        _ => {}
    }
    let imports = parts.method == "POST" && {
        let path = parts.uri.path();
        path == "/1.0/instances" || path.ends_with("/volumes/custom")
    };
    let body = match receive(shared, body, imports).await? {
        Ok(body) => body,
        Err(refused) => return Ok(refused),
    };
    let asking = parts.uri.query().unwrap_or_default().to_owned();
    let project = query(&asking, "project").unwrap_or_else(|| "default".to_owned());
    let asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: asking,
        project,
        headers: parts.headers,
        body,
        series: shared.series,
    };
    let silence = shared.state().silence();
    if silence == Some(false) {
        return std::future::pending().await;
    }
    let late = shared
        .state()
        .take_fault(|fault| fault.delays(&asked.method, &asked.path));
    let mut answer = decide(shared, &asked);
    if matches!(answer, Answer::Restart) {
        shared.restart();
        return std::future::pending().await;
    }
    if silence.is_some() {
        return std::future::pending().await;
    }
    if late.is_some() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let is_export = matches!(answer, Answer::Stream(..)) || asked.path.ends_with("/export");
    match (strike, &mut answer) {
        (Some(Strike::Lost), _) | (Some(Strike::Cut), Answer::Events | Answer::Socket(_)) => {
            return Err(dropped());
        }
        (Some(Strike::Cut), Answer::File(bytes, from, _)) if asked.path.ends_with("/export") => {
            let half = *from + bytes.len().saturating_sub(*from) / 2;
            shared.state().faults.push(Fault::CutBody(half));
        }
        (Some(Strike::Cut), Answer::Stream(bytes, operation)) => {
            let half = bytes.len() / 2;
            shared.state().faults.push(Fault::CutBody(half));
            // The server's tar writer is told that nobody reads any more (seen on 7.0.2).
            operation["status"] = "Failure".into();
            operation["status_code"] = 400.into();
            operation["err"] =
                "Backup create: Error adding \"rootfs/a\" to tarball: Failed to copy \
                                file content \"rootfs/a\": io: read/write on closed pipe"
                    .into();
        }
        _ => {}
    }
    let answered = respond(shared, &asked, upgrade, answer).await?;
    Ok(match strike {
        Some(Strike::Cut) if !is_export => cut(answered).await,
        _ => answered,
    })
}

/// What a client is answered whose login is not taken.
fn logged_out(shared: &Shared, headers: &hyper::HeaderMap) -> Option<Response<Body>> {
    let (token, issuer) = shared.state().login.clone()?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let welcome = header("authorization") == Some(&format!("Bearer {token}"))
        && header("x-incus-authenticated") == Some("true");
    let told = vec![
        ("x-incus-oidc-issuer", issuer),
        ("x-incus-oidc-clientid", "incus".to_owned()),
        ("x-incus-oidc-audience", String::new()),
        ("connection", "close".to_owned()),
    ];
    (!welcome).then(|| document(401, &Answer::refusal(401, "not authorized"), told))
}

fn dropped() -> std::io::Error {
    std::io::Error::other("a fault: the connection is dropped")
}

/// An answer that breaks off half way; one that does so already stays.
async fn cut(answer: Response<Body>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let Ok(whole) = body.collect().await else {
        return response(200, broken(Bytes::new()));
    };
    let whole = whole.to_bytes();
    let half = whole.slice(..whole.len() / 2);
    let mut answer = Response::from_parts(parts, broken(half));
    // What the length would be is not told: else nothing of it would go out.
    answer.headers_mut().remove("content-length");
    answer
}

/// A body that ends in an error.
pub(super) fn broken(beginning: Bytes) -> Body {
    let error = stream::once(async {
        // The beginning must have gone out before the connection breaks.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(dropped())
    });
    let parts = stream::iter([Ok(Frame::data(beginning))]).chain(error);
    StreamBody::new(parts).boxed_unsync()
}

async fn respond(
    shared: &Arc<Shared>,
    asked: &Asked,
    upgrade: hyper::upgrade::OnUpgrade,
    answer: Answer,
) -> Result<Response<Body>, std::io::Error> {
    match answer {
        Answer::Reset | Answer::Restart => Err(dropped()),
        Answer::Json(code, value) => {
            // Whoever waits for an operation is not answered at once while it runs.
            let running = value["metadata"]["status_code"] == 103
                || value["error"] == "context deadline exceeded";
            if asked.path.ends_with("/wait") && running {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(document(code, &value, Vec::new()))
        }
        Answer::Tagged(value, etag) => {
            let value = Answer::envelope(&value);
            Ok(document(200, &value, vec![("etag", format!("\"{etag}\""))]))
        }
        Answer::Headed(value, headers) => Ok(document(200, &Answer::envelope(&value), headers)),
        Answer::File(bytes, from, headers) => {
            let exported = asked.path.ends_with("/export");
            let faults = exported.then_some(shared);
            Ok(headed(file(faults, bytes, from), headers))
        }
        Answer::Stream(bytes, operation) => Ok(export(shared, bytes, &operation)),
        Answer::Events => Ok(events(shared, asked, upgrade)),
        Answer::Socket(attached) => Ok(attach(shared, asked, upgrade, attached)),
    }
}

/// Reads a body, unless the server gives it up half way.
async fn receive(
    shared: &Shared,
    mut body: Incoming,
    imports: bool,
) -> Result<Result<Bytes, Response<Body>>, std::io::Error> {
    let refused = |fault: &Fault| imports && matches!(fault, Fault::ImportRefused(_));
    let limit = match shared.state().faults.iter().find(|fault| refused(fault)) {
        Some(Fault::ImportRefused(after)) => *after,
        _ => usize::MAX,
    };
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(std::io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() >= limit {
            shared.state().take_fault(refused);
            tokio::spawn(linger(body));
            let text = "write /var/lib/incus/backups/incus_backup_1: no space left on device";
            let close = vec![("connection", "close".to_owned())];
            return Ok(Err(document(500, &Answer::refusal(500, text), close)));
        }
    }
    Ok(Ok(bytes.freeze()))
}

/// Goes on reading what nobody wants, so that whoever sends it hears the answer before the connection is
/// closed; for as long as Go's server does (`rstAvoidanceDelay` in net/http).
async fn linger(mut body: Incoming) {
    let reading = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    let _ = tokio::time::timeout(Duration::from_millis(500), reading).await;
}

fn decide(shared: &Shared, asked: &Asked) -> Answer {
    let mut state = shared.state();
    state.move_on();
    state
        .requests
        .push(format!("{} {}", asked.method, asked.path));
    match state.take_fault(|fault| fault.strikes(&asked.method, &asked.path)) {
        Some(Fault::Refuse(_, _, code, message)) => Answer::error(code, message),
        Some(Fault::ErrorIn200(_, _, message)) => Answer::Json(200, Answer::refusal(500, message)),
        Some(Fault::Unavailable(_)) => Answer::error(503, "Daemon is starting up"),
        Some(Fault::Restart(..)) => Answer::Restart,
        Some(Fault::Reset(..)) => Answer::Reset,
        _ => {
            let large = ["/1.0/instances", "/1.0/images"].contains(&asked.path.as_str())
                || asked.path.ends_with("/files")
                || asked.path.ends_with("/buckets")
                || asked.path.ends_with("/volumes/custom");
            if asked.series == Series::Lts70 && asked.body.len() >= LIMIT && !large {
                return Answer::error(400, "http: request body too large");
            }
            route(&mut state, asked)
        }
    }
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

pub(super) fn response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
    response
}

pub(super) fn headed(
    mut response: Response<Body>,
    headers: Vec<(&'static str, String)>,
) -> Response<Body> {
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn document(code: u16, value: &Value, headers: Vec<(&'static str, String)>) -> Response<Body> {
    let json = ("content-type", "application/json".to_owned());
    let response = headed(response(code, full(value.to_string())), vec![json]);
    headed(response, headers)
}
