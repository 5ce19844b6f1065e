//! Requests and the envelope that answers come in.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::client::Client;
use super::login::{Issuer, Login, LoginError};
use super::operation::Operation;
use super::{BackOff, Error};
use crate::model::{ProjectName, Secret};

/// How long the answer to a request that only reads may take.
const ANSWER: Duration = Duration::from_secs(60);
/// How large an answer in JSON may be.
const LIMIT: usize = 64 * 1024 * 1024;

/// The envelope of every answer (`shared/api/response.go`).
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_code: u16,
    #[serde(default)]
    pub(super) metadata: Value,
}

/// One request that is about to be made.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What is asked, for messages: `list instances`.
    pub(super) action: String,
    /// Asked twice it is as if it had been asked once.
    repeatable: bool,
}

impl Request {
    /// A request for a path of already encoded segments below `/1.0`.
    pub(super) fn new(method: Method, segments: &[&str], action: impl Into<String>) -> Self {
        let mut path = "/1.0".to_owned();
        for segment in segments {
            path.push('/');
            path.push_str(&encode(segment));
        }
        // What is deleted already is deleted.
        let repeatable = method == Method::GET || method == Method::DELETE;
        Self {
            method,
            path,
            repeatable,
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            action: action.into(),
        }
    }

    pub(super) fn get(segments: &[&str], action: impl Into<String>) -> Self {
        Self::new(Method::GET, segments, action)
    }

    /// Says that it can be asked again where its answer got lost.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(super) fn project(self, project: &ProjectName) -> Self {
        self.with("project", project.as_str())
    }

    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.query.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Percent-encodes one segment of a path.
pub(super) fn encode(segment: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Reads a segment of a path that the server wrote.
pub(super) fn decode_segment(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Client {
    /// Sends a request and gives the answer as it comes. A login that has run out is renewed.
    pub(super) async fn send(
        &self,
        request: &Request,
        body: Option<reqwest::Body>,
    ) -> Result<Response, Error> {
        let Some(login) = &self.login else {
            return self.send_as(request, body, None).await;
        };
        if body.is_some() {
            // It can be sent once only: whether the token is taken is asked before.
            let probe = Request::get(&[], request.action.clone());
            drop(Box::pin(self.send_logged_in(login, &probe)).await?);
            let token = login.token().await;
            return self.send_as(request, body, Some(&token)).await;
        }
        // Rare, and large: not a part of every request's future.
        Box::pin(self.send_logged_in(login, request)).await
    }

    async fn send_logged_in(&self, login: &Login, request: &Request) -> Result<Response, Error> {
        let token = login.token().await;
        let response = self.send_as(request, None, Some(&token)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(issuer) = Issuer::named_by(response.headers()) else {
            return Ok(response);
        };
        let renewed = login.renew(&issuer, &token).await;
        let token = renewed.map_err(|cause| Error::Login {
            action: request.action.clone(),
            cause: Box::new(cause),
        })?;
        let response = self.send_as(request, None, Some(&token)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(Error::Login {
                action: request.action.clone(),
                cause: Box::new(LoginError::RunOut),
            });
        }
        Ok(response)
    }

    async fn send_as(
        &self,
        request: &Request,
        body: Option<reqwest::Body>,
        token: Option<&Secret>,
    ) -> Result<Response, Error> {
        let url = format!("{}{}", self.base, request.path);
        tracing::debug!(method = %request.method, path = %request.path, "request");
        let mut builder = self
            .http
            .request(request.method.clone(), url)
            .query(&request.query);
        for (name, value) in &request.headers {
            // As bytes: the name of a volume may have letters that are not ASCII.
            builder = builder.header(*name, value.as_bytes());
        }
        if let Some(token) = token {
            let bearer = Zeroizing::new([b"Bearer ", token.reveal()].concat());
            if let Ok(mut bearer) = HeaderValue::from_bytes(&bearer) {
                bearer.set_sensitive(true);
                // Without the second a server answers who it does not know as if it had not been asked.
                builder = builder
                    .header(AUTHORIZATION, bearer)
                    .header("X-Incus-authenticated", "true");
            }
        }
        builder = match (body, &request.body) {
            (Some(body), _) => builder.body(body),
            (None, Some(json)) => builder.json(json),
            (None, None) => builder,
        };
        builder.send().await.map_err(|cause| Error::Transport {
            action: request.action.clone(),
            cause,
        })
    }

    /// Exchanges, and does not wait for ever where something is only read.
    pub(super) async fn exchange_in_time(
        &self,
        request: &Request,
    ) -> Result<(Envelope, Option<String>), Error> {
        // What changes something may take its time.
        if request.method != Method::GET {
            return self.exchange(request).await;
        }
        let exchanged = tokio::time::timeout(ANSWER, self.exchange(request)).await;
        exchanged.unwrap_or_else(|_| {
            Err(Error::Silent {
                action: request.action.clone(),
                seconds: ANSWER.as_secs(),
            })
        })
    }

    /// Sends a request and opens the envelope of the answer; errors inside are errors. Gives the
    /// `ETag` along.
    pub(super) async fn exchange(
        &self,
        request: &Request,
    ) -> Result<(Envelope, Option<String>), Error> {
        let response = self.send(request, None).await?;
        let etag = response
            .headers()
            .get("etag")
            .and_then(|value| value.to_str().ok());
        let etag = etag.map(str::to_owned);
        let envelope = open(response, &request.action).await?;
        Ok((envelope, etag))
    }

    /// Asks again, for some seconds, while the server does not answer: where the network fails, or the
    /// server is being restarted.
    pub(super) async fn patiently(
        &self,
        request: &Request,
    ) -> Result<(Envelope, Option<String>), Error> {
        let mut again = BackOff::new();
        loop {
            match self.exchange_in_time(request).await {
                Err(error) if error.is_not_now() || (request.repeatable && error.is_passing()) => {
                    if !again.pause().await {
                        return Err(error);
                    }
                    tracing::debug!(%error, "asking again");
                }
                result => return result,
            }
        }
    }

    /// Reads an object, patiently.
    pub(super) async fn read(&self, request: &Request) -> Result<(Value, Option<String>), Error> {
        let (envelope, etag) = self.patiently(request).await?;
        Ok((envelope.metadata, etag))
    }

    /// Reads an object that may not be there.
    pub(super) async fn read_some(
        &self,
        request: &Request,
    ) -> Result<Option<(Value, Option<String>)>, Error> {
        match self.read(request).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins something that the server goes on with by itself: patiently, where that is safe.
    pub(super) async fn begin(&self, request: &Request) -> Result<Operation, Error> {
        let (envelope, _) = self.patiently(request).await?;
        Operation::parse(envelope.metadata, &request.action)
    }
}

impl Client {
    /// Does something that some servers do at once, and others make an operation of.
    pub(super) async fn begin_or_do(&self, request: &Request) -> Result<Option<Operation>, Error> {
        let (envelope, _) = self.patiently(request).await?;
        match envelope.kind.as_str() {
            "async" => Ok(Some(Operation::parse(envelope.metadata, &request.action)?)),
            _ => Ok(None),
        }
    }
}

/// Opens an envelope.
pub(super) async fn open(response: Response, action: &str) -> Result<Envelope, Error> {
    let status = response.status();
    let envelope = raw(response, action).await?;
    if envelope.kind == "error" || !status.is_success() {
        let code = if envelope.error_code == 0 {
            status.as_u16()
        } else {
            envelope.error_code
        };
        return Err(Error::Refused {
            action: action.to_owned(),
            code,
            message: envelope.error,
        });
    }
    Ok(envelope)
}

/// Opens an envelope, whatever is in it.
pub(super) async fn raw(mut response: Response, action: &str) -> Result<Envelope, Error> {
    let transport = |cause| Error::Transport {
        action: action.to_owned(),
        cause,
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if bytes.len() + chunk.len() > LIMIT {
            return Err(Error::Protocol {
                action: action.to_owned(),
                cause: None,
            });
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|cause| Error::Protocol {
        action: action.to_owned(),
        cause: Some(cause),
    })
}

/// Understands an object of the API.
pub(super) fn decode<T: serde::de::DeserializeOwned>(
    value: Value,
    action: &str,
) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|cause| Error::Protocol {
        action: action.to_owned(),
        cause: Some(cause),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain-1.x")]
    #[case("with space")]
    #[case("100%25 é/?#")]
    fn a_segment_comes_back_as_it_was(#[case] name: &str) {
        assert_eq!(decode_segment(&encode(name)), name);
    }

    #[rstest]
    #[case("a+b%20c", "a+b c")]
    #[case("100%", "100%")]
    #[case("%zz", "%zz")]
    fn what_is_no_escape_stands_for_itself(#[case] segment: &str, #[case] name: &str) {
        assert_eq!(decode_segment(segment), name);
    }
}
