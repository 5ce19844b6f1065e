//! `notifications`: who is told how a run ended, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Why a notification cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotification {
    /// It says how in no way, or in several.
    #[error("it needs one of `webhook`, `command` and `ping`")]
    Channel,
    /// The command is empty.
    #[error("its command names no program")]
    Command,
    /// A ping has headers.
    #[error("a ping has no headers")]
    PingHeaders,
    /// A header is none, or would become several.
    #[error("`{0}` is no header, or has no value of one line")]
    Header(String),
    /// A value is named in no way, or in several.
    #[error("`{0}` needs a text, or one of `file` and `environment`")]
    Value(String),
    /// A secret stands in the settings, which others may read.
    #[error(
        "`{0}` holds a secret; put it into a file and write `{{ file: /path }}`, or into a variable \
         and write `{{ environment: NAME }}`"
    )]
    Secret(String),
    /// An address is not one of HTTP.
    #[error("`{0}` does not begin with https:// or http://")]
    Address(&'static str),
}

/// Which ends of runs are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// Every exit status but 0.
    Failure,
    /// Exit status 0.
    Success,
    /// All.
    Always,
}

/// A text, or where it is. It may be a secret, and so is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Hidden {
    /// The text itself.
    Text(String),
    /// The file that holds it.
    File(PathBuf),
    /// The environment variable that holds it.
    Environment(String),
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
        }
    }
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// The summary as JSON, by `POST`.
    Webhook {
        /// Where to.
        url: Hidden,
        /// What is sent along.
        headers: BTreeMap<String, Hidden>,
    },
    /// The summary as text, on the standard input of a program.
    Command {
        /// The program and its arguments.
        arguments: Vec<String>,
        /// Lines that stand before the summary, as in an e-mail.
        headers: BTreeMap<String, String>,
    },
    /// An address that is called as those of healthchecks.io are: `/start`, nothing, `/fail`.
    Ping {
        /// Which.
        url: Hidden,
    },
}

/// One way in which somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// How.
    pub channel: Channel,
    /// When.
    pub on: Occasion,
}

/// A notification as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entry {
    webhook: Option<Value>,
    command: Option<Vec<String>>,
    ping: Option<Value>,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    on: Option<Occasion>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Elsewhere(Elsewhere),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    file: Option<PathBuf>,
    environment: Option<String>,
}

impl Entry {
    /// Understands it.
    pub(super) fn notification(self) -> Result<Notification, InvalidNotification> {
        let Self {
            webhook,
            command,
            ping,
            headers,
            on,
        } = self;
        let (channel, usual) = match (webhook, command, ping) {
            (Some(url), None, None) => (webhook_of(url, headers)?, Occasion::Failure),
            (None, Some(arguments), None) => (command_of(arguments, headers)?, Occasion::Failure),
            // That it is not called is what tells of a machine that is down.
            (None, None, Some(url)) if headers.is_empty() => {
                let url = address("ping", url)?;
                (Channel::Ping { url }, Occasion::Always)
            }
            (None, None, Some(_)) => return Err(InvalidNotification::PingHeaders),
            _ => return Err(InvalidNotification::Channel),
        };
        Ok(Notification {
            channel,
            on: on.unwrap_or(usual),
        })
    }
}

fn webhook_of(
    url: Value,
    headers: BTreeMap<String, Value>,
) -> Result<Channel, InvalidNotification> {
    let url = address("webhook", url)?;
    let header = |(name, value): (String, Value)| {
        let value = hidden(&name, value)?;
        match &value {
            Hidden::Text(text) if !is_header(&name, text) => Err(InvalidNotification::Header(name)),
            Hidden::Text(_) if is_secret(&name) => Err(InvalidNotification::Secret(name)),
            _ => Ok((name, value)),
        }
    };
    let headers: Result<_, InvalidNotification> = headers.into_iter().map(header).collect();
    let headers = headers?;
    Ok(Channel::Webhook { url, headers })
}

fn command_of(
    arguments: Vec<String>,
    headers: BTreeMap<String, Value>,
) -> Result<Channel, InvalidNotification> {
    if arguments.first().is_none_or(String::is_empty) {
        return Err(InvalidNotification::Command);
    }
    let header = |(name, value): (String, Value)| match value {
        Value::Text(text) if is_header(&name, &text) => Ok((name, text)),
        _ => Err(InvalidNotification::Header(name)),
    };
    let headers: Result<_, InvalidNotification> = headers.into_iter().map(header).collect();
    Ok(Channel::Command {
        arguments,
        headers: headers?,
    })
}

fn address(key: &'static str, value: Value) -> Result<Hidden, InvalidNotification> {
    let value = hidden(key, value)?;
    let Hidden::Text(text) = &value else {
        return Ok(value);
    };
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    match host {
        None | Some("") => Err(InvalidNotification::Address(key)),
        Some(host) if host.contains('@') => Err(InvalidNotification::Secret(key.to_owned())),
        Some(_) => Ok(value),
    }
}

fn hidden(key: &str, value: Value) -> Result<Hidden, InvalidNotification> {
    match value {
        Value::Text(text) => Ok(Hidden::Text(text)),
        Value::Elsewhere(Elsewhere {
            file: Some(file),
            environment: None,
        }) => Ok(Hidden::File(file)),
        Value::Elsewhere(Elsewhere {
            file: None,
            environment: Some(name),
        }) => Ok(Hidden::Environment(name)),
        Value::Elsewhere(_) => Err(InvalidNotification::Value(key.to_owned())),
    }
}

/// Whether it can be sent as one line (RFC 9110, 5.6.2; RFC 5322, 2.2 is wider).
fn is_header(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_token)
        && !value.trim().is_empty()
        && !value.contains(char::is_control)
}

/// Whether a header of this name is one by which a client is known.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["auth", "cookie", "key", "password", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::yaml::{self, Aliases};

    fn notification(text: &str) -> Result<Notification, InvalidNotification> {
        let entry: Entry = yaml::parse(text.as_bytes(), Aliases::Few).unwrap();
        entry.notification()
    }

    #[test]
    fn a_failure_is_told_to_people_and_everything_to_what_waits_for_a_call() {
        let webhook = notification("webhook: 'https://h.example/x'").unwrap();
        assert_eq!(webhook.on, Occasion::Failure);
        let mail = notification("{ command: [mail, root], on: always }").unwrap();
        assert_eq!(mail.on, Occasion::Always);
        let arguments = vec!["mail".to_owned(), "root".to_owned()];
        let headers = BTreeMap::new();
        assert_eq!(mail.channel, Channel::Command { arguments, headers });
        let ping = notification("ping: { file: /etc/ping.url }").unwrap();
        assert_eq!(ping.on, Occasion::Always);
        let url = Hidden::File("/etc/ping.url".into());
        assert_eq!(ping.channel, Channel::Ping { url });
    }

    #[test]
    fn a_secret_comes_from_a_file_or_the_environment() {
        let text = "webhook: { environment: HOOK }\n\
                    headers: { Authorization: { file: /etc/t }, X-From: incus }";
        let Channel::Webhook { url, headers } = notification(text).unwrap().channel else {
            panic!("it is a webhook");
        };
        assert_eq!(url, Hidden::Environment("HOOK".to_owned()));
        assert_eq!(headers["Authorization"], Hidden::File("/etc/t".into()));
        assert_eq!(headers["X-From"], Hidden::Text("incus".to_owned()));
    }

    #[rstest]
    #[case("on: always", "it needs one of `webhook`, `command` and `ping`")]
    #[case("{ webhook: 'https://h', command: [mail] }", "it needs one of")]
    #[case("command: []", "its command names no program")]
    #[case("command: ['']", "its command names no program")]
    #[case("{ ping: 'https://h', headers: { A: b } }", "a ping has no headers")]
    #[case("webhook: 'ftp://h/'", "`webhook` does not begin with https://")]
    #[case("ping: 'https:///x'", "`ping` does not begin with https://")]
    #[case("ping: {}", "`ping` needs a text, or one of")]
    #[case("ping: { file: /a, environment: B }", "`ping` needs a text, or one of")]
    #[case("webhook: 'https://me:word@h/'", "`webhook` holds a secret")]
    #[case(
        "{ webhook: 'https://h', headers: { authorization: x } }",
        "`authorization` holds a secret"
    )]
    #[case(
        "{ webhook: 'https://h', headers: { X-Api-Key: x } }",
        "`X-Api-Key` holds"
    )]
    #[case(
        "{ webhook: 'https://h', headers: { 'a b': x } }",
        "`a b` is no header"
    )]
    #[case(
        "{ webhook: 'https://h', headers: { A: \"x\\ny\" } }",
        "`A` is no header"
    )]
    #[case(
        "{ command: [sendmail], headers: { To: \"a\\nBcc: b\" } }",
        "`To` is no header"
    )]
    #[case(
        "{ command: [sendmail], headers: { To: { file: /a } } }",
        "`To` is no header"
    )]
    fn what_cannot_be_meant_is_refused(#[case] text: &str, #[case] message: &str) {
        let error = notification(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }

    #[test]
    fn an_address_is_not_shown() {
        let text = "{ webhook: 'https://h.example/s3cret', headers: { A: s3cret } }";
        let shown = format!("{:?}", notification(text).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
