//! What can go wrong between this program and a server.

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
    /// The server answered with something that is not its API.
    #[error("the server's answer to {action} cannot be understood")]
    Protocol {
        /// What was asked.
        action: String,
        /// Why.
        #[source]
        cause: Option<serde_json::Error>,
    },
    /// A quick operation failed.
    #[error("{0}")]
    Operation(#[from] Box<OperationError>),
}

impl Error {
    /// Whether the thing that was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether what was to be changed has been changed by somebody else since it was read.
    pub fn is_crossed(&self) -> bool {
        matches!(self, Self::Refused { code: 412, .. })
    }

    /// Whether the server may answer the same request soon.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == 503,
            Self::Transport { cause, .. } => {
                !cause.is_body() && !cause.is_decode() && !tls::is_about_certificates(cause)
            }
            _ => false,
        }
    }
}
