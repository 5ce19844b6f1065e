//! What every command needs before its own work begins: who listens, who may stop it, where backups
//! live, and which server is meant.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::args::{Answers, TargetChoice};
use super::environment::Environment;
use super::failure::CommandError;
use super::notified::Done;
use super::service::Service;
use crate::incus::{Client, Config, Keys};
use crate::model::{CompressionChoice, Owner, RemoteName, RunId, SourceName};
use crate::plan::{Consent, Plan, Row};
use crate::progress::{Cancel, Progress};
use crate::settings::{Settings, TargetSettings};
use crate::target::{
    Access, Encryption, Found, Identities, Location, Recipients, ResticAccess, ResticVersion,
    SourceFacts, Target, Tool,
};
use crate::ui::{
    Assent, Columns, Message, NotConfirmed, PasswordPrompt, Terminal, Verbosity, View, ask,
    confirm, write_preview,
};
use crate::{plan, ui};

/// What a command works with.
pub(super) struct Context {
    /// The process environment.
    pub(super) environment: Environment,
    /// The standard streams.
    pub(super) terminal: Terminal,
    /// How much is said, and how.
    pub(super) verbosity: Verbosity,
    /// The run.
    pub(super) run: RunId,
    /// Its process.
    pub(super) owner: Owner,
    /// Who listens.
    pub(super) progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub(super) cancel: Cancel,
    /// The keys that were opened in this run.
    pub(super) keys: Keys,
    /// Who is asked for passphrases.
    pub(super) passwords: Arc<PasswordPrompt>,
    /// The user goes on with a restic that is older than those that this program is tested with.
    pub(super) old_restic_taken: AtomicBool,
    /// The manager of the unit that this is run by.
    pub(super) service: Arc<Service>,
    /// What it did, for those who are told how it ended.
    pub(super) done: Done,
}

/// A place that holds backups, or that may become a target once the user agrees.
pub(super) enum Place {
    /// It is a target.
    Target(Arc<dyn Target>),
    /// It can become one.
    Creatable(Location),
}

/// Where backups live.
pub(super) struct Chosen {
    /// The place.
    pub(super) location: Location,
    /// Its name in the settings, where it has one.
    pub(super) name: Option<String>,
    /// How archives that are stored there are compressed, where the settings say so.
    compression: Option<CompressionChoice>,
    /// The restic to use, where the settings say so.
    restic: Option<PathBuf>,
    /// Whom what is stored there is encrypted to, and what it is decrypted with.
    pub(super) encryption: Encryption,
}

impl Chosen {
    /// How archives that are stored there are compressed, if this is asked for.
    pub(super) fn compression(
        &self,
        asked: Option<CompressionChoice>,
    ) -> Result<CompressionChoice, CommandError> {
        match (&self.location, asked.or(self.compression)) {
            (Location::Directory(_), choice) => Ok(choice.unwrap_or(CompressionChoice::DEFAULT)),
            (Location::Restic(_), None | Some(CompressionChoice::None)) => {
                Ok(CompressionChoice::None)
            }
            (Location::Restic(_), Some(_)) => Err(CommandError::Compressed),
        }
    }
}

impl Context {
    /// A message as it is told on stderr.
    pub(super) fn render(&self, message: &Message) -> String {
        self.verbosity
            .render(message, self.terminal.stderr_colour())
    }

    /// Where backups live: the flag, the environment, the settings, or the default place.
    pub(super) fn choice(&self, choice: &TargetChoice) -> Result<Chosen, CommandError> {
        let (chosen, named) = self.located(choice)?;
        let is_directory = matches!(chosen.location, Location::Directory(_));
        let (recipients, identities) = named
            .map(|named| (named.recipients, named.identities))
            .unwrap_or_default();
        let recipients = first([&choice.recipients, &recipients]);
        if !recipients.is_empty() && !is_directory {
            return Err(CommandError::Encrypted);
        }
        let of_environment: Vec<PathBuf> = self.environment.identity.iter().cloned().collect();
        let identities = first([&choice.identities, &of_environment, &identities]);
        let encryption = Encryption {
            recipients: Recipients::parse(recipients, self.passwords.clone())?,
            identities: Identities::new(identities.to_vec(), self.passwords.clone()),
        };
        Ok(Chosen {
            encryption,
            ..chosen
        })
    }

    /// Where backups live, and the settings of a place that has a name there.
    fn located(
        &self,
        choice: &TargetChoice,
    ) -> Result<(Chosen, Option<TargetSettings>), CommandError> {
        let environment = &self.environment;
        let settings = Settings::load(environment.incus.config_folder().as_deref())?;
        let said = choice.target.as_ref().or(environment.target.as_ref());
        let at = |text: &str| {
            Ok::<_, CommandError>(Chosen {
                location: Location::parse(text)?,
                name: None,
                compression: None,
                restic: settings.restic_binary.clone(),
                encryption: Encryption::default(),
            })
        };
        if let Some(text) = said.or(settings.default_target.as_ref()) {
            let Some(named) = settings.targets.get(text) else {
                return Ok((at(text)?, None));
            };
            let mut location = Location::parse(&named.uri)?;
            if let Some(file) = &named.password_file {
                let Location::Restic(repository) = &mut location else {
                    let text = format!("target `{text}` is a directory, which has no password");
                    return Err(CommandError::Usage(text));
                };
                repository.password_file.get_or_insert_with(|| file.clone());
            }
            let chosen = Chosen {
                name: Some(text.clone()),
                compression: named.compression,
                ..at(&named.uri).map(|chosen| Chosen { location, ..chosen })?
            };
            return Ok((chosen, Some(named.clone())));
        }
        if environment.root {
            return Ok((at("dir:/var/backups/incus")?, None));
        }
        let home = environment.data_home.as_ref().ok_or_else(|| {
            CommandError::Usage("no home directory: say where with --target".to_owned())
        })?;
        let text = format!("dir:{}", home.join("incus-backup").display());
        Ok((at(&text)?, None))
    }

    /// What this process brings along to reach a target.
    pub(super) fn access(&self, chosen: &Chosen, choice: &TargetChoice) -> Access {
        let binary = chosen.restic.clone();
        Access {
            patience: Duration::from_secs(choice.locks.lock_timeout),
            encryption: chosen.encryption.clone(),
            restic: ResticAccess {
                tool: Tool::new(
                    binary.unwrap_or_else(|| PathBuf::from("restic")),
                    self.environment.restic_password.is_some(),
                ),
                owner: self.owner.clone(),
                state: self.environment.state.clone(),
                progress: self.progress.clone(),
                cancel: self.cancel.clone(),
            },
        }
    }

    /// Looks whether the restic of a repository is one that this program is tested with, and asks where it
    /// is not: before anything else, whatever the command does, and once.
    async fn check_restic(
        &self,
        (chosen, access): (&Chosen, &Access),
        answers: &Answers,
    ) -> Result<(), CommandError> {
        if !matches!(chosen.location, Location::Restic(_)) {
            return Ok(());
        }
        let tool = access.restic.tool.clone();
        let version = blocking(move || tool.version()).await??;
        if version >= ResticVersion::OLDEST || self.old_restic_taken.load(Ordering::Relaxed) {
            return Ok(());
        }
        let oldest = ResticVersion::OLDEST;
        self.progress.warn(&format!(
            "restic {version} is older than {oldest}, with which this program is tested"
        ));
        let question = format!("Go on with restic {version}?");
        self.ask(answers, question).await?;
        self.old_restic_taken.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Where backups live, and how it is reached, once what stands in the way is out of it.
    async fn reach(
        &self,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<(Chosen, Access), CommandError> {
        let chosen = self.choice(choice)?;
        let access = self.access(&chosen, choice);
        self.check_restic((&chosen, &access), answers).await?;
        if choice.unlock {
            self.unlock((&chosen.location, &access), answers).await?;
        }
        Ok((chosen, access))
    }

    /// Takes away the locks of processes that are gone, once the user agrees.
    async fn unlock(
        &self,
        (location, access): (&Location, &Access),
        answers: &Answers,
    ) -> Result<(), CommandError> {
        let (at, with) = (location.clone(), access.clone());
        let gone = match blocking(move || at.abandoned_locks(&with)).await? {
            // It is made, or missed, later.
            Err(error) if error.is_missing() => return Ok(()),
            gone => gone?,
        };
        for holder in &gone {
            let text = format!("`{location}` is locked by {holder}, which is gone");
            self.progress.warn(&text);
        }
        if gone.is_empty() || answers.dry_run {
            return Ok(());
        }
        let question = match gone.len() {
            1 => "Take its lock away?".to_owned(),
            count => format!("Take these {count} locks away?"),
        };
        self.ask(answers, question).await?;
        let (at, with) = (location.clone(), access.clone());
        Ok(blocking(move || at.unlock(&with)).await??)
    }

    /// The target, which must exist.
    pub(super) async fn target(
        &self,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<Arc<dyn Target>, CommandError> {
        let (chosen, access) = self.reach(choice, answers).await?;
        Ok(blocking(move || chosen.location.open(&access)).await??)
    }

    /// The target, or the place that can become one.
    pub(super) async fn place(
        &self,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<Place, CommandError> {
        let named = self.choice(choice)?.name.is_some();
        match self.place_to_make(choice, answers).await? {
            // A named one may be a disk that is not mounted: it is refused, not filled.
            Place::Creatable(location) if named => Err(location.missing().into()),
            place => Ok(place),
        }
    }

    /// The target, or the place that is to become one, even if the settings name it.
    pub(super) async fn place_to_make(
        &self,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<Place, CommandError> {
        let (chosen, access) = self.reach(choice, answers).await?;
        let location = chosen.location;
        let wanted = location.clone();
        match blocking(move || wanted.find(&access)).await?? {
            Found::Target(target) => Ok(Place::Target(target)),
            Found::Creatable => Ok(Place::Creatable(location)),
        }
    }

    /// Makes a place a target, once the user agrees.
    pub(super) async fn establish(
        &self,
        place: Place,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<Arc<dyn Target>, CommandError> {
        let location = match place {
            Place::Target(target) => return Ok(target),
            Place::Creatable(location) => location,
        };
        let question = format!("`{location}` holds no backups yet. Make it a backup target?");
        self.ask(answers, question).await?;
        let access = self.access(&self.choice(choice)?, choice);
        Ok(blocking(move || {
            location.create(&access)?;
            location.open(&access)
        })
        .await??)
    }

    /// Reads the client's configuration.
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        Ok(Config::load(&self.environment.incus)?.with_keys(self.keys.clone()))
    }

    /// Opens the key for a remote, which may ask for its password: on a thread of its own, so that
    /// Ctrl-C ends the command.
    pub(super) async fn open_key(
        &self,
        config: &Config,
        remote: &RemoteName,
    ) -> Result<(), CommandError> {
        let (config, remote) = (config.clone(), remote.clone());
        let opened = blocking(move || config.unlock(&remote));
        self.unless_cancelled(async { Ok(opened.await??) }).await
    }

    /// Connects to a remote.
    pub(super) async fn connect(
        &self,
        config: &Config,
        remote: &RemoteName,
    ) -> Result<Client, CommandError> {
        self.open_key(config, remote).await?;
        let connected = Client::connect(config, remote, &self.environment.incus);
        self.unless_cancelled(async { Ok(connected.await?) }).await
    }

    /// Shows a plan and asks about it. Nothing comes of a dry run, and of a plan that changes nothing.
    pub(super) async fn agree<W>(
        &self,
        plan: Plan<W>,
        question: String,
        answers: &Answers,
        rows: &super::args::Rows,
    ) -> Result<Agreed<W>, CommandError> {
        if answers.dry_run {
            let view = View::stdout(rows.format, &self.terminal);
            let mut out = ui::Output::new(io::stdout());
            let columns = Columns::<Row>::choose(rows.columns.as_deref())?;
            write_preview(&mut out, &plan, &columns, &view).map_err(CommandError::Output)?;
            out.finish().map_err(CommandError::Output)?;
            let refused = plan.refusals().count();
            return Ok(Agreed::DryRun {
                refused,
                of: plan.rows().len(),
            });
        }
        if !plan.changes_anything() {
            return Ok(Agreed::Nothing(plan));
        }
        if !answers.yes {
            let columns = Columns::<Row>::choose(None)?;
            let mut err = io::stderr();
            write_preview(&mut err, &plan, &columns, &View::stderr(&self.terminal))
                .and_then(|()| err.flush())
                .map_err(CommandError::Output)?;
        }
        let consent = self.consent(answers, question).await?;
        let changing = plan.rows().filter(|row| row.action.changes());
        self.progress.expect(changing.count());
        Ok(Agreed::Approved(plan.approve(consent)))
    }

    /// Asks for consent to what was shown.
    pub(super) async fn consent(
        &self,
        answers: &Answers,
        question: String,
    ) -> Result<Consent, CommandError> {
        self.answer(answers, move |assent, terminal| {
            let (mut input, mut output) = (io::stdin().lock(), io::stderr());
            confirm(&question, assent, terminal, &mut input, &mut output)
        })
        .await
    }

    /// Asks a question that is not about a plan.
    async fn ask(&self, answers: &Answers, question: String) -> Result<(), CommandError> {
        self.answer(answers, move |assent, terminal| {
            let (mut input, mut output) = (io::stdin().lock(), io::stderr());
            ask(&question, assent, terminal, &mut input, &mut output)
        })
        .await
    }

    /// Asks, on a thread of its own: Ctrl-C ends the command, for nothing is begun yet.
    async fn answer<T: Send + 'static>(
        &self,
        answers: &Answers,
        question: impl FnOnce(Assent, &Terminal) -> Result<T, NotConfirmed> + Send + 'static,
    ) -> Result<T, CommandError> {
        let (terminal, assent) = (self.terminal.clone(), assent(answers));
        let asked = self.unless_cancelled(blocking(move || question(assent, &terminal)));
        Ok(asked.await??)
    }

    /// Does something that can be dropped half way.
    pub(super) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        tokio::select! {
            done = work => done,
            () = self.cancel.cancelled() => Err(CommandError::Interrupted),
        }
    }
}

/// What came of showing a plan.
pub(super) enum Agreed<W> {
    /// It was shown, and that was all.
    DryRun {
        /// How many of its rows are refused.
        refused: usize,
        /// How many rows it has.
        of: usize,
    },
    /// It changes nothing, so there was nothing to ask.
    Nothing(Plan<W>),
    /// The user agreed.
    Approved(plan::Approved<W>),
}

/// The first list that says anything.
fn first<T, const N: usize>(lists: [&Vec<T>; N]) -> &[T] {
    let said = lists.into_iter().find(|list| !list.is_empty());
    said.map_or(&[], Vec::as_slice)
}

fn assent(answers: &Answers) -> Assent {
    if answers.yes {
        Assent::Yes
    } else {
        Assent::Ask
    }
}

/// Runs something that blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CommandError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CommandError::Worker)
}

/// How many resources at a time: what was asked for, or min(4, cores).
pub(super) fn parallel(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.unwrap_or_else(|| cores().min(NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN)))
}

/// How many cores this process may use.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What a target calls a server: the remote's name, or for `local` the server's own.
pub(super) fn source_of(client: &Client, remote: &RemoteName) -> Result<SourceFacts, CommandError> {
    let server = client.server();
    let name: SourceName = if remote.as_str() != "local" {
        remote.as_str().parse()?
    } else if server.clustered {
        let fingerprint = server.certificate_fingerprint.to_string();
        format!("cluster-{}", fingerprint.get(..12).unwrap_or(&fingerprint)).parse()?
    } else {
        server.name.parse()?
    };
    Ok(SourceFacts {
        label: server.name.clone(),
        fingerprint: server.certificate_fingerprint,
        clustered: server.clustered,
        name,
    })
}
