//! From the arguments of a process to its exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;

use super::args;
use super::command;
use super::complete;
use super::context::Context;
use super::environment::Environment;
use super::exit::Exit;
use super::failure::CommandError;
use super::guard;
use super::notified::{Asks, Done, notified};
use super::service::{Service, Told};
use super::signal;
use crate::incus::Keys;
use crate::model::{CheckLevel, Kind, Owner, RunId};
use crate::progress::Cancel;
use crate::target::Protection;
use crate::ui::{Colour, Message, PasswordPrompt, Terminal, Verbosity, listener, start_logging};

/// One of the binaries: its arguments, and what is done with them.
trait Program: Parser {
    /// How much is said.
    fn verbosity(&self) -> &args::Verbosity;

    /// Does what the arguments say.
    fn run(self, context: &Context) -> impl Future<Output = Result<Exit, CommandError>>;
}

impl Program for args::Instance {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::Verb::Create(args) => command::create(context, args).await,
            args::Verb::List(args) => command::list(context, args, Kind::Instance).await,
            args::Verb::Show(args) => command::show(context, args, Kind::Instance).await,
            args::Verb::Restore(args) => command::restore(context, args).await,
            args::Verb::Delete(args) => command::delete(context, args, Kind::Instance).await,
            args::Verb::Files(verb) => command::files::instance(context, verb).await,
            args::Verb::Protect(args) => {
                command::protect(context, args, Kind::Instance, Protection::On).await
            }
            args::Verb::Unprotect(args) => {
                command::protect(context, args, Kind::Instance, Protection::Off).await
            }
        }
    }
}

impl Program for args::Config {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::ConfigVerb::Create(args) => command::config::create(context, args).await,
            args::ConfigVerb::List(args) => command::config::list(context, args).await,
            args::ConfigVerb::Show(args) => command::config::show(context, args).await,
            args::ConfigVerb::Diff(args) => command::config::diff(context, args).await,
            args::ConfigVerb::Restore(args) => command::config::restore(context, args).await,
            args::ConfigVerb::Delete(args) => command::config::delete(context, args).await,
            args::ConfigVerb::Protect(args) => {
                command::config::protect(context, args, Protection::On).await
            }
            args::ConfigVerb::Unprotect(args) => {
                command::config::protect(context, args, Protection::Off).await
            }
        }
    }
}

impl Program for args::Volume {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::VolumeVerb::Create(args) => command::volume::create(context, args).await,
            args::VolumeVerb::List(args) => command::list(context, args, Kind::Volume).await,
            args::VolumeVerb::Show(args) => command::show(context, args, Kind::Volume).await,
            args::VolumeVerb::Restore(args) => command::volume::restore(context, args).await,
            args::VolumeVerb::Delete(args) => command::delete(context, args, Kind::Volume).await,
            args::VolumeVerb::Files(verb) => command::files::volume(context, verb).await,
            args::VolumeVerb::Protect(args) => {
                command::protect(context, args, Kind::Volume, Protection::On).await
            }
            args::VolumeVerb::Unprotect(args) => {
                command::protect(context, args, Kind::Volume, Protection::Off).await
            }
        }
    }
}

impl Program for args::Bucket {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::BucketVerb::Create(args) => command::bucket::create(context, args).await,
            args::BucketVerb::List(args) => command::list(context, args, Kind::Bucket).await,
            args::BucketVerb::Show(args) => command::show(context, args, Kind::Bucket).await,
            args::BucketVerb::Restore(args) => command::bucket::restore(context, args).await,
            args::BucketVerb::Delete(args) => command::delete(context, args, Kind::Bucket).await,
            args::BucketVerb::Protect(args) => {
                command::protect(context, args, Kind::Bucket, Protection::On).await
            }
            args::BucketVerb::Unprotect(args) => {
                command::protect(context, args, Kind::Bucket, Protection::Off).await
            }
        }
    }
}

impl Program for args::Image {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::ImageVerb::Create(args) => command::image::create(context, args).await,
            args::ImageVerb::List(args) => command::list(context, args, Kind::Image).await,
            args::ImageVerb::Show(args) => command::show(context, args, Kind::Image).await,
            args::ImageVerb::Restore(args) => command::image::restore(context, args).await,
            args::ImageVerb::Delete(args) => command::delete(context, args, Kind::Image).await,
            args::ImageVerb::Protect(args) => {
                command::protect(context, args, Kind::Image, Protection::On).await
            }
            args::ImageVerb::Unprotect(args) => {
                command::protect(context, args, Kind::Image, Protection::Off).await
            }
        }
    }
}

impl Program for args::All {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::AllVerb::Create(args) if args.answers.dry_run => {
                command::all::create(context, args).await
            }
            args::AllVerb::Create(args) => {
                let run = ("incus-backup-all create", asks(&args.answers));
                notified(context, run, Box::pin(command::all::create(context, args))).await
            }
            args::AllVerb::List(args) => command::all::list(context, args).await,
            args::AllVerb::Report(args) => command::all::report(context, args).await,
            args::AllVerb::Restore(args) => command::all::restore(context, args).await,
        }
    }
}

impl Program for args::Prune {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        if self.answers.dry_run || !self.chosen.is_everything() {
            return command::prune(context, self).await;
        }
        let asks = if self.apply {
            Asks::Never
        } else {
            asks(&self.answers)
        };
        let run = ("incus-backup-prune", asks);
        notified(context, run, Box::pin(command::prune(context, self))).await
    }
}

impl Program for args::Setup {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        match self.verb {
            args::SetupVerb::Aliases(verb) => command::setup::aliases(context, verb).await,
            args::SetupVerb::Doctor(args) => command::setup::doctor(context, args).await,
            args::SetupVerb::Metrics(args) => command::setup::metrics(context, args).await,
            args::SetupVerb::Notify(args) => command::setup::notify(context, args).await,
            args::SetupVerb::Target(verb) => command::setup::target(context, verb).await,
            args::SetupVerb::Copy(args) => command::setup::copy(context, args).await,
        }
    }
}

impl Program for args::Verify {
    fn verbosity(&self) -> &args::Verbosity {
        &self.verbosity
    }

    async fn run(self, context: &Context) -> Result<Exit, CommandError> {
        let whole = self.version.is_none() && self.chosen.is_everything();
        if self.answers.dry_run || !whole {
            return command::verify(context, self).await;
        }
        let asks = match self.level {
            CheckLevel::Drill => asks(&self.answers),
            CheckLevel::Quick | CheckLevel::Stored | CheckLevel::Full => Asks::Never,
        };
        let run = ("incus-backup-verify", asks);
        notified(context, run, Box::pin(command::verify(context, self))).await
    }
}

fn asks(answers: &args::Answers) -> Asks {
    if answers.yes {
        Asks::Never
    } else {
        Asks::Perhaps
    }
}

/// Runs `incus-backup-all`.
pub fn all() -> ExitCode {
    program::<args::All>()
}

/// Runs `incus-backup-prune`.
pub fn prune() -> ExitCode {
    program::<args::Prune>()
}

/// Runs `incus-backup-setup`.
pub fn setup() -> ExitCode {
    program::<args::Setup>()
}

/// Runs `incus-backup-verify`.
pub fn verify() -> ExitCode {
    program::<args::Verify>()
}

/// Runs `incus-backup-bucket`.
pub fn bucket() -> ExitCode {
    program::<args::Bucket>()
}

/// Runs `incus-backup-config`.
pub fn config() -> ExitCode {
    program::<args::Config>()
}

/// Runs `incus-backup-image`.
pub fn image() -> ExitCode {
    program::<args::Image>()
}

/// Runs `incus-backup-instance`.
pub fn instance() -> ExitCode {
    program::<args::Instance>()
}

/// Runs `incus-backup-volume`.
pub fn volume() -> ExitCode {
    program::<args::Volume>()
}

fn program<P: Program>() -> ExitCode {
    if let Some(exit) = guard::intercept() {
        return exit;
    }
    if let Some(exit) = complete::intercept(P::command) {
        return exit;
    }
    match P::try_parse() {
        Ok(arguments) => run(arguments).into(),
        Err(error) => {
            let _ = error.print();
            // Help and the version are what was asked for.
            if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            }
        }
    }
}

fn run<P: Program>(arguments: P) -> Exit {
    let environment = Environment::read();
    let colour = if environment.no_color {
        Colour::Off
    } else {
        Colour::On
    };
    let terminal = Terminal::detect(colour);
    let verbosity = Verbosity::from(arguments.verbosity());
    let tell = |message: &Message| {
        let text = verbosity.render(message, terminal.stderr_colour());
        let _ = io::stderr().write_all(text.as_bytes());
    };
    let progress = listener(&terminal, &verbosity);
    if let Err(error) = start_logging(&terminal, &verbosity) {
        tell(&Message::error(&error));
        return Exit::Failed;
    }
    // One thread for everything that waits; what computes has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = CommandError::Start(error);
            tell(&error.message());
            return error.exit();
        }
    };
    let service = Arc::new(Service::at(environment.notify_socket.as_deref()));
    let progress = Told::too(progress, &service);
    let run = RunId::begin();
    let owner = Owner::current(&run);
    let cancel = Cancel::new();
    let passwords = Arc::new(PasswordPrompt::new(&terminal, cancel.clone()));
    let context = Context {
        environment,
        terminal: terminal.clone(),
        verbosity,
        run,
        owner,
        progress,
        cancel,
        keys: Keys::asking(passwords.clone()),
        passwords: passwords.clone(),
        old_restic_taken: AtomicBool::new(false),
        service,
        done: Done::default(),
    };
    let ended = runtime.block_on(async {
        let (cancel, progress) = (context.cancel.clone(), context.progress.clone());
        signal::listen(cancel, progress, context.service.clone()).map_err(CommandError::Start)?;
        context.service.ready();
        arguments.run(&context).await
    });
    context.progress.expect(0);
    context.service.ended();
    // A question that nobody answered still waits on its thread.
    runtime.shutdown_background();
    passwords.leave();
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            tell(&error.message());
            error.exit()
        }
    }
}
