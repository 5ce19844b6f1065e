//! What can be wrong with an archive.

use std::io;

/// Why an archive is not a complete export.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A block that should be a header is none.
    #[error("the tar is damaged at byte {offset}: {reason}")]
    Header {
        /// Where the block begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It ends too early.
    #[error("the tar ends too early, after {0} bytes")]
    Truncated(u64),
    /// Something follows its end.
    #[error("something follows the end of the tar")]
    Trailing,
    /// The server gave up in the middle and said why.
    #[error("the server broke the export off: {0}")]
    Server(String),
    /// A member's name leads elsewhere.
    #[error("member `{0}` has a name that an export does not have")]
    Name(String),
    /// A link leads elsewhere.
    #[error("member `{name}` is a link to `{target}`, which is not in the same volume")]
    Link {
        /// The member.
        name: String,
        /// Where it leads.
        target: String,
    },
    /// A hard link leads to nothing.
    #[error("member `{name}` is a hard link to `{target}`, which has not been there")]
    Dangling {
        /// The member.
        name: String,
        /// Where it leads.
        target: String,
    },
    /// The first member is not what it should be.
    #[error("the first member is `{0}`, not `backup/index.yaml`")]
    NoIndex(String),
    /// A document stands there twice.
    #[error("member `{0}` is there twice")]
    Twice(&'static str),
    /// A document is larger than a server takes.
    #[error("`{name}` is {size} bytes large, and at most 1 MiB is allowed")]
    DocumentSize {
        /// Which.
        name: &'static str,
        /// How large.
        size: u64,
    },
    /// A document is not YAML.
    #[error("`{name}` cannot be understood")]
    Document {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        cause: serde_yaml::Error,
    },
    /// A document lacks something.
    #[error("`{name}` has no usable `{key}`")]
    Key {
        /// Which.
        name: &'static str,
        /// What.
        key: &'static str,
    },
    /// A document cannot be written again.
    #[error("`{name}` cannot be rewritten")]
    Rewrite {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the index promises is not there.
    #[error("the index promises `{0}`, which is not in the tar")]
    Missing(String),
    /// An image of a disk has nothing in it.
    #[error("`{0}` is empty")]
    Empty(String),
    /// The two descriptions differ.
    #[error("`backup.yaml` and `index.yaml` describe the instance differently")]
    Differs,
    /// It is compressed in a way that is not undone here.
    #[error("it is compressed with {0}, which this program does not read")]
    Packing(&'static str),
    /// Its compression is damaged.
    #[error("its compression is damaged")]
    Unpack(#[source] io::Error),
    /// What comes out of it could not be written.
    #[error("cannot write")]
    Write(#[source] io::Error),
}

impl ArchiveError {
    /// The error of an archive inside an error of [`Write`](io::Write), or the error itself.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Write(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
