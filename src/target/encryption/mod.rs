//! Encryption of the files of a version, in the format of `age` (`age-encryption.org/v1`), which the
//! `age` command reads and writes too.
//!
//! Files are encrypted to *recipients*, which are no secrets, and decrypted with *identities*, which
//! are: whoever only makes backups needs none. Recipients and identities of kinds that are not
//! built in are the matter of programs called `age-plugin-NAME`.
//!
//! # Design
//!
//! Every file is one of `age`'s own, with a key of its own, so that a version can be opened with
//! nothing but `age` and `tar`. Each chunk of 64 KiB is authenticated when it is read, and so is the end;
//! that a file is of this version is for the checksums to say. Nothing is signed: who may write to a
//! target may put other backups into it.

mod identities;
mod prompt;
mod recipients;
mod sealed;

pub use identities::{Identities, UnusableIdentity};
pub use prompt::{AskHolder, Nobody};
pub use recipients::{InvalidRecipient, Recipients};
pub(super) use sealed::{NotOpened, Placed, begin, opened};

/// What the name of an encrypted file ends in.
pub const ENDING: &str = ".age";
/// What a manifest calls this encryption.
pub(super) const NAME: &str = "age";

/// What the files of a target are encrypted to, and decrypted with.
#[derive(Debug, Clone, Default)]
pub struct Encryption {
    /// To whom; nothing means that files are written as they are.
    pub recipients: Option<Recipients>,
    /// With which keys.
    pub identities: Identities,
}
