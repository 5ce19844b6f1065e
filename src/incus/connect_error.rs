//! Why there is no connection, and what the user can do about it.

use std::io;
use std::path::PathBuf;

use super::Error;
use super::config::ConfigError;
use super::keys::PasswordError;
use super::login::LoginError;
use super::tls::TlsError;
use crate::model::RemoteName;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration lacks it, or cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// It serves images to everybody.
    #[error("the remote `{0}` is not a private server: it has images only")]
    NotPrivate(RemoteName),
    /// It has no address, or one that is none.
    #[error("the remote `{remote}` has no usable address: `{address}`")]
    Address {
        /// The remote.
        remote: RemoteName,
        /// What stands there.
        address: String,
    },
    /// Nobody listens on the socket.
    #[error("no Incus daemon answers on `{}`", socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The socket is not for this user.
    #[error("no permission to use `{}`", socket.display())]
    Permission {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error("cannot connect to the remote `{remote}`")]
    Tls {
        /// The remote.
        remote: RemoteName,
        /// Why.
        #[source]
        cause: TlsError,
    },
    /// There is no login that the server takes.
    #[error("cannot log in to the remote `{remote}`")]
    Login {
        /// The remote.
        remote: RemoteName,
        /// Why.
        #[source]
        cause: LoginError,
    },
    /// The server is not the one that it should be.
    #[error("the certificate of the remote `{remote}` is not the one that is trusted")]
    WrongCertificate {
        /// The remote.
        remote: RemoteName,
        /// Why.
        #[source]
        cause: Error,
    },
    /// Nobody answers there.
    #[error("cannot reach the remote `{remote}` at {address}")]
    Unreachable {
        /// The remote.
        remote: RemoteName,
        /// The last address that was tried.
        address: String,
        /// Why.
        #[source]
        cause: Error,
    },
    /// The server does not know this client.
    #[error("the remote `{0}` does not trust this client")]
    Untrusted(RemoteName),
    /// It answers, but not as Incus does.
    #[error("the remote `{remote}` does not answer as Incus does")]
    NotIncus {
        /// The remote.
        remote: RemoteName,
        /// Why.
        #[source]
        cause: Error,
    },
}

impl ConnectError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(ConfigError::NoRemote(_)) => {
                Some("`incus remote list` shows the remotes".to_owned())
            }
            Self::NotRunning { .. } => Some(
                "start it (`systemctl start incus`), or say where it is with INCUS_SOCKET or \
                 INCUS_DIR"
                    .to_owned(),
            ),
            Self::Permission { .. } => {
                Some("be root, or a member of the group `incus-admin`".to_owned())
            }
            Self::Tls {
                cause: TlsError::NoClientCertificate { .. },
                remote,
            } => Some(format!(
                "`incus remote add {remote} …` or `incus remote generate-certificate` makes one"
            )),
            Self::Login { remote, .. } => Some(LoginError::hint(remote.as_str())),
            Self::Tls { cause, remote } => tls_hint(cause, remote),
            Self::WrongCertificate { remote, .. } => Some(format!(
                "if the server was set up anew, add it again: incus remote remove {remote}; incus \
                 remote add {remote} …"
            )),
            Self::Untrusted(remote) => Some(format!(
                "on the server, `incus config trust add NAME` gives a token for `incus remote add \
                 {remote} TOKEN`"
            )),
            Self::Unreachable { .. } => {
                Some("is the server up, and its `core.https_address` set?".to_owned())
            }
            _ => None,
        }
    }
}

fn tls_hint(error: &TlsError, remote: &RemoteName) -> Option<String> {
    match error {
        TlsError::Password {
            cause: PasswordError::NoTerminal,
            ..
        } => Some(format!(
            "run it on a terminal; what runs without one needs a key without a password, which \
             `clientcerts/{remote}.crt` and `clientcerts/{remote}.key` may hold for this remote alone"
        )),
        TlsError::Password { .. } => Some("run it again, and give its password".to_owned()),
        TlsError::Protection { how, .. } if how.starts_with("OpenSSH's kind") => {
            Some("use a key of ECDSA (P-256 or P-384), Ed25519 or RSA".to_owned())
        }
        TlsError::Protection { path, how } if how.starts_with("OpenSSH") => Some(format!(
            "`ssh-keygen -p -Z aes256-ctr -f {}` writes it anew",
            path.display()
        )),
        TlsError::Protection { path, .. } => Some(format!(
            "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in {} -out NEW` writes it anew",
            path.display()
        )),
        _ => None,
    }
}
