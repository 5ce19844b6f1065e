//! Logins by OIDC: the tokens that `incus` stored, and their renewal.
//!
//! # Design
//!
//! As in `incus`, the access token goes with every request, and a server that does not take it any more
//! (401) names its issuer, where the refresh token gives another one. What is new is stored, for many
//! issuers take each refresh token once. A new login needs a person and a browser: it is left to `incus`.
//!
//! Other processes share the file: whoever renews holds a lock on its folder, and looks first whether
//! somebody else has renewed it. An issuer is sent the refresh token only by HTTPS, and only if it is the
//! one that the login came from, where the stored identity says which that was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan as _};
use reqwest::header::HeaderMap;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::Deserialize;
use serde_json::Value;

use super::request::encode;
use crate::model::{RemoteName, Secret, Version};

/// How long an issuer may take to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long another process may take to renew the tokens.
const LOCK: Duration = Duration::from_secs(60);
/// How large the answer of an issuer may be.
const LIMIT: usize = 1 << 20;

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody has logged in.
    #[error("nobody has logged in (`{}` holds no token)", path.display())]
    None {
        /// Where tokens are stored.
        path: PathBuf,
    },
    /// The tokens cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Where tokens are stored.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The server takes the token no more, and nothing can renew it.
    #[error("the login has run out")]
    RunOut,
    /// The issuer does not renew it.
    #[error("the login has run out, and `{issuer}` does not renew it")]
    NotRenewed {
        /// Who issues tokens.
        issuer: String,
        /// Its own words.
        #[source]
        cause: IssuerError,
    },
}

/// What is wrong with an issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// It cannot be asked.
    #[error("it cannot be asked")]
    Lost(#[source] reqwest::Error),
    /// It refuses.
    #[error("it answers {status} {error}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it calls the reason.
        error: String,
    },
    /// It answers, but not as an issuer does.
    #[error("it does not answer as an issuer of tokens does")]
    NotIssuer,
    /// It would be sent the refresh token without protection.
    #[error("its address is not one of HTTPS")]
    Insecure,
    /// The login came from somewhere else.
    #[error("the login came from `{0}`")]
    Another(String),
}

impl LoginError {
    /// What the user can do about it.
    pub fn hint(remote: &str) -> String {
        format!(
            "log in with the client (`incus list {remote}:`), or use a client certificate, which does \
             not run out"
        )
    }
}

/// Who renews tokens, as the server names it.
#[derive(Debug)]
pub(super) struct Issuer {
    url: String,
    client: String,
}

impl Issuer {
    /// Reads what a server says that does not take a token.
    pub(super) fn named_by(headers: &HeaderMap) -> Option<Self> {
        let read = |name| {
            let text = headers.get(name)?.to_str().ok()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        Some(Self {
            url: read("x-incus-oidc-issuer")?,
            client: read("x-incus-oidc-clientid")?,
        })
    }
}

/// The login to a remote.
#[derive(Debug)]
pub(super) struct Login {
    path: PathBuf,
    http: reqwest::Client,
    tokens: tokio::sync::Mutex<Tokens>,
}

/// What `incus` stores, with all that is not known here.
#[derive(Debug, Clone)]
struct Tokens(Value);

/// What an issuer answers.
#[derive(Deserialize)]
struct Renewed {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<i64>,
}

impl Tokens {
    fn read(path: &Path) -> Result<Self, LoginError> {
        let none = || LoginError::None {
            path: path.to_owned(),
        };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
            Err(cause) => {
                let path = path.to_owned();
                return Err(LoginError::File { path, cause });
            }
        };
        let tokens = Self(serde_json::from_slice(&bytes).map_err(|_| none())?);
        if tokens.text("access_token").is_empty() {
            return Err(none());
        }
        Ok(tokens)
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn access(&self) -> Secret {
        Secret::new(self.text("access_token").as_bytes().to_vec())
    }

    /// Where the login came from, where its identity says so.
    fn issuer(&self) -> Option<String> {
        let payload = self.text("IDToken").split('.').nth(1)?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        Some(claims.get("iss")?.as_str()?.to_owned())
    }

    fn renew(&mut self, renewed: Renewed, now: Timestamp) {
        let Some(object) = self.0.as_object_mut() else {
            return;
        };
        object.insert("access_token".into(), renewed.access_token.into());
        if let Some(kind) = renewed.token_type {
            object.insert("token_type".into(), kind.into());
        }
        if let Some(refresh) = renewed.refresh_token.filter(|it| !it.is_empty()) {
            object.insert("refresh_token".into(), refresh.into());
        }
        let expiry = renewed
            .expires_in
            .and_then(|seconds| now.checked_add(seconds.seconds()).ok());
        if let Some(expiry) = expiry {
            object.insert("expiry".into(), expiry.to_string().into());
        }
    }

    /// Replaces the file, which nobody else may read.
    fn write(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder)?;
        serde_json::to_writer(&mut file, &self.0)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

impl Login {
    /// Reads the tokens of a remote; `http` is what an issuer is asked with.
    pub(super) fn read(
        folder: &Path,
        remote: &RemoteName,
        http: reqwest::Client,
    ) -> Result<Self, LoginError> {
        let path = folder.join("oidctokens").join(format!("{remote}.json"));
        let tokens = tokio::sync::Mutex::new(Tokens::read(&path)?);
        Ok(Self { path, http, tokens })
    }

    /// The access token.
    pub(super) async fn token(&self) -> Secret {
        self.tokens.lock().await.access()
    }

    /// Another access token than the one that was refused.
    pub(super) async fn renew(
        &self,
        issuer: &Issuer,
        refused: &Secret,
    ) -> Result<Secret, LoginError> {
        let mut tokens = self.tokens.lock().await;
        if tokens.access().reveal() != refused.reveal() {
            return Ok(tokens.access());
        }
        let _alone = self.alone().await?;
        *tokens = Tokens::read(&self.path)?;
        if tokens.access().reveal() != refused.reveal() {
            return Ok(tokens.access());
        }
        let renewed = self.ask(issuer, &tokens).await?;
        tokens.renew(renewed, Version::now().timestamp());
        // Whoever comes later may have to log in again; this run has what it needs.
        if let Err(error) = tokens.write(&self.path) {
            tracing::warn!(%error, "cannot store the renewed login in `{}`", self.path.display());
        }
        Ok(tokens.access())
    }

    /// Waits until no other process renews tokens.
    async fn alone(&self) -> Result<rustix::fd::OwnedFd, LoginError> {
        let failed = |cause: io::Error| LoginError::File {
            path: self.path.clone(),
            cause,
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty());
        let folder = folder.map_err(|error| failed(error.into()))?;
        let begun = std::time::Instant::now();
        loop {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(folder),
                Err(rustix::io::Errno::WOULDBLOCK) if begun.elapsed() < LOCK => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }

    async fn ask(&self, issuer: &Issuer, tokens: &Tokens) -> Result<Renewed, LoginError> {
        let refresh = tokens.text("refresh_token");
        if refresh.is_empty() {
            return Err(LoginError::RunOut);
        }
        let asked = async {
            check(&issuer.url, tokens.issuer())?;
            let described = format!(
                "{}/.well-known/openid-configuration",
                issuer.url.trim_end_matches('/')
            );
            let described = self.exchange(self.http.get(described)).await?;
            let text = |key| described.get(key).and_then(Value::as_str);
            if text("issuer") != Some(issuer.url.as_str()) {
                return Err(IssuerError::NotIssuer);
            }
            let endpoint = text("token_endpoint").ok_or(IssuerError::NotIssuer)?;
            if !is_protected(endpoint) {
                return Err(IssuerError::Insecure);
            }
            let form = format!(
                "grant_type=refresh_token&client_id={}&refresh_token={}",
                encode(&issuer.client),
                encode(refresh)
            );
            let request = self.http.post(endpoint).body(form).header(
                reqwest::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            );
            serde_json::from_value(self.exchange(request).await?)
                .map_err(|_| IssuerError::NotIssuer)
        };
        asked.await.map_err(|cause| LoginError::NotRenewed {
            issuer: issuer.url.clone(),
            cause,
        })
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Value, IssuerError> {
        let sent = request.timeout(ANSWER).send().await;
        let mut response = sent.map_err(|error| IssuerError::Lost(error.without_url()))?;
        let status = response.status();
        let mut bytes = Vec::new();
        let lost = |error: reqwest::Error| IssuerError::Lost(error.without_url());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if bytes.len() + chunk.len() > LIMIT {
                return Err(IssuerError::NotIssuer);
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        if status.is_success() {
            return answer.ok_or(IssuerError::NotIssuer);
        }
        let error = answer.as_ref().and_then(|it| it.get("error")?.as_str());
        Err(IssuerError::Refused {
            status: status.as_u16(),
            error: error.unwrap_or_default().escape_debug().to_string(),
        })
    }
}

/// Whether an issuer may be sent the refresh token of a login that came from `known`.
fn check(issuer: &str, known: Option<String>) -> Result<(), IssuerError> {
    if !is_protected(issuer) {
        return Err(IssuerError::Insecure);
    }
    match known {
        Some(known) if known.trim_end_matches('/') != issuer.trim_end_matches('/') => {
            Err(IssuerError::Another(known))
        }
        _ => Ok(()),
    }
}

/// Whether nobody can listen on the way to an address.
fn is_protected(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else {
        return false;
    };
    match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("https://id.example", None, true)]
    #[case("https://id.example", Some("https://id.example/"), true)]
    #[case("https://evil.example", Some("https://id.example"), false)]
    #[case("http://id.example", None, false)]
    #[case("http://127.0.0.1:8080", None, true)]
    #[case("file:///etc/passwd", None, false)]
    #[case("", None, false)]
    fn a_refresh_token_goes_to_whom_it_came_from_and_protected(
        #[case] issuer: &str,
        #[case] known: Option<&str>,
        #[case] goes: bool,
    ) {
        assert_eq!(check(issuer, known.map(str::to_owned)).is_ok(), goes);
    }

    #[test]
    fn what_is_renewed_leaves_the_rest_as_it_was() {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(br#"{"iss":"https://id.example"}"#);
        let mut tokens = Tokens(
            json!({ "access_token": "a", "refresh_token": "r", "expiry": "x",
            "IDToken": format!("h.{claims}.s"), "IDTokenClaims": { "sub": "me" } }),
        );
        assert_eq!(tokens.issuer().as_deref(), Some("https://id.example"));
        let renewed = json!({ "access_token": "b", "token_type": "Bearer", "expires_in": 60 });
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        tokens.renew(serde_json::from_value(renewed).unwrap(), now);
        assert_eq!(
            tokens.0,
            json!({ "access_token": "b", "refresh_token": "r", "expiry": "2026-01-02T03:05:05Z",
                "IDToken": format!("h.{claims}.s"), "IDTokenClaims": { "sub": "me" },
                "token_type": "Bearer" })
        );
        let renewed = json!({ "access_token": "c", "refresh_token": "s" });
        tokens.renew(serde_json::from_value(renewed).unwrap(), now);
        assert_eq!(tokens.text("refresh_token"), "s");
    }

    #[test]
    fn what_is_stored_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("far.json");
        fs::write(&path, "{}").unwrap();
        Tokens(json!({ "access_token": "a" })).write(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Tokens::read(&path).unwrap().access().reveal(), b"a");
        for wrong in ["", "{}", "[]", r#"{"access_token":""}"#] {
            fs::write(&path, wrong).unwrap();
            assert!(matches!(Tokens::read(&path), Err(LoginError::None { .. })));
        }
    }
}
