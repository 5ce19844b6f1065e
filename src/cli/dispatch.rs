//! `incus-backup KIND …`: runs the helper `incus-backup-KIND`, so that one alias is enough.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::exit::{EXIT_STATUS, Exit};
use crate::ui::{Colour, Message, Severity};

/// Back up what an Incus server holds
///
/// `incus-backup instance create web` is the same as `incus-backup-instance create web`; after
/// `incus alias add backup /usr/bin/incus-backup` so is `incus backup instance create web`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup",
    version,
    after_help = EXIT_STATUS,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Dispatcher {
    /// What is backed up, such as `instance`
    #[arg(value_name = "KIND")]
    pub kind: String,
    /// What the helper is told
    #[arg(
        value_name = "ARGUMENTS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<OsString>,
}

/// Runs `incus-backup`.
pub fn dispatcher() -> ExitCode {
    let arguments = match parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    let message = match helper(&arguments.kind) {
        Ok(path) => {
            let error = exec(&path, &arguments.arguments);
            format!("cannot run `{}`: {error}", path.display())
        }
        Err(message) => message,
    };
    let message = Message {
        level: Severity::Error,
        message,
        causes: Vec::new(),
        hints: vec![
            "the kinds are those of the helpers beside this program, such as `instance`".to_owned(),
        ],
    };
    let _ = std::io::stderr().write_all(message.render(Colour::Off).as_bytes());
    Exit::Usage.into()
}

/// Takes the words apart: all that stands behind a kind is the helper's, `--help` too.
fn parse(words: impl Iterator<Item = OsString>) -> Result<Dispatcher, clap::Error> {
    let words: Vec<OsString> = words.collect();
    match words.get(1).and_then(|word| word.to_str()) {
        Some(kind) if !kind.starts_with('-') => Ok(Dispatcher {
            kind: kind.to_owned(),
            arguments: words[2..].to_vec(),
        }),
        _ => Dispatcher::try_parse_from(words),
    }
}

/// The helper for a kind, which stands beside this program: what is on `PATH` is not trusted.
fn helper(kind: &str) -> Result<PathBuf, String> {
    if kind.is_empty()
        || !kind
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    {
        return Err(format!("`{kind}` is not a kind"));
    }
    let own = std::env::current_exe().map_err(|error| format!("cannot find itself: {error}"))?;
    let path = own.with_file_name(format!("incus-backup-{kind}"));
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("`{kind}` is not a kind"))
    }
}

/// Becomes the helper; comes back only with an error.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that runs the helpers"
)]
fn exec(path: &PathBuf, arguments: &[OsString]) -> std::io::Error {
    std::process::Command::new(path).args(arguments).exec()
}
