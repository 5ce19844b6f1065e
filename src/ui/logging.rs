//! How much is said on stderr, and in which form.

use std::io;

use tracing_subscriber::EnvFilter;

use super::{Colour, Message, Terminal};

/// The form of what goes to stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is said, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verbosity {
    /// Errors and results only.
    pub quiet: bool,
    /// More about what is done.
    pub verbose: bool,
    /// Every request and decision.
    pub debug: bool,
    /// In which form.
    pub format: LogFormat,
}

impl Verbosity {
    /// A message as it is told.
    pub fn render(&self, message: &Message, colour: Colour) -> String {
        match self.format {
            LogFormat::Text => message.render(colour),
            LogFormat::Json => message.to_json(),
        }
    }
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set the log up")]
pub struct LoggingFailed(#[source] tracing_subscriber::util::TryInitError);

/// Starts the log: on stderr, and only what was asked for.
pub fn start_logging(terminal: &Terminal, verbosity: &Verbosity) -> Result<(), LoggingFailed> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = match (verbosity.debug, verbosity.verbose) {
        (true, _) => "incus_backup=debug",
        (false, true) => "incus_backup=info",
        _ => "off",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(io::stderr)
        .with_ansi(terminal.stderr_colour() == Colour::On);
    match verbosity.format {
        LogFormat::Text => builder.finish().try_init().map_err(LoggingFailed),
        LogFormat::Json => builder.json().finish().try_init().map_err(LoggingFailed),
    }
}
