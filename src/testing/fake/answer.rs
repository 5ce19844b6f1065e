//! Requests and answers, apart from how they travel.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Series;
use super::exec::Attached;

/// What is answered.
pub(super) enum Answer {
    /// A document.
    Json(u16, Value),
    /// A document, and what names its state.
    Tagged(Value, String),
    /// A document with headers.
    Headed(Value, Vec<(&'static str, String)>),
    /// A file from an offset on, with headers.
    File(Vec<u8>, usize, Vec<(&'static str, String)>),
    /// An export that is streamed, and the operation that tells of its end.
    Stream(Vec<u8>, Value),
    /// Events.
    Events,
    /// A socket of a command.
    Socket(Attached),
    /// Nothing: the connection is dropped.
    Reset,
    /// Nothing: the daemon is restarted, which drops the connection.
    Restart,
}

impl Answer {
    pub(super) fn sync(metadata: impl Into<Value>) -> Self {
        Self::Json(200, Self::envelope(&metadata.into()))
    }

    pub(super) fn envelope(metadata: &Value) -> Value {
        json!({ "type": "sync", "status": "Success", "status_code": 200, "metadata": metadata })
    }

    /// An object, and an `ETag` of what it says.
    pub(super) fn tagged(object: Value) -> Self {
        let tag = etag(&object);
        Self::Tagged(object, tag)
    }

    pub(super) fn accepted(operation: &Value) -> Self {
        let id = operation["id"].as_str().unwrap_or_default();
        let url = format!("/1.0/operations/{id}");
        Self::Json(
            202,
            json!({ "type": "async", "status": "Operation created", "status_code": 100,
                "operation": url, "metadata": operation }),
        )
    }

    pub(super) fn error(code: u16, message: &str) -> Self {
        Self::Json(code, Self::refusal(code, message))
    }

    pub(super) fn refusal(code: u16, message: &str) -> Value {
        json!({ "type": "error", "error": message, "error_code": code })
    }
}

/// What names the state of an object: another object has another.
pub(super) fn etag(object: &Value) -> String {
    crate::model::Sha256::of(object.to_string().as_bytes()).to_string()
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
    /// What is answered where an object is no longer what whoever asks has seen.
    pub(super) fn crossed(&self, object: &Value) -> Option<Answer> {
        let now = etag(object);
        let wanted = self.header("if-match").map(|tag| tag.trim_matches('"'));
        let wanted = wanted.filter(|wanted| !wanted.is_empty() && *wanted != now)?;
        let text = format!("ETag doesn't match: {now} vs {wanted}");
        Some(Answer::error(412, &text))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn query(&self, key: &str) -> Option<String> {
        query(&self.query, key)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Objects, not their addresses, are asked for.
    pub(super) fn recursive(&self) -> bool {
        self.query("recursion").is_some_and(|level| level != "0")
    }

    /// A list as it is answered: objects or addresses.
    pub(super) fn list<'a>(
        &self,
        place: &str,
        items: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Answer {
        let item = |(name, object): (&str, Value)| {
            if self.recursive() {
                object
            } else {
                json!(format!("{place}/{name}"))
            }
        };
        Answer::sync(Value::Array(items.into_iter().map(item).collect()))
    }
}

/// The value of a key in a URL's query.
pub(super) fn query(query: &str, key: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| decode(value))
        .next()
}

/// Undoes percent-encoding.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
