//! Whole runs, whose end is told to those whom the settings name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::context::Context;
use super::environment;
use super::exit::Exit;
use super::failure::CommandError;
use crate::model::Version;
use crate::notify::{Ending, Letter, Means, News, Summary, Tally, Told, tell};
use crate::plan::messages;
use crate::settings::{Notification, Settings};
use crate::target::without_credentials;
use crate::ui::{NotConfirmed, letter};

/// How long anybody may take to be told.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run did, as far as it is known: written where its results are printed, read when it is over.
#[derive(Debug, Default)]
pub(super) struct Done(Mutex<Tally>);

impl Done {
    /// Takes note of it.
    pub(super) fn note(&self, tally: Tally) {
        let mut known = self.lock();
        let error = known.error.take();
        *known = Tally {
            error: tally.error.or(error),
            ..tally
        };
    }

    /// Takes note of what is wrong with the whole.
    pub(super) fn note_error(&self, error: String) {
        self.lock().error = Some(error);
    }

    fn taken(&self) -> Tally {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a run waits for somebody before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// It may: how long that takes is nobody's matter.
    Perhaps,
    /// It goes on at once.
    Never,
}

/// Does the work of a whole run, and tells how it ended. That nobody can be told changes nothing.
pub(super) async fn notified(
    context: &Context,
    (command, asks): (&str, Asks),
    work: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    let folder = context.environment.incus.config_folder();
    // Settings that cannot be read end the run by themselves.
    let settings = Settings::load(folder.as_deref()).unwrap_or_default();
    let notifications = settings.notifications;
    if notifications.is_empty() {
        return work.await;
    }
    let means = means(context);
    if asks == Asks::Never {
        // Whoever is slow to hear it delays nothing.
        let telling = Box::pin(tell(&notifications, News::Begun, &means));
        let begun = async { warn(context, telling.await) };
        let (ended, ()) = tokio::join!(work, begun);
        ended_as(context, command, (&notifications, &means), &ended).await;
        return ended;
    }
    let ended = work.await;
    ended_as(context, command, (&notifications, &means), &ended).await;
    ended
}

async fn ended_as(
    context: &Context,
    command: &str,
    (notifications, means): (&BTreeMap<String, Notification>, &Means),
    ended: &Result<Exit, CommandError>,
) {
    // Who declines knows.
    if let Err(CommandError::NotConfirmed(NotConfirmed::Declined)) = ended {
        return;
    }
    let mut tally = context.done.taken();
    let exit = match ended {
        Ok(exit) => *exit,
        Err(error) => {
            tally.error = Some(messages(error).join(": "));
            error.exit()
        }
    };
    // What is said here may be read elsewhere.
    let failures = tally.failures.iter_mut().map(|failure| &mut failure.error);
    for error in failures.chain([&mut tally.error]).flatten() {
        *error = without_credentials(error);
    }
    let letter = letter(summary(context, command, (ending(exit), exit), tally));
    let told = Box::pin(tell(notifications, News::Ended(&letter), means)).await;
    warn(context, told);
}

/// Tells everybody that this is a test.
pub(super) async fn test(
    context: &Context,
    notifications: &BTreeMap<String, Notification>,
) -> Vec<Told> {
    let command = "incus-backup-setup notify";
    let ending = (Ending::Test, Exit::Done);
    let letter: Letter = letter(summary(context, command, ending, Tally::default()));
    let means = means(context);
    Box::pin(tell(notifications, News::Ended(&letter), &means)).await
}

fn warn(context: &Context, told: Vec<Told>) {
    for one in told {
        if let Err(error) = &one.result {
            let to = one.to.map(|to| format!(" ({to})")).unwrap_or_default();
            let why = messages(error).join(": ");
            let text = format!("notification `{}`{to} failed: {why}", one.name);
            context.progress.warn(&text);
        }
    }
}

fn means(context: &Context) -> Means {
    let incus = &context.environment.incus;
    Means {
        patience: PATIENCE,
        variable: environment::secret,
        https_proxy: incus.https_proxy.clone(),
        no_proxy: incus.no_proxy.clone(),
    }
}

fn summary(
    context: &Context,
    command: &str,
    (status, exit): (Ending, Exit),
    tally: Tally,
) -> Summary {
    let host = rustix::system::uname();
    Summary {
        format: Summary::FORMAT,
        run: context.run.clone(),
        host: host.nodename().to_string_lossy().into_owned(),
        command: command.to_owned(),
        status,
        exit_code: exit.code(),
        begun_at: context.run.begun_at(),
        ended_at: Version::now().timestamp(),
        tally,
    }
}

fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Done => Ending::Success,
        Exit::Partial => Ending::Partial,
        Exit::Damaged => Ending::Damaged,
        Exit::Interrupted => Ending::Interrupted,
        Exit::Failed
        | Exit::Usage
        | Exit::NotConfirmed
        | Exit::NoTarget
        | Exit::Locked
        | Exit::Password => Ending::Failed,
    }
}
