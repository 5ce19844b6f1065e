//! From a remote's name to a server that answers.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use super::client::{Client, ServerInfo};
use super::config::{Config, Remote};
use super::connect_error::ConnectError;
use super::login::Login;
use super::recent::Recent;
use super::tls;
use super::{Environment, Error};
use crate::model::{ProjectName, RemoteName, Sha256};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take to answer at all: it reads a whole upload, or prepares a whole export,
/// before it does (the Go client waits as long).
const ANSWER: Duration = Duration::from_secs(3600);

/// How long a connection may carry nothing before its other end is asked for a sign of life, and between
/// two such questions.
const LIFE: Duration = Duration::from_secs(15);
/// How long the other end may confirm nothing of what it was sent.
const DEAD: Duration = Duration::from_secs(60);

/// A UNIX socket, and whether it is that of `incus-user`.
struct Socket {
    path: PathBuf,
    of_user: bool,
}

impl Client {
    /// Connects to a remote and asks the server what it is.
    pub async fn connect(
        config: &Config,
        name: &RemoteName,
        environment: &Environment,
    ) -> Result<Self, ConnectError> {
        let remote = config.remote(name)?;
        if !remote.is_private() {
            return Err(ConnectError::NotPrivate(name.clone()));
        }
        let mut last = None;
        for address in remote.addresses() {
            let connected = match address.strip_prefix("unix:") {
                Some(rest) => unix(name, rest, environment).await,
                None => https(config, name, remote, address, environment).await,
            };
            match connected {
                Err(error @ ConnectError::Unreachable { .. }) => last = Some(error),
                result => return result,
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::Address {
            remote: name.clone(),
            address: remote.addr.clone(),
        }))
    }

    async fn greeted(mut self, name: &RemoteName, address: &str) -> Result<Self, ConnectError> {
        let remote = name.clone();
        let server = self.read_server().await.map_err(|cause| match cause {
            Error::Login { cause, .. } => ConnectError::Login {
                remote,
                cause: *cause,
            },
            cause => unreached(remote, address, cause),
        })?;
        if !server.trusted {
            return Err(ConnectError::Untrusted(name.clone()));
        }
        self.server = server;
        Ok(self)
    }
}

/// What it means that a server does not say what it is.
fn unreached(remote: RemoteName, address: &str, cause: Error) -> ConnectError {
    match &cause {
        Error::Transport { cause: inner, .. } if tls::is_about_certificates(inner) => {
            ConnectError::WrongCertificate { remote, cause }
        }
        Error::Transport { .. } | Error::Silent { .. } => ConnectError::Unreachable {
            remote,
            address: address.to_owned(),
            cause,
        },
        _ => ConnectError::NotIncus { remote, cause },
    }
}

/// A server that nothing is known of yet.
fn unknown() -> ServerInfo {
    ServerInfo {
        name: String::new(),
        version: String::new(),
        api_extensions: Vec::new(),
        certificate_fingerprint: Sha256([0; 32]),
        clustered: false,
        architectures: Vec::new(),
        trusted: false,
        administrator: false,
        method: String::new(),
    }
}

fn builder(tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT)
        .read_timeout(ANSWER)
        // The server closes idle connections after 30 s; one that it just closed must not be used.
        .pool_idle_timeout(Duration::from_secs(10))
        .redirect(Policy::none())
        .tls_backend_preconfigured(tls)
}

async fn unix(
    name: &RemoteName,
    rest: &str,
    environment: &Environment,
) -> Result<Client, ConnectError> {
    let given = rest.strip_prefix("//").unwrap_or(rest);
    let socket = find_socket(given, environment);
    probe(&socket.path)?;
    let tls = tls::none().map_err(|cause| ConnectError::Tls {
        remote: name.clone(),
        cause,
    })?;
    let http = builder(tls)
        .no_proxy()
        .unix_socket(socket.path.clone())
        .build();
    let address = socket.path.display().to_string();
    let http = http.map_err(|cause| unbuilt(name, &address, cause))?;
    let own = format!("user-{}", environment.uid);
    let own_project = if socket.of_user {
        own.parse().ok()
    } else {
        None
    };
    let client = Client {
        http,
        base: "http://incus".to_owned(),
        server: unknown(),
        own_project,
        throttle: None,
        login: None,
        recent: Recent::default(),
    };
    client.greeted(name, &address).await
}

/// Says plainly what is wrong with a socket, before a request only says that it failed.
fn probe(socket: &Path) -> Result<(), ConnectError> {
    match UnixStream::connect(socket) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            Err(ConnectError::Permission {
                socket: socket.to_owned(),
                cause,
            })
        }
        Err(cause) => Err(ConnectError::NotRunning {
            socket: socket.to_owned(),
            cause,
        }),
    }
}

/// Finds the daemon's socket as the client does (`ConnectIncusUnix`).
fn find_socket(given: &str, environment: &Environment) -> Socket {
    let admin = |path: PathBuf| Socket {
        path,
        of_user: false,
    };
    if !given.is_empty() {
        return admin(PathBuf::from(given));
    }
    if let Some(path) = &environment.incus_socket {
        return admin(path.clone());
    }
    let folder = environment.incus_dir.clone().unwrap_or_else(|| {
        let run = PathBuf::from("/run/incus");
        if run.join("unix.socket").symlink_metadata().is_ok() {
            run
        } else {
            PathBuf::from("/var/lib/incus")
        }
    });
    let socket = folder.join("unix.socket");
    let user = folder.join("unix.socket.user");
    let writable = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    if !writable(&socket) && writable(&user) {
        return Socket {
            path: user,
            of_user: true,
        };
    }
    admin(socket)
}

async fn https(
    config: &Config,
    name: &RemoteName,
    remote: &Remote,
    address: &str,
    environment: &Environment,
) -> Result<Client, ConnectError> {
    let base = address.trim_end_matches('/');
    if !base.starts_with("https://") || base.len() == "https://".len() {
        let address = address.to_owned();
        return Err(ConnectError::Address {
            remote: name.clone(),
            address,
        });
    }
    let tls =
        tls::of_remote(config, name, remote, environment).map_err(|cause| ConnectError::Tls {
            remote: name.clone(),
            cause,
        })?;
    let mut http = builder(tls)
        .no_proxy()
        // A network that is gone says nothing: else a wait for an answer would go on for an hour.
        .tcp_keepalive(LIFE)
        .tcp_keepalive_interval(LIFE)
        .tcp_keepalive_retries(3)
        .tcp_user_timeout(DEAD);
    http = proxied(http, environment).map_err(|cause| unbuilt(name, base, cause))?;
    let http = http.build().map_err(|cause| unbuilt(name, base, cause))?;
    let client = Client {
        http,
        base: base.to_owned(),
        server: unknown(),
        own_project: None,
        throttle: None,
        login: login(config, name, remote, environment)?.map(Arc::new),
        recent: Recent::default(),
    };
    client.greeted(name, base).await
}

/// Goes through the proxy that the environment names.
fn proxied(
    http: reqwest::ClientBuilder,
    environment: &Environment,
) -> reqwest::Result<reqwest::ClientBuilder> {
    let Some(proxy) = &environment.https_proxy else {
        return Ok(http);
    };
    let except = environment
        .no_proxy
        .as_deref()
        .and_then(reqwest::NoProxy::from_string);
    Ok(http.proxy(reqwest::Proxy::https(proxy)?.no_proxy(except)))
}

/// The login to a remote that wants one.
fn login(
    config: &Config,
    name: &RemoteName,
    remote: &Remote,
    environment: &Environment,
) -> Result<Option<Login>, ConnectError> {
    if remote.auth_type != "oidc" {
        return Ok(None);
    }
    let tls = tls::of_public().map_err(|cause| ConnectError::Tls {
        remote: name.clone(),
        cause,
    })?;
    let http =
        proxied(builder(tls).no_proxy(), environment).and_then(reqwest::ClientBuilder::build);
    let http = http.map_err(|cause| unbuilt(name, &remote.addr, cause))?;
    let folder = config.folder.clone().unwrap_or_default();
    let login = Login::read(&folder, name, http);
    login.map(Some).map_err(|cause| ConnectError::Login {
        remote: name.clone(),
        cause,
    })
}

fn unbuilt(name: &RemoteName, address: &str, cause: reqwest::Error) -> ConnectError {
    let cause = Error::Transport {
        action: "set the connection up".to_owned(),
        cause,
    };
    ConnectError::Unreachable {
        remote: name.clone(),
        address: address.to_owned(),
        cause,
    }
}

/// The project that is meant on a server where none was named.
impl Client {
    /// The named project, or that of the user's own socket, or `default`.
    pub fn project_or_own(&self, named: Option<ProjectName>) -> ProjectName {
        named
            .or_else(|| self.own_project.clone())
            .unwrap_or_else(ProjectName::default_project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_as_the_client_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |environment: &Environment, given: &str| find_socket(given, environment).path;
        let dir = Environment {
            incus_dir: Some(folder.path().to_owned()),
            ..Environment::default()
        };
        assert_eq!(at(&dir, ""), folder.path().join("unix.socket"));
        assert_eq!(at(&dir, "/given"), Path::new("/given"));
        let both = Environment {
            incus_socket: Some("/named".into()),
            ..dir.clone()
        };
        assert_eq!(at(&both, ""), Path::new("/named"));
        std::fs::write(folder.path().join("unix.socket.user"), "").unwrap();
        let socket = find_socket("", &dir);
        assert!(socket.of_user);
        assert_eq!(socket.path, folder.path().join("unix.socket.user"));
        std::fs::write(folder.path().join("unix.socket"), "").unwrap();
        assert!(!find_socket("", &dir).of_user);
    }

    #[test]
    fn a_daemon_that_does_not_run_is_told_by_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("unix.socket");
        let error = probe(&socket).unwrap_err();
        assert!(
            matches!(&error, ConnectError::NotRunning { .. }),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("INCUS_SOCKET"));
    }
}
