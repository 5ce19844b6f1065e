//! Keys of age, for tests.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::missing_panics_doc, reason = "tests")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use tempfile::NamedTempFile;

use crate::target::{Encryption, Identities, Nobody, Recipients};

/// A new key in a file of its own, as `age-keygen` writes it.
#[derive(Debug)]
pub struct KeyFile {
    file: NamedTempFile,
    recipient: String,
}

impl Default for KeyFile {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyFile {
    /// Makes one.
    pub fn new() -> Self {
        let key = x25519::Identity::generate();
        let recipient = key.to_public().to_string();
        let mut file = NamedTempFile::new().unwrap();
        writeln!(file, "# public key: {recipient}").unwrap();
        writeln!(file, "{}", key.to_string().expose_secret()).unwrap();
        Self { file, recipient }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, as an argument.
    pub fn text(&self) -> &str {
        self.path().to_str().unwrap()
    }

    /// Whose key it is.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// The key alone.
    pub fn identities(&self) -> Identities {
        Identities::new(vec![self.path().to_owned()], Arc::new(Nobody))
    }

    /// Its owner alone.
    pub fn recipients(&self) -> Recipients {
        let texts = [self.recipient.clone()];
        Recipients::parse(&texts, Arc::new(Nobody))
            .unwrap()
            .unwrap()
    }

    /// What is encrypted to its owner and decrypted with it.
    pub fn encryption(&self) -> Encryption {
        Encryption {
            recipients: Some(self.recipients()),
            identities: self.identities(),
        }
    }
}
