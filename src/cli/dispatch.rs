//! `incus-backup KIND …`: runs the helper `incus-backup-KIND`, so that one alias is enough.
//!
//! A package ships this program alone, and links with the names of the helpers: run by such a name, it
//! is that helper.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _, Parser};

use super::exit::{EXIT_STATUS, Exit};
use super::{args, complete, guard, run};
use crate::ui::{Colour, Message, Severity};

/// A helper: the name of its program, and what runs it.
type Helper = (&'static str, fn() -> ExitCode);

const HELPERS: [Helper; 9] = [
    ("incus-backup-all", run::all),
    ("incus-backup-bucket", run::bucket),
    ("incus-backup-config", run::config),
    ("incus-backup-image", run::image),
    ("incus-backup-instance", run::instance),
    ("incus-backup-prune", run::prune),
    ("incus-backup-setup", run::setup),
    ("incus-backup-verify", run::verify),
    ("incus-backup-volume", run::volume),
];

const EXAMPLES: &str = "Examples:
  incus-backup instance create web
  incus-backup all list
  incus-backup verify --latest";

/// Back up what an Incus server holds
///
/// `incus-backup instance create web` is the same as `incus-backup-instance create web`; after
/// `incus alias add backup /usr/bin/incus-backup` so is `incus backup instance create web`.
#[derive(Debug, Parser)]
#[command(
    name = "incus-backup",
    version,
    after_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}"),
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

/// Runs `incus-backup`, or the helper by whose name it was started.
pub fn dispatcher() -> ExitCode {
    match std::env::args_os().next().as_deref().and_then(named) {
        Some((_, run)) => run(),
        None => dispatch(),
    }
}

/// The helper that a program's name means.
fn named(program: &OsStr) -> Option<Helper> {
    let name = Path::new(program).file_name()?;
    HELPERS.into_iter().find(|(helper, _)| name == *helper)
}

fn dispatch() -> ExitCode {
    // A helper starts its guard from the file that it is, which is this program behind a link.
    if let Some(exit) = guard::intercept() {
        return exit;
    }
    if let Some(exit) = complete::intercept(with_helpers) {
        return exit;
    }
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

/// The dispatcher with every helper as a verb, for completion.
fn with_helpers() -> Command {
    let helpers: [Command; 9] = [
        args::All::command(),
        args::Bucket::command(),
        args::Config::command(),
        args::Image::command(),
        args::Instance::command(),
        args::Prune::command(),
        args::Setup::command(),
        args::Verify::command(),
        args::Volume::command(),
    ];
    let verbs = helpers.into_iter().map(|helper| {
        let kind = helper.get_name().trim_start_matches("incus-backup-");
        let kind = kind.to_owned();
        helper.name(kind)
    });
    // `KIND` would take every word for its own.
    Command::new("incus-backup")
        .disable_help_subcommand(true)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(verbs)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_helper_by_whose_name_it_is_run() {
        let helper = |program: &str| named(OsStr::new(program)).map(|(name, _)| name);
        assert_eq!(helper("incus-backup-all"), Some("incus-backup-all"));
        let path = "/usr/bin/incus-backup-verify";
        assert_eq!(helper(path), Some("incus-backup-verify"));
        for other in ["incus-backup", "/x/incus-backup-all/incus-backup", "", "/"] {
            assert_eq!(helper(other), None, "{other}");
        }
    }
}
