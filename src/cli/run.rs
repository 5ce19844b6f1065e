//! From the arguments of a process to its exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use super::args::{Instance, Verb};
use super::command;
use super::context::Context;
use super::environment::Environment;
use super::exit::Exit;
use super::failure::CommandError;
use super::signal;
use crate::model::{Owner, RunId};
use crate::progress::Cancel;
use crate::ui::{Colour, Message, Terminal, Verbosity, listener, start_logging};

/// Runs `incus-backup-instance`.
pub fn instance() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Instance::command).complete();
    let arguments = match Instance::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            // Help and the version are what was asked for.
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    run(arguments).into()
}

fn run(arguments: Instance) -> Exit {
    let environment = Environment::read();
    let colour = if environment.no_color {
        Colour::Off
    } else {
        Colour::On
    };
    let terminal = Terminal::detect(colour);
    let verbosity = Verbosity::from(&arguments.verbosity);
    let tell = |message: &Message| {
        let text = verbosity.render(message, terminal.stderr_colour());
        let _ = io::stderr().write_all(text.as_bytes());
    };
    let progress = listener(&terminal, &verbosity);
    if let Err(error) = start_logging(&terminal, &verbosity) {
        tell(&Message::error(&error));
        return Exit::Failed;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
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
    let run = RunId::begin();
    let owner = Owner::current(&run);
    let cancel = Cancel::new();
    let context = Context {
        environment,
        terminal: terminal.clone(),
        verbosity,
        run,
        owner,
        progress,
        cancel,
    };
    let ended = runtime.block_on(async {
        signal::listen(context.cancel.clone(), context.progress.clone())
            .map_err(CommandError::Start)?;
        match arguments.verb {
            Verb::Create(args) => command::create(&context, args).await,
            Verb::List(args) => command::list(&context, args).await,
            Verb::Show(args) => command::show(&context, args).await,
            Verb::Restore(args) => command::restore(&context, args).await,
            Verb::Delete(args) => command::delete(&context, args).await,
        }
    });
    // A question that nobody answered still waits on its thread.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            tell(&error.message());
            error.exit()
        }
    }
}
