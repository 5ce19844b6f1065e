//! What every command needs before its own work begins: who listens, who may stop it, where backups
//! live, and which server is meant.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Answers, TargetChoice};
use super::environment::Environment;
use super::failure::CommandError;
use crate::incus::{Client, Config};
use crate::model::{CompressionChoice, Owner, RemoteName, RunId, SourceName};
use crate::plan::{Plan, Row};
use crate::progress::{Cancel, Progress};
use crate::settings::Settings;
use crate::target::{
    DirectoryTarget, Location, Probe, SourceFacts, Target, TargetError, open_directory,
};
use crate::ui::{
    Assent, Columns, Message, NotConfirmed, Terminal, Verbosity, View, ask, confirm, write_preview,
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
}

/// A folder that holds backups, or that may become one once the user agrees.
pub(super) enum Place {
    /// It is a target.
    Target(Arc<dyn Target>),
    /// It can become one.
    Creatable(PathBuf),
}

/// Where backups live.
pub(super) struct Chosen {
    /// The place.
    pub(super) location: Location,
    /// Its name in the settings, where it has one.
    pub(super) name: Option<String>,
    /// How archives that are stored there are compressed, where the settings say so.
    pub(super) compression: Option<CompressionChoice>,
}

impl Chosen {
    fn at(location: Location) -> Self {
        Self {
            location,
            name: None,
            compression: None,
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
        let environment = &self.environment;
        let settings = Settings::load(environment.incus.config_folder().as_deref())?;
        let said = choice.target.as_ref().or(environment.target.as_ref());
        if let Some(text) = said.or(settings.default_target.as_ref()) {
            if let Some(named) = settings.targets.get(text) {
                let location = Location::parse(&named.uri)?;
                return Ok(Chosen {
                    location,
                    name: Some(text.clone()),
                    compression: named.compression,
                });
            }
            return Ok(Chosen::at(Location::parse(text)?));
        }
        if environment.root {
            return Ok(Chosen::at(Location::parse("dir:/var/backups/incus")?));
        }
        let home = environment.data_home.as_ref().ok_or_else(|| {
            CommandError::Usage("no home directory: say where with --target".to_owned())
        })?;
        let text = format!("dir:{}", home.join("incus-backup").display());
        Ok(Chosen::at(Location::parse(&text)?))
    }

    /// The target, which must exist.
    pub(super) async fn target(
        &self,
        choice: &TargetChoice,
    ) -> Result<Arc<dyn Target>, CommandError> {
        let Location::Directory(path) = self.choice(choice)?.location;
        let patience = Duration::from_secs(choice.lock_timeout);
        blocking(move || open_directory(&path, patience))
            .await?
            .map_err(CommandError::from)
    }

    /// The target, or the folder that can become one.
    pub(super) async fn place(&self, choice: &TargetChoice) -> Result<Place, CommandError> {
        let Chosen {
            location: Location::Directory(path),
            name,
            ..
        } = self.choice(choice)?;
        let probed = path.clone();
        match blocking(move || DirectoryTarget::probe(&probed)).await?? {
            Probe::Target => Ok(Place::Target(self.target(choice).await?)),
            // A named one may be a disk that is not mounted: it is refused, not filled.
            Probe::Creatable if name.is_some() => Err(TargetError::NoTarget(path).into()),
            Probe::Creatable => Ok(Place::Creatable(path)),
        }
    }

    /// Makes a folder a target, once the user agrees.
    pub(super) async fn establish(
        &self,
        place: Place,
        choice: &TargetChoice,
        answers: &Answers,
    ) -> Result<Arc<dyn Target>, CommandError> {
        let path = match place {
            Place::Target(target) => return Ok(target),
            Place::Creatable(path) => path,
        };
        let question = format!(
            "`{}` holds no backups yet. Make it a backup target?",
            path.display()
        );
        self.answer(answers, move |assent, terminal| {
            ask(
                &question,
                assent,
                terminal,
                &mut io::stdin().lock(),
                &mut io::stderr(),
            )
        })
        .await?;
        blocking(move || DirectoryTarget::create(&path)).await??;
        self.target(choice).await
    }

    /// Reads the client's configuration.
    pub(super) fn config(&self) -> Result<Config, CommandError> {
        Ok(Config::load(&self.environment.incus)?)
    }

    /// Connects to a remote.
    pub(super) async fn connect(
        &self,
        config: &Config,
        remote: &RemoteName,
    ) -> Result<Client, CommandError> {
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
        let consent = self
            .answer(answers, move |assent, terminal| {
                confirm(
                    &question,
                    assent,
                    terminal,
                    &mut io::stdin().lock(),
                    &mut io::stderr(),
                )
            })
            .await?;
        Ok(Agreed::Approved(plan.approve(consent)))
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
