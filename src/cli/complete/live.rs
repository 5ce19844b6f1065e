//! Names that a server, a target or the settings have at the time.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::super::context::{Context, source_of};
use super::super::environment::Environment;
use super::super::notified::Done;
use super::words;
use crate::incus::{Client, Config, Keys};
use crate::model::{Kind, Owner, ProjectName, RemoteName, RunId};
use crate::progress::{Cancel, Silent};
use crate::settings::Settings;
use crate::ui::{LogFormat, PasswordPrompt, Terminal, Verbosity};

/// How long a server may take; whoever presses TAB waits for it.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What an argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Projects,
    Pools,
    Remotes,
    Sources,
    Targets,
    Notifications,
    Versions,
    /// What can be backed up.
    OfServer(Kind),
    /// What is backed up; nothing says that it is of any kind.
    OfTarget(Option<Kind>),
}

/// The command, with completers for every argument that names something.
pub(super) fn with_names(command: Command) -> Command {
    let kind = kind_of(command.get_name());
    if command.get_name() == "incus-backup" {
        // Each helper is a verb of the dispatcher.
        return command.mut_subcommands(|helper| {
            let kind = helper.get_name().parse().ok();
            below(helper, kind, "")
        });
    }
    let name = command.get_name().to_owned();
    below(command, kind, &name)
}

pub(super) fn kind_of(program: &str) -> Option<Kind> {
    program.strip_prefix("incus-backup-")?.parse().ok()
}

fn below(command: Command, kind: Option<Kind>, verb: &str) -> Command {
    let verb = verb.to_owned();
    let with_own = command.mut_args(|argument| match names_of(&argument, kind, &verb) {
        Some(names) => argument.add(ArgValueCompleter::new(move |current: &OsStr| {
            complete(names, &current.to_string_lossy())
        })),
        None => argument,
    });
    with_own.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        below(verb, kind, &name)
    })
}

/// What an argument names, by the name of its value.
fn names_of(argument: &Arg, kind: Option<Kind>, verb: &str) -> Option<Names> {
    let value = argument.get_value_names()?.first()?.as_str();
    Some(match value {
        "PROJECT" => Names::Projects,
        "POOL" => Names::Pools,
        "REMOTE:" => Names::Remotes,
        "SOURCE" => Names::Sources,
        "TARGET" | "URI|NAME" => Names::Targets,
        "NAME" if verb == "notify" => Names::Notifications,
        "VERSION" => Names::Versions,
        value if value.starts_with("[REMOTE:]") => match (verb, kind) {
            ("create", Some(kind)) => Names::OfServer(kind),
            _ => Names::OfTarget(kind),
        },
        _ => return None,
    })
}

/// The candidates that begin as what is written does.
fn complete(names: Names, current: &str) -> Vec<CompletionCandidate> {
    let asked = Asked::of(words());
    let found = asked.find(names, current).unwrap_or_default();
    let fitting = found
        .into_iter()
        .filter(|name| name.starts_with(current) && is_plain(name));
    fitting.map(CompletionCandidate::new).collect()
}

/// Whether a shell takes a name as it stands. It is put into a command line unquoted, and names come from
/// servers and targets: others are typed by whoever wants them.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@%+,=".contains(&byte))
}

fn is_setup(word: &String) -> bool {
    word == "setup" || word.ends_with("incus-backup-setup")
}

/// What the words say already.
pub(super) struct Asked {
    pub(super) context: Context,
    pub(super) project: Option<ProjectName>,
    pub(super) target: Option<String>,
    /// The server whose backups are meant.
    pub(super) from: Option<String>,
    /// Words that are no flags.
    pub(super) plain: Vec<String>,
}

impl Asked {
    fn of(words: &[String]) -> Self {
        let value = |flag: &str| -> Option<String> {
            let with = format!("{flag}=");
            let at = words
                .iter()
                .position(|word| word == flag || word.starts_with(&with))?;
            match words[at].strip_prefix(&with) {
                Some(value) => Some(value.to_owned()),
                None => words.get(at + 1).cloned(),
            }
        };
        let run = RunId::begin();
        // Where versions are copied, `--from` is a target.
        let copies = words.iter().any(|word| word == "copy") && words.iter().any(is_setup);
        let (target, from) = if copies {
            ("--from", "--source")
        } else {
            ("--target", "--from")
        };
        Self {
            project: value("--project").and_then(|name| name.parse().ok()),
            target: value(target),
            from: value(from),
            plain: words
                .iter()
                .skip(1)
                .filter(|word| !word.starts_with('-'))
                .cloned()
                .collect(),
            context: Context {
                environment: Environment::read(),
                terminal: Terminal::none(),
                verbosity: Verbosity {
                    quiet: true,
                    verbose: false,
                    debug: false,
                    format: LogFormat::Text,
                },
                owner: Owner::current(&run),
                run,
                progress: Arc::new(Silent),
                cancel: Cancel::new(),
                // Nobody is asked while words are completed.
                keys: Keys::default(),
                passwords: Arc::new(PasswordPrompt::new(&Terminal::none(), Cancel::new())),
                old_restic_taken: AtomicBool::new(false),
                done: Done::default(),
                service: Arc::default(),
            },
        }
    }

    fn find(&self, names: Names, current: &str) -> Option<Vec<String>> {
        match names {
            Names::Remotes => Some(self.remotes()),
            Names::Targets => Some(self.settings()?.targets.into_keys().collect()),
            Names::Notifications => Some(self.settings()?.notifications.into_keys().collect()),
            Names::Sources => {
                let sources = self.sources()?;
                Some(sources.iter().map(ToString::to_string).collect())
            }
            Names::Versions => self.versions(),
            Names::Projects => self.projects(),
            Names::Pools => self.of_server(current, |client, _| async move {
                let pools = client.pools().await.ok()?;
                Some(pools.iter().map(|pool| pool.name.to_string()).collect())
            }),
            Names::OfServer(kind) => {
                let mut found = self.of_server(current, move |client, project| async move {
                    resources(&client, &project, kind).await
                })?;
                found.extend(self.remotes());
                Some(found)
            }
            Names::OfTarget(kind) => {
                let mut found = self.stored_names(kind, current).unwrap_or_default();
                found.extend(self.remotes());
                Some(found)
            }
        }
    }

    fn settings(&self) -> Option<Settings> {
        let folder = self.context.environment.incus.config_folder();
        Settings::load(folder.as_deref()).ok()
    }

    /// The remotes, each with its colon.
    fn remotes(&self) -> Vec<String> {
        let Ok(config) = self.context.config() else {
            return Vec::new();
        };
        let remotes = config.private_remotes().into_iter();
        remotes.map(|remote| format!("{remote}:")).collect()
    }

    /// The projects of the server.
    fn projects(&self) -> Option<Vec<String>> {
        self.of_server("", |client, _| async move {
            let projects = client.projects().await.ok()?;
            Some(projects.iter().map(|it| it.name.to_string()).collect())
        })
    }

    /// Asks the server that is meant; names of a remote that was written out come with it.
    fn of_server<F>(
        &self,
        current: &str,
        ask: impl FnOnce(Client, ProjectName) -> F,
    ) -> Option<Vec<String>>
    where
        F: Future<Output = Option<Vec<String>>>,
    {
        let config = self.context.config().ok()?;
        let (remote, prefix) = self.remote(&config, current);
        let project = config.project(&remote, self.project.as_ref()).ok()?;
        let answer = async {
            let environment = &self.context.environment.incus;
            let client = Client::connect(&config, &remote, environment).await.ok()?;
            let project = client.project_or_own(project);
            ask(client, project).await
        };
        let found = within_patience(answer)?;
        Some(found.iter().map(|name| format!("{prefix}{name}")).collect())
    }

    /// The remote of the word at the cursor, or of an earlier one, or the default one.
    fn remote(&self, config: &Config, current: &str) -> (RemoteName, String) {
        if let Some((prefix, _)) = current.split_once(':')
            && let Ok((remote, _)) = config.split(current)
        {
            return (remote, format!("{prefix}:"));
        }
        let earlier = self.plain.iter().find(|word| word.contains(':'));
        let remote = earlier.and_then(|word| Some(config.split(word).ok()?.0));
        (
            remote.unwrap_or_else(|| config.default_remote()),
            String::new(),
        )
    }

    /// What the target calls the server of a remote.
    pub(super) fn source(&self, prefix: &str) -> Option<String> {
        let remote = prefix.trim_end_matches(':');
        if remote != "local" {
            return Some(remote.to_owned());
        }
        let config = self.context.config().ok()?;
        let remote: RemoteName = remote.parse().ok()?;
        let environment = &self.context.environment.incus;
        within_patience(async {
            let client = Client::connect(&config, &remote, environment).await.ok()?;
            Some(source_of(&client, &remote).ok()?.name.to_string())
        })
    }
}

/// The names of what a server has of a kind.
async fn resources(client: &Client, project: &ProjectName, kind: Kind) -> Option<Vec<String>> {
    match kind {
        Kind::Instance => {
            let all = client.instances(project).await.ok()?;
            Some(all.iter().map(|it| it.name.to_string()).collect())
        }
        Kind::Volume => {
            let mut found = Vec::new();
            for pool in client.pools().await.ok()? {
                let volumes = client.volumes(&pool.name, project).await.ok()?;
                found.extend(
                    volumes
                        .iter()
                        .map(|it| format!("{}/{}", pool.name, it.name)),
                );
            }
            Some(found)
        }
        Kind::Bucket => {
            let mut found = Vec::new();
            for pool in client.pools().await.ok()? {
                // Pools of some drivers have none.
                let buckets = client.buckets(&pool.name, project).await;
                let buckets = buckets.unwrap_or_default();
                found.extend(
                    buckets
                        .iter()
                        .map(|it| format!("{}/{}", pool.name, it.name)),
                );
            }
            Some(found)
        }
        Kind::Image => {
            let all = client.images(project).await.ok()?;
            let names = all.iter().flat_map(|image| {
                let aliases = image.aliases().iter().map(|it| it.name.clone());
                aliases.chain([short(&image.fingerprint.to_string())])
            });
            Some(names.collect())
        }
        Kind::Config => None,
    }
}

/// As much of a fingerprint as `incus` shows.
pub(super) fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(12).collect()
}

/// Waits for an answer, but not long.
fn within_patience<T>(answer: impl Future<Output = Option<T>>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.ok()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await.ok()? })
}
