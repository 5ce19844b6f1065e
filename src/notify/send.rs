//! Everybody who is to be told, at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Serialize;

use super::error::NotifyError;
use super::http::{self, Call};
use super::{Ending, Letter, command};
use crate::settings::{Channel, Hidden, Notification, Occasion};

/// How large the file of a secret may be.
const LARGEST: u64 = 64 * 1024;

/// What telling needs of the process.
#[derive(Debug, Clone)]
pub struct Means {
    /// How long each may take.
    pub patience: Duration,
    /// Reads a variable of the environment.
    pub variable: fn(&str) -> Option<String>,
    /// `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
}

/// What is told.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// A run begins, which is told only to what waits for its end.
    Begun,
    /// A run ended; or everybody is told, as a test.
    Ended(&'a Letter),
}

/// In which way somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// JSON by HTTP.
    Webhook,
    /// A program.
    Command,
    /// A call of an address.
    Ping,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Webhook => "webhook",
            Self::Command => "command",
            Self::Ping => "ping",
        })
    }
}

/// Whether somebody was told.
#[derive(Debug)]
pub struct Told {
    /// The name of the notification.
    pub name: String,
    /// In which way.
    pub way: Way,
    /// Who: the host of an address, or a program; nothing where that is not known.
    pub to: Option<String>,
    /// How long it took.
    pub duration: Duration,
    /// Whether it was.
    pub result: Result<(), NotifyError>,
}

/// Tells everybody who is to be told of that; gives those who were meant, in the order of their names.
pub async fn tell(
    notifications: &BTreeMap<String, Notification>,
    news: News<'_>,
    means: &Means,
) -> Vec<Told> {
    let those = notifications
        .iter()
        .filter(|(_, notification)| is_meant(notification, news));
    join_all(those.map(|(name, it)| tell_one((name, &it.channel), news, means))).await
}

fn is_meant(notification: &Notification, news: News<'_>) -> bool {
    let Notification { channel, on } = notification;
    match (news, on) {
        (News::Begun, Occasion::Always) => matches!(channel, Channel::Ping { .. }),
        (News::Begun, _) => false,
        (News::Ended(_), Occasion::Always) => true,
        (News::Ended(letter), on) => {
            let status = letter.summary.status;
            status == Ending::Test || status.is_good() == (*on == Occasion::Success)
        }
    }
}

async fn tell_one((name, channel): (&str, &Channel), news: News<'_>, means: &Means) -> Told {
    let begun = Instant::now();
    let mut to = None;
    let telling = async {
        match channel {
            Channel::Webhook { url, headers } => {
                let url = address(url, means, &mut to)?;
                let headers = headers_of(headers, means)?;
                match news {
                    News::Begun => Ok(()),
                    News::Ended(letter) => http::webhook(url, headers, &letter.json(), means).await,
                }
            }
            Channel::Command { arguments, headers } => {
                to = arguments.first().cloned();
                match news {
                    News::Begun => Ok(()),
                    News::Ended(letter) => {
                        let input = command::input(headers, letter);
                        command::run(arguments, &input, letter).await
                    }
                }
            }
            Channel::Ping { url } => {
                let url = address(url, means, &mut to)?;
                let (call, text) = match news {
                    News::Begun => (Call::Start, ""),
                    News::Ended(letter) if letter.summary.status.is_good() => {
                        (Call::Success, letter.text.as_str())
                    }
                    News::Ended(letter) => (Call::Fail, letter.text.as_str()),
                };
                http::ping(url, call, text, means).await
            }
        }
    };
    let result = tokio::time::timeout(means.patience, telling).await;
    let result = result.unwrap_or_else(|_| Err(NotifyError::Late(means.patience.as_secs())));
    Told {
        name: name.to_owned(),
        way: match channel {
            Channel::Webhook { .. } => Way::Webhook,
            Channel::Command { .. } => Way::Command,
            Channel::Ping { .. } => Way::Ping,
        },
        to,
        duration: begun.elapsed(),
        result,
    }
}

/// An address; its host is told even where the rest fails.
fn address(url: &Hidden, means: &Means, to: &mut Option<String>) -> Result<Url, NotifyError> {
    let url = http::address(&revealed(url, means)?)?;
    *to = url.host_str().map(str::to_owned);
    Ok(url)
}

fn headers_of(headers: &BTreeMap<String, Hidden>, means: &Means) -> Result<HeaderMap, NotifyError> {
    let headers = headers.iter().map(|(name, value)| {
        let value = revealed(value, means)?;
        http::header(name, &value)
    });
    headers.collect()
}

/// What a text of the settings is, or what stands where it says.
fn revealed(hidden: &Hidden, means: &Means) -> Result<String, NotifyError> {
    let (name, text) = match hidden {
        Hidden::Text(text) => return Ok(text.clone()),
        Hidden::Environment(name) => {
            let text = (means.variable)(name).unwrap_or_default();
            (name.clone(), text)
        }
        Hidden::File(path) => {
            let text = read(path).map_err(|cause| NotifyError::Read {
                path: path.clone(),
                cause,
            })?;
            (path.display().to_string(), text)
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(NotifyError::Empty(name));
    }
    Ok(text.to_owned())
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::summary::tests::letter;
    use super::*;

    fn means() -> Means {
        Means {
            patience: Duration::from_secs(2),
            variable: |name| (name == "SET").then(|| "https://h.example/x\n".to_owned()),
            https_proxy: None,
            no_proxy: None,
        }
    }

    fn of(channel: Channel, on: Occasion) -> Notification {
        Notification { channel, on }
    }

    fn program(script: &str) -> Channel {
        let words = ["sh", "-c", script].map(str::to_owned);
        Channel::Command {
            arguments: words.to_vec(),
            headers: BTreeMap::new(),
        }
    }

    fn ping() -> Channel {
        let url = Hidden::Text("http://127.0.0.1:9/x".to_owned());
        Channel::Ping { url }
    }

    #[rstest]
    #[case(Occasion::Failure, [true, false, true])]
    #[case(Occasion::Success, [false, true, true])]
    #[case(Occasion::Always, [true, true, true])]
    fn an_end_is_told_on_its_occasion_and_a_test_always(
        #[case] on: Occasion,
        #[case] expected: [bool; 3],
    ) {
        let told = [Ending::Partial, Ending::Success, Ending::Test].map(|ending| {
            let mut letter = letter();
            letter.summary.status = ending;
            is_meant(&of(program("true"), on), News::Ended(&letter))
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_beginning_is_told_to_what_waits_for_the_end() {
        assert!(is_meant(&of(ping(), Occasion::Always), News::Begun));
        assert!(!is_meant(&of(ping(), Occasion::Failure), News::Begun));
        let mail = of(program("true"), Occasion::Always);
        assert!(!is_meant(&mail, News::Begun));
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_what_it_started_and_the_others_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let script = format!("(sleep 3; touch {}) & wait", late.display());
        let all = BTreeMap::from([
            ("a".to_owned(), of(program(&script), Occasion::Always)),
            ("b".to_owned(), of(program("exit 1"), Occasion::Always)),
            ("c".to_owned(), of(program("true"), Occasion::Always)),
        ]);
        let begun = Instant::now();
        let told = tell(&all, News::Ended(&letter()), &means()).await;
        assert!(begun.elapsed() < Duration::from_millis(2900));
        let said = |told: &Told| match &told.result {
            Ok(()) => "told".to_owned(),
            Err(error) => error.to_string(),
        };
        let said: Vec<String> = told.iter().map(said).collect();
        let expected = [
            "it takes more than 2 s",
            "`sh` failed (exit status: 1)",
            "told",
        ];
        assert_eq!(said, expected);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(!late.exists());
    }

    #[tokio::test]
    async fn of_an_address_only_the_host_is_told() {
        let headers = BTreeMap::from([("X-A".to_owned(), Hidden::Text("s3cret".to_owned()))]);
        let url = Hidden::Text("http://127.0.0.1:9/s3cret?s3cret=1".to_owned());
        let all = BTreeMap::from([(
            "a".to_owned(),
            of(Channel::Webhook { url, headers }, Occasion::Always),
        )]);
        let told = tell(&all, News::Ended(&letter()), &means()).await;
        assert_eq!(told[0].to.as_deref(), Some("127.0.0.1"));
        let error = told[0].result.as_ref().unwrap_err();
        let said = crate::plan::messages(error).join(": ");
        assert!(said.starts_with("it gives no answer: "), "{said}");
        let shown = format!("{told:?} {said}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn what_is_hidden_stands_in_a_file_or_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "https://h.example/y\n\n").unwrap();
        let is = |hidden: Hidden| match revealed(&hidden, &means()) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        };
        assert_eq!(is(Hidden::File(path.clone())), "https://h.example/y");
        assert_eq!(
            is(Hidden::Environment("SET".to_owned())),
            "https://h.example/x"
        );
        let unset = Hidden::Environment("UNSET".to_owned());
        assert_eq!(is(unset), "`UNSET` is empty or not set");
        std::fs::write(&path, "\n").unwrap();
        let empty = format!("`{}` is empty or not set", path.display());
        assert_eq!(is(Hidden::File(path)), empty);
        let missing = Hidden::File("/nowhere/url".into());
        assert_eq!(is(missing), "cannot read `/nowhere/url`");
    }
}
