//! Why somebody is not told.

use std::io;
use std::path::PathBuf;

/// Why somebody is not told. No address is in it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The file of a secret cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file or variable says nothing.
    #[error("`{0}` is empty or not set")]
    Empty(String),
    /// An address is none.
    #[error("its address does not begin with https:// or http://, or is none")]
    Address,
    /// A header cannot be sent.
    #[error("the value of header `{0}` is not one line of text")]
    Header(String),
    /// TLS cannot be set up.
    #[error("cannot set TLS up")]
    Tls(#[from] rustls::Error),
    /// No authority is known.
    #[error("this machine has no root certificates; the package `ca-certificates` brings them")]
    NoRoots,
    /// The address does not answer.
    #[error("it gives no answer")]
    Transport(#[source] reqwest::Error),
    /// The answer is not what it should be.
    #[error("it answers {0}")]
    Status(reqwest::StatusCode),
    /// The program does not start.
    #[error("cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The program failed.
    #[error("`{program}` failed ({status}){said}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said, with a colon before.
        said: String,
    },
    /// It took too long.
    #[error("it takes more than {0} s")]
    Late(u64),
}

impl From<reqwest::Error> for NotifyError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url())
    }
}
