//! What can go wrong between this program and a server.

use super::login::LoginError;
use super::operation::OperationError;
use super::tls;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an error.
    #[error("the server refused to {action}: {message}")]
    Refused {
        /// What was asked.
        action: String,
        /// The HTTP status.
        code: u16,
        /// The server's own words.
        message: String,
    },
    /// The request or its answer got lost.
    #[error("the connection failed while trying to {action}")]
    Transport {
        /// What was asked.
        action: String,
        /// Why.
        #[source]
        cause: reqwest::Error,
    },
    /// The connection stands, and nothing comes.
    #[error("nothing came for {seconds} seconds while trying to {action}")]
    Silent {
        /// What was asked.
        action: String,
        /// For how long.
        seconds: u64,
    },
    /// The server answered with something that is not its API.
    #[error("the server's answer to {action} cannot be understood")]
    Protocol {
        /// What was asked.
        action: String,
        /// Why.
        #[source]
        cause: Option<serde_json::Error>,
    },
    /// The login has run out, and is not renewed.
    #[error("the login does not let this client {action}")]
    Login {
        /// What was asked.
        action: String,
        /// Why.
        #[source]
        cause: Box<LoginError>,
    },
    /// A quick operation failed.
    #[error("{0}")]
    Operation(#[from] Box<OperationError>),
}

/// Whether nobody listens at the address.
fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |inner| (*inner).source()).any(|inner| {
        let io: Option<&std::io::Error> = inner.downcast_ref();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

impl Error {
    /// Whether the thing that was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether this client lacks the right. 6.0 has the code 500 for some of it.
    pub fn is_forbidden(&self) -> bool {
        const WORDS: [&str; 2] = ["Certificate is restricted", "User does not have permission"];
        match self {
            Self::Refused { code: 403, .. } => true,
            Self::Refused {
                code: 500, message, ..
            } => WORDS.iter().any(|words| message.starts_with(words)),
            _ => false,
        }
    }

    /// Whether what was to be changed has been changed by somebody else since it was read.
    pub fn is_crossed(&self) -> bool {
        matches!(self, Self::Refused { code: 412, .. })
    }

    /// Whether the server may answer the same request soon.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Transport { cause, .. } => !tls::is_about_certificates(cause),
            Self::Silent { .. } => true,
            _ => self.is_not_now(),
        }
    }

    /// Whether the connection broke, and not because nobody answered in time.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            Self::Transport { cause, .. } => {
                self.is_passing() && !cause.is_timeout() && !is_refused(cause)
            }
            _ => false,
        }
    }

    /// Whether the server said that it did not do it, and may soon: then also what may not be done twice
    /// can be asked for again. It has no codes but for the first.
    pub(super) fn is_not_now(&self) -> bool {
        const NOT_NOW: [&str; 3] = [
            "database is locked",
            "checkpoint in progress",
            "bad connection",
        ];
        match self {
            Self::Refused { code: 503, .. } => true,
            Self::Refused {
                code: 500, message, ..
            } => NOT_NOW.iter().any(|text| message.contains(text)),
            _ => false,
        }
    }
}
