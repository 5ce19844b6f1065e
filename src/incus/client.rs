//! A connection to one server.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::login::Login;
use super::request::{Envelope, Request, decode};
use super::{BackOff, Error, Throttle};
use crate::model::{ProjectName, Sha256};

/// How often a connection that breaks is tried again before anything is known of the server.
const BROKEN: u32 = 5;

/// How long a server may take to say what it is: one whose disk is busy was seen to need over 15 s.
const GREETING: Duration = Duration::from_secs(30);

/// A server, reached and trusted.
#[derive(Debug)]
pub struct Client {
    pub(super) http: reqwest::Client,
    /// What every URL begins with, such as `https://host:8443`.
    pub(super) base: String,
    pub(super) server: ServerInfo,
    /// The project that the socket of `incus-user` gives its user.
    pub(super) own_project: Option<ProjectName>,
    /// How fast bodies travel.
    pub(super) throttle: Option<Arc<Throttle>>,
    /// The login that requests go with, where it is not a certificate.
    pub(super) login: Option<Arc<Login>>,
}

/// What a server says about itself.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Its name.
    pub name: String,
    /// Its version, for people: features are told by `api_extensions`.
    pub version: String,
    /// What its API can do.
    pub api_extensions: Vec<String>,
    /// The SHA-256 of its certificate: in a cluster the same on every member.
    pub certificate_fingerprint: Sha256,
    /// Whether it is a member of a cluster.
    pub clustered: bool,
    /// The architectures that it runs.
    pub architectures: Vec<String>,
    /// Whether it trusts this client.
    pub trusted: bool,
    /// Whether this client may change projects and what belongs to none: only those who may are shown
    /// the server's own configuration.
    pub administrator: bool,
    /// How it knows this client: `unix`, `tls` or `oidc`.
    pub method: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    api_extensions: Option<Vec<String>>,
    #[serde(default)]
    auth: String,
    #[serde(default)]
    auth_user_method: String,
    #[serde(default)]
    config: Option<Value>,
    #[serde(default)]
    environment: Option<Surroundings>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Surroundings {
    server_name: String,
    server_version: String,
    server_clustered: bool,
    certificate_fingerprint: String,
    architectures: Option<Vec<String>>,
}

impl ServerInfo {
    /// Understands the answer to `GET /1.0`.
    pub(super) fn parse(value: Value) -> Result<Self, Error> {
        let action = "read what the server is";
        let answer: Answer = decode(value, action)?;
        let trusted = answer.auth == "trusted";
        let around = answer.environment.unwrap_or_default();
        let fingerprint = around.certificate_fingerprint.parse();
        let certificate_fingerprint = match fingerprint {
            Ok(fingerprint) => fingerprint,
            // An untrusted client is not told.
            Err(_) if !trusted => Sha256([0; 32]),
            Err(_) => {
                return Err(Error::Protocol {
                    action: action.to_owned(),
                    cause: None,
                });
            }
        };
        Ok(Self {
            name: around.server_name,
            version: around.server_version,
            api_extensions: answer.api_extensions.unwrap_or_default(),
            certificate_fingerprint,
            clustered: around.server_clustered,
            architectures: around.architectures.unwrap_or_default(),
            trusted,
            administrator: answer.config.is_some(),
            method: answer.auth_user_method,
        })
    }
}

impl Client {
    /// What the server says about itself.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Whether the server's API has an extension.
    pub fn has(&self, extension: &str) -> bool {
        self.server
            .api_extensions
            .iter()
            .any(|known| known == extension)
    }

    /// The project of a user who reaches the server by the socket of `incus-user`.
    pub fn own_project(&self) -> Option<&ProjectName> {
        self.own_project.as_ref()
    }

    /// The first answer, which must not be long in coming: whatever listens there may say nothing for ever.
    async fn greeting(&self, request: &Request) -> Result<(Envelope, Option<String>), Error> {
        let answered = tokio::time::timeout(GREETING, self.exchange(request)).await;
        answered.unwrap_or_else(|_| {
            Err(Error::Silent {
                action: request.action.clone(),
                seconds: GREETING.as_secs(),
            })
        })
    }

    pub(super) async fn read_server(&self) -> Result<ServerInfo, Error> {
        let request = Request::get(&[], "read what the server is");
        let mut again = BackOff::new();
        let mut broken = 0;
        loop {
            match self.greeting(&request).await {
                // It is there, and starting.
                Err(error @ Error::Refused { code: 503, .. }) => {
                    if !again.pause().await {
                        return Err(error);
                    }
                }
                // A connection that broke may have been unlucky. A user who mistyped an address wants to
                // know at once.
                Err(error) if broken < BROKEN && error.is_broken() => {
                    broken += 1;
                    again.pause().await;
                }
                answer => return ServerInfo::parse(answer?.0.metadata),
            }
        }
    }
}
