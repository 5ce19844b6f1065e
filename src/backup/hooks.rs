//! The commands that an instance wants to be run inside it around its backup.
//!
//! `user.backup.pre` runs before the moment that makes a backup consistent, `user.backup.post` as
//! soon as that moment is over. Their text is not recorded anywhere: it may hold a password.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::apply::Context;
use super::error::BackupError;
use super::gather::is_running;
use crate::incus::{Command, ExecError, Instance};
use crate::progress::{Cancel, Task};
use crate::target::{HookFacts, HookRun};

/// The key of the command that runs before.
pub(super) const PRE: &str = "user.backup.pre";
/// The key of the command that runs after.
pub(super) const POST: &str = "user.backup.post";
/// The key that says how long each may take.
pub(super) const TIMEOUT: &str = "user.backup.timeout";
/// How long each may take, where nothing is said.
const DEFAULT: Duration = Duration::from_secs(10 * 60);
/// How much of a command's output a message tells: its end.
const TOLD: usize = 500;

/// What an instance's configuration says about commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pre: Option<String>,
    post: Option<String>,
    timeout: Duration,
}

/// A time that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{TIMEOUT} is `{0}`, which is not a time such as `90s`, `10m` or `1h`")]
pub struct InvalidTimeout(String);

impl Commands {
    /// Reads an instance's configuration with that of its profiles.
    pub(super) fn of(config: &BTreeMap<String, String>) -> Result<Self, InvalidTimeout> {
        let text = |key: &str| config.get(key).filter(|text| !text.trim().is_empty());
        Ok(Self {
            pre: text(PRE).cloned(),
            post: text(POST).cloned(),
            timeout: text(TIMEOUT).map_or(Ok(DEFAULT), |text| timeout(text))?,
        })
    }

    /// The keys that name a command, for the preview.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        let keys = [(PRE, &self.pre), (POST, &self.post)];
        let named = keys.into_iter().filter(|(_, command)| command.is_some());
        named.map(|(key, _)| key).collect()
    }
}

/// Seconds, or a number with a unit.
fn timeout(text: &str) -> Result<Duration, InvalidTimeout> {
    let text = text.trim();
    let parsed = match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok()),
    };
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| InvalidTimeout(text.to_owned()))
}

/// A command that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It ended with a status other than 0.
    #[error("{key} ended with exit status {status}{}", said(.output))]
    Status {
        /// Which.
        key: &'static str,
        /// The exit status.
        status: i64,
        /// The end of what it wrote to its standard error, or else to its standard output.
        output: String,
    },
    /// It was not run, or not to its end.
    #[error("{key} failed: {cause}")]
    Exec {
        /// Which.
        key: &'static str,
        /// Why.
        #[source]
        cause: ExecError,
    },
    /// What the configuration says cannot be understood.
    #[error("{0}")]
    Timeout(#[from] InvalidTimeout),
}

/// An output as the end of a sentence.
fn said(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    let line = lines.join("; ");
    let surplus = line.chars().count().saturating_sub(TOLD);
    let end: String = line.chars().skip(surplus).collect();
    match (end.is_empty(), surplus) {
        (true, _) => String::new(),
        (false, 0) => format!(": {end}"),
        (false, _) => format!(": …{end}"),
    }
}

/// The commands of one running instance.
pub(super) struct Hooks<'a> {
    context: &'a Context,
    instance: &'a Instance,
    commands: Commands,
    task: &'a dyn Task,
}

impl<'a> Hooks<'a> {
    /// The commands of an instance; one that does not run has none.
    pub(super) fn of(
        context: &'a Context,
        instance: &'a Instance,
        task: &'a dyn Task,
    ) -> Result<Self, BackupError> {
        let mut commands = Commands::of(&instance.expanded_config).map_err(HookError::from)?;
        if !is_running(instance) {
            (commands.pre, commands.post) = (None, None);
        }
        Ok(Self {
            context,
            instance,
            commands,
            task,
        })
    }

    /// Does the work of the moment between the commands.
    ///
    /// The work is not begun when the first command fails. The last one runs whatever happened
    /// before, also when the run was cancelled; that it fails is told, and no reason to give up what
    /// was got.
    pub(super) async fn around<T>(
        &self,
        moment: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<(T, HookFacts), BackupError> {
        let mut facts = HookFacts::default();
        let done = match self.pre(&mut facts).await {
            Ok(()) => moment.await,
            Err(error) => Err(error),
        };
        self.post(&mut facts).await;
        Ok((done?, facts))
    }

    async fn pre(&self, facts: &mut HookFacts) -> Result<(), BackupError> {
        let Some(line) = &self.commands.pre else {
            return Ok(());
        };
        let (run, ended) = self.execute(PRE, line, &self.context.cancel).await;
        facts.pre = Some(run);
        match ended {
            Err(HookError::Exec {
                cause: ExecError::Cancelled,
                ..
            }) => Err(BackupError::Interrupted),
            ended => Ok(ended?),
        }
    }

    async fn post(&self, facts: &mut HookFacts) {
        let Some(line) = &self.commands.post else {
            return;
        };
        let (run, ended) = self.execute(POST, line, &Cancel::new()).await;
        facts.post = Some(run);
        if let Err(error) = ended {
            let name = &self.instance.name;
            self.context.progress.warn(&format!("`{name}`: {error}"));
        }
    }

    async fn execute(
        &self,
        key: &'static str,
        line: &str,
        cancel: &Cancel,
    ) -> (HookRun, Result<(), HookError>) {
        self.task.phase(&format!("running {key}"), None);
        let begun = Instant::now();
        let command = Command {
            project: &self.instance.project,
            instance: &self.instance.name,
            line,
            timeout: self.commands.timeout,
        };
        let executed = self.context.client.execute(&command, cancel).await;
        let status = executed.as_ref().ok().map(|executed| executed.status);
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let run = HookRun {
            status,
            duration_ms,
        };
        let ended = match executed {
            Err(cause) => Err(HookError::Exec { key, cause }),
            Ok(executed) => {
                let name = &self.instance.name;
                tracing::info!(
                    %name, key, status, stdout = executed.stdout, stderr = executed.stderr, "ran"
                );
                let output = if executed.stderr.is_empty() {
                    executed.stdout
                } else {
                    executed.stderr
                };
                match executed.status {
                    0 => Ok(()),
                    status => Err(HookError::Status {
                        key,
                        status,
                        output,
                    }),
                }
            }
        };
        (run, ended)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[rstest]
    #[case("90", Some(90))]
    #[case("90s", Some(90))]
    #[case(" 10m ", Some(600))]
    #[case("1h 30m", Some(5400))]
    #[case("0", None)]
    #[case("-5s", None)]
    #[case("soon", None)]
    fn a_timeout_is_seconds_or_a_time(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(
            timeout(text).ok(),
            seconds.map(Duration::from_secs),
            "{text}"
        );
    }

    #[test]
    fn an_instance_has_the_commands_that_its_configuration_names() {
        let none = Commands::of(&config(&[(PRE, " ")])).unwrap();
        assert_eq!(none.keys(), Vec::<&str>::new());
        assert_eq!(none.timeout, DEFAULT);
        let both = config(&[(PRE, "a"), (POST, "b"), (TIMEOUT, "5")]);
        let both = Commands::of(&both).unwrap();
        assert_eq!(both.keys(), [PRE, POST]);
        assert_eq!(both.timeout, Duration::from_secs(5));
    }

    #[test]
    fn a_failure_tells_the_end_of_what_was_said() {
        let error = |output: &str| HookError::Status {
            key: PRE,
            status: 3,
            output: output.to_owned(),
        };
        let told = |output: &str| error(output).to_string();
        assert_eq!(told(""), "user.backup.pre ended with exit status 3");
        assert_eq!(
            told("one\n two"),
            "user.backup.pre ended with exit status 3: one; two"
        );
        let long = format!("{}end", "é".repeat(1000));
        assert!(told(&long).ends_with("ééend") && told(&long).chars().count() < 600);
    }
}
