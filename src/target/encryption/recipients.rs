//! Whom files are encrypted to.

use std::collections::BTreeSet;
use std::sync::Arc;

use age::plugin::{self, RecipientPluginV1};
use age::{Encryptor, NoCallbacks, Recipient, tag, tagpq, x25519};

use super::prompt::{AskHolder, Holder};

/// A text that nothing can be encrypted to. A secret key is never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipient {
    /// It is a secret.
    #[error(
        "a secret key was given as a recipient, and is not repeated here: give the public key that \
         belongs to it, which `age-keygen -y` prints"
    )]
    Secret,
    /// It is no recipient.
    #[error("`{0}` is not a recipient of age, as `age-keygen` prints them: age1…")]
    Malformed(String),
    /// What understands it is not there.
    #[error(
        "recipient `{recipient}` needs the program `age-plugin-{plugin}`, which is not installed"
    )]
    NoPlugin {
        /// The recipient.
        recipient: String,
        /// The name of the plugin.
        plugin: String,
    },
    /// They are of kinds that do not go together.
    #[error("these recipients cannot be used together: {0}")]
    Together(String),
}

/// Whom files are encrypted to: at least one, all of them valid.
#[derive(Debug, Clone)]
pub struct Recipients {
    texts: Vec<String>,
    holder: Holder,
}

/// One recipient.
enum Parsed {
    Native(Box<dyn Recipient>),
    Plugin(plugin::Recipient),
}

impl Recipients {
    /// Reads recipients; none of them is nothing. What plugins need is asked of `holder`.
    pub fn parse(
        texts: &[String],
        holder: Arc<dyn AskHolder>,
    ) -> Result<Option<Self>, InvalidRecipient> {
        let texts: Vec<String> = texts.iter().map(|text| text.trim().to_owned()).collect();
        // First of all of them: the others' errors repeat what was given.
        if texts.iter().any(|text| is_secret(text)) {
            return Err(InvalidRecipient::Secret);
        }
        let mut native = Vec::new();
        for text in &texts {
            match parse(text)? {
                Parsed::Native(recipient) => native.push(recipient),
                Parsed::Plugin(recipient) => is_installed(&recipient)?,
            }
        }
        if texts.is_empty() {
            return Ok(None);
        }
        if !native.is_empty() {
            Encryptor::with_recipients(native.iter().map(|recipient| &**recipient as _))
                .map_err(|error| InvalidRecipient::Together(first_line(&error)))?;
        }
        let holder = Holder(holder);
        Ok(Some(Self { texts, holder }))
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// Prepares the encryption of one file.
    pub(super) fn encryptor(&self) -> Result<Encryptor, String> {
        let mut recipients: Vec<Box<dyn Recipient>> = Vec::new();
        let mut plugins: Vec<plugin::Recipient> = Vec::new();
        for text in &self.texts {
            match parse(text).map_err(|error| error.to_string())? {
                Parsed::Native(recipient) => recipients.push(recipient),
                Parsed::Plugin(recipient) => plugins.push(recipient),
            }
        }
        let names: BTreeSet<&str> = plugins.iter().map(plugin::Recipient::plugin).collect();
        for name in names {
            let plugin = RecipientPluginV1::new(name, &plugins, &[], self.holder.clone());
            recipients.push(Box::new(plugin.map_err(|error| first_line(&error))?));
        }
        Encryptor::with_recipients(recipients.iter().map(|recipient| &**recipient as _))
            .map_err(|error| first_line(&error))
    }
}

/// Whether a text looks as if it held a secret key, however it is written.
fn is_secret(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    text.contains("SECRET-KEY") || text.contains("AGE-PLUGIN-") || text.contains("PRIVATE KEY")
}

fn parse(text: &str) -> Result<Parsed, InvalidRecipient> {
    if let Ok(recipient) = text.parse::<x25519::Recipient>() {
        return Ok(Parsed::Native(Box::new(recipient)));
    }
    if let Ok(recipient) = text.parse::<tag::Recipient>() {
        return Ok(Parsed::Native(Box::new(recipient)));
    }
    if let Ok(recipient) = text.parse::<tagpq::Recipient>() {
        return Ok(Parsed::Native(Box::new(recipient)));
    }
    let plugin = text.parse::<plugin::Recipient>();
    plugin
        .map(Parsed::Plugin)
        .map_err(|_| InvalidRecipient::Malformed(text.to_owned()))
}

fn is_installed(recipient: &plugin::Recipient) -> Result<(), InvalidRecipient> {
    match RecipientPluginV1::new(recipient.plugin(), &[], &[], NoCallbacks) {
        Ok(_) => Ok(()),
        Err(_) => Err(InvalidRecipient::NoPlugin {
            recipient: recipient.to_string(),
            plugin: recipient.plugin().to_owned(),
        }),
    }
}

/// What the library says, without the advice that follows in lines of their own.
pub(super) fn first_line(error: &impl std::fmt::Display) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;
    use rstest::rstest;

    use super::super::Nobody;
    use super::*;

    fn parsed(texts: &[&str]) -> Result<Option<Recipients>, InvalidRecipient> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        Recipients::parse(&texts, Arc::new(Nobody))
    }

    #[test]
    fn recipients_are_counted_and_none_is_nothing() {
        let key = x25519::Identity::generate().to_public().to_string();
        assert_eq!(parsed(&[&key, &key]).unwrap().unwrap().count(), 2);
        assert!(parsed(&[]).unwrap().is_none());
    }

    #[rstest]
    #[case("")]
    #[case("age1")]
    #[case("age1qqqq")]
    #[case("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA")]
    fn what_is_no_recipient_is_named(#[case] text: &str) {
        let wrong = InvalidRecipient::Malformed(text.to_owned());
        assert_eq!(parsed(&[text]).unwrap_err(), wrong);
    }

    #[test]
    fn a_secret_key_is_refused_and_never_repeated() {
        let key = x25519::Identity::generate();
        let secret = key.to_string().expose_secret().to_owned();
        let forms = [
            secret.clone(),
            secret.to_lowercase(),
            format!(" {secret}\n"),
            format!("key={secret}"),
            format!("{secret}x"),
        ];
        for form in forms {
            // Another one that is wrong as well does not bring it to light.
            let error = parsed(&["nonsense", &form]).unwrap_err();
            let shown = format!("{error} {error:?}").to_lowercase();
            assert_eq!(error, InvalidRecipient::Secret);
            assert!(!shown.contains(&secret.to_lowercase()[..24]), "{shown}");
        }
    }

    #[test]
    fn a_recipient_of_a_plugin_that_is_not_there_names_the_program() {
        let text = "age1foobar1dehhggr5dpjhyeg2uxevd";
        let missing = InvalidRecipient::NoPlugin {
            recipient: text.to_owned(),
            plugin: "foobar".to_owned(),
        };
        assert_eq!(parsed(&[text]).unwrap_err(), missing);
    }
}
