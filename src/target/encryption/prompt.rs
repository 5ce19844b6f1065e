//! Who is asked while keys are used.

use std::fmt;
use std::sync::Arc;

use age::secrecy::SecretString;

use crate::model::Secret;

/// Somebody who holds keys, and can be asked about them.
pub trait AskHolder: Send + Sync + fmt::Debug {
    /// Shows what is to be done, such as touching a token.
    fn show(&self, message: &str);

    /// Asks for one of two answers; nothing where nobody can be asked.
    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// Asks for what everybody may see; nothing where nobody can be asked.
    fn text(&self, question: &str) -> Option<String>;

    /// Asks for a passphrase or a PIN; nothing where nobody can be asked.
    fn passphrase(&self, question: &str) -> Option<Secret>;
}

/// Nobody is there.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl AskHolder for Nobody {
    fn show(&self, _message: &str) {}

    fn confirm(&self, _message: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    fn text(&self, _question: &str) -> Option<String> {
        None
    }

    fn passphrase(&self, _question: &str) -> Option<Secret> {
        None
    }
}

/// Hands on what the library and its plugins ask.
#[derive(Debug, Clone)]
pub(super) struct Holder(pub(super) Arc<dyn AskHolder>);

impl Default for Holder {
    fn default() -> Self {
        Self(Arc::new(Nobody))
    }
}

impl age::Callbacks for Holder {
    fn display_message(&self, message: &str) {
        self.0.show(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes, no)
    }

    fn request_public_string(&self, question: &str) -> Option<String> {
        self.0.text(question)
    }

    fn request_passphrase(&self, question: &str) -> Option<SecretString> {
        let answer = self.0.passphrase(question)?;
        let text = std::str::from_utf8(answer.reveal()).ok()?;
        Some(SecretString::from(text.to_owned()))
    }
}
