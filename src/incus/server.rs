//! The server itself: its own configuration and what it says of its surroundings (`/1.0`).

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::request::Request;
use super::{ETag, Error};
use crate::model::ResourceName;

/// What a server says of itself.
#[derive(Debug, Clone)]
pub struct ServerDocument {
    /// Its configuration; nothing where this client may not see it.
    pub config: Option<Map<String, Value>>,
    /// The whole answer.
    pub raw: Value,
    /// What names the present state.
    pub etag: ETag,
}

impl Client {
    /// What the server says of itself; in a cluster what one member says.
    pub async fn server_document(
        &self,
        member: Option<&ResourceName>,
    ) -> Result<ServerDocument, Error> {
        let mut request = Request::get(&[], "read the server's configuration");
        if let Some(member) = member {
            request = request.with("target", member.as_str());
        }
        let (raw, etag) = self.read(&request).await?;
        Ok(ServerDocument {
            config: raw.get("config").and_then(Value::as_object).cloned(),
            etag: ETag(etag.unwrap_or_default()),
            raw,
        })
    }

    /// Sets one key of the server's configuration, and leaves the others as they are; an empty value
    /// takes the key away.
    pub async fn set_server_key(
        &self,
        key: &str,
        value: &str,
        member: Option<&ResourceName>,
        etag: &ETag,
    ) -> Result<(), Error> {
        let mut request = Request::new(Method::PATCH, &[], format!("set server key `{key}`"));
        if let Some(member) = member {
            request = request.with("target", member.as_str());
        }
        let body = json!({ "config": { key: value } });
        self.change(request.json(body), etag).await
    }

    /// What time it is on the server, to the second; nothing where it does not say.
    pub async fn clock(&self) -> Result<Option<Timestamp>, Error> {
        let request = Request::get(&[], "read the server's clock");
        let response = self.send(&request, None).await?;
        let said = response.headers().get("date");
        let text = said.and_then(|value| value.to_str().ok());
        let moment = text.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        Ok(moment.map(|moment| moment.timestamp()))
    }

    /// What the server says of its cluster.
    pub async fn cluster(&self) -> Result<Value, Error> {
        let request = Request::get(&["cluster"], "read the cluster");
        Ok(self.read(&request).await?.0)
    }

    /// Whether the server is reached over the network, and so by an address of its own.
    pub fn is_remote(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// The fingerprint of the certificate that this client is known by, where it is.
    pub fn own_certificate(document: &ServerDocument) -> Option<&str> {
        let raw = &document.raw;
        (raw["auth_user_method"] == "tls")
            .then(|| raw["auth_user_name"].as_str())
            .flatten()
    }
}
