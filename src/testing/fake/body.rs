//! Files and exports on their way out, and what can happen to them there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use serde_json::{Value, json};

use super::daemon::Shared;
use super::exchange::{Body, full, headed, response};
use super::fault::Fault;

/// How often a slow body goes on.
const BEAT: Duration = Duration::from_millis(20);

/// A body with the fault that waits for it, and how long it says that it is.
fn chunks(shared: &Shared, mut bytes: Vec<u8>, from: usize) -> (Body, Option<u64>) {
    let fault = shared.state().take_fault(|fault| {
        matches!(
            fault,
            Fault::CutBody(_) | Fault::ErrorInBody(_) | Fault::FlipBit(_) | Fault::Stall(_)
        )
    });
    let length = Some(bytes.len().saturating_sub(from) as u64);
    let upto = |after: usize| bytes[from..after.clamp(from, bytes.len())].to_vec();
    let part = |bytes: Vec<u8>| Ok(Frame::data(Bytes::from(bytes)));
    match fault {
        Some(Fault::CutBody(after)) => {
            // The first part must have gone out before the connection breaks.
            let broken = stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("a fault"))
            });
            let parts = stream::iter(vec![part(upto(after))]).chain(broken);
            (StreamBody::new(parts).boxed_unsync(), length)
        }
        Some(Fault::ErrorInBody(after)) => {
            let error = json!({ "type": "error", "error": "archive/tar: missed writing 7 bytes" });
            let parts = vec![part(upto(after)), part(error.to_string().into_bytes())];
            (StreamBody::new(stream::iter(parts)).boxed_unsync(), None)
        }
        Some(Fault::Stall(after)) => {
            let first = stream::iter(vec![part(upto(after))]);
            let body = StreamBody::new(first.chain(stream::pending()));
            (body.boxed_unsync(), length)
        }
        Some(Fault::FlipBit(at)) => {
            bytes[at] ^= 1;
            (full(bytes[from..].to_vec()), length)
        }
        _ => match slowness(shared) {
            Some(rate) => (slow(&bytes[from..], rate), length),
            None => (full(bytes[from..].to_vec()), length),
        },
    }
}

fn slowness(shared: &Shared) -> Option<usize> {
    shared.state().faults.iter().find_map(|fault| match fault {
        Fault::Slow(rate) => Some(*rate),
        _ => None,
    })
}

/// A body that comes at so many bytes a second.
fn slow(bytes: &[u8], rate: usize) -> Body {
    let beats = usize::try_from(1000 / BEAT.as_millis()).unwrap_or(1);
    let size = (rate / beats).max(1);
    let parts: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    let parts = stream::iter(parts).then(|part| async {
        tokio::time::sleep(BEAT).await;
        Ok::<_, std::io::Error>(Frame::data(part))
    });
    StreamBody::new(parts).boxed_unsync()
}

/// A file from an offset on, as Go's `http.ServeContent` answers; with the faults of a server, where
/// it is an export.
pub(super) fn file(faults: Option<&Arc<Shared>>, bytes: Vec<u8>, from: usize) -> Response<Body> {
    let size = bytes.len();
    if from > 0 && from >= size {
        let beyond = response(416, full("invalid range: failed to overlap"));
        return headed(beyond, vec![("content-range", format!("bytes */{size}"))]);
    }
    let (body, length) = match faults {
        Some(shared) => chunks(shared, bytes, from),
        None => (full(bytes[from..].to_vec()), Some((size - from) as u64)),
    };
    let mut headers = Vec::new();
    if let Some(length) = length {
        headers.push(("content-length", length.to_string()));
    }
    if from > 0 {
        let range = format!("bytes {from}-{}/{size}", size - 1);
        headers.push(("content-range", range));
    }
    headed(response(if from > 0 { 206 } else { 200 }, body), headers)
}

/// An export that is streamed; its operation's end is told by an event.
pub(super) fn export(shared: &Shared, bytes: Vec<u8>, operation: &Value) -> Response<Body> {
    let (body, _) = chunks(shared, bytes, 0);
    let event = json!({ "type": "operation", "metadata": operation });
    let _ = shared.events.send(event.to_string());
    let kind = ("content-type", "application/octet-stream".to_owned());
    headed(response(200, body), vec![kind])
}
