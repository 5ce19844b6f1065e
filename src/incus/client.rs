//! A connection to one server.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::login::Login;
use super::recent::Recent;
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
    /// What it said a moment ago.
    pub(super) recent: Recent,
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
    /// Whether this client may change projects and what belongs to none.
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

/// Whether whoever is shown this configuration of the server is an administrator, for only they are shown
/// it. Others are shown none by 7.0, and an empty one by 6.0; but whoever is known by a certificate came by
/// an address, which is in the configuration.
fn is_administrator(config: Option<&Value>, method: &str) -> bool {
    let keys = config.and_then(Value::as_object);
    keys.is_some_and(|keys| !keys.is_empty() || !matches!(method, "tls" | "oidc"))
}

/// Whether the server has a judge of its own: then being shown the configuration says nothing of changing it,
/// for viewers see it too. The keys are `openfga.*` of 6.0, and `authorization.*`.
fn is_judged(config: Option<&Value>) -> bool {
    let keys = config.and_then(Value::as_object).into_iter().flatten();
    let mut names = keys.map(|(key, _)| key);
    names.any(|key| key.starts_with("authorization.") || key.starts_with("openfga."))
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
            administrator: is_administrator(answer.config.as_ref(), &answer.auth_user_method),
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

    /// Understands the first answer, and asks once more where that does not tell an administrator.
    async fn understood(&self, answer: Value) -> Result<ServerInfo, Error> {
        let judged = is_judged(answer.get("config"));
        let mut info = ServerInfo::parse(answer)?;
        if info.administrator && judged {
            // Rare, and not to make every connection larger.
            info.administrator = Box::pin(self.may_edit_server()).await?;
        }
        Ok(info)
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
                answer => return self.understood(answer?.0.metadata).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::root_of_a_new_server(json!({}), "unix", true)]
    #[case::root(json!({ "core.https_address": ":8443" }), "unix", true)]
    #[case::by_a_certificate(json!({ "core.https_address": ":8443" }), "tls", true)]
    #[case::by_a_restricted_one_on_6_0(json!({}), "tls", false)]
    #[case::by_a_restricted_one_on_7_0(json!(null), "tls", false)]
    #[case::by_a_login(json!({ "oidc.issuer": "https://id.example" }), "oidc", true)]
    #[case::by_a_login_without_rights(json!({}), "oidc", false)]
    fn an_administrator_is_told_by_what_the_server_shows(
        #[case] config: Value,
        #[case] method: &str,
        #[case] administrator: bool,
    ) {
        let answer = json!({ "auth": "trusted", "auth_user_method": method, "config": config,
            "environment": { "certificate_fingerprint": "a".repeat(64) } });
        let info = ServerInfo::parse(answer).unwrap();
        assert_eq!(info.administrator, administrator);
    }

    #[rstest]
    #[case(json!({ "core.https_address": ":8443", "oidc.issuer": "https://id.example" }), false)]
    #[case(json!({ "openfga.api.url": "https://fga.example" }), true)]
    #[case(json!({ "authorization.scriptlet": "def authorize" }), true)]
    #[case(json!({ "authorization.client.tls": "scriptlet" }), true)]
    #[case(json!(null), false)]
    fn a_judge_is_told_by_the_configuration(#[case] config: Value, #[case] judged: bool) {
        assert_eq!(is_judged(Some(&config)), judged);
    }
}
