//! Completion with the TAB key: verbs, flags, and names that a server or a target has at the time.
//!
//! # Design
//!
//! A shell asks the program itself (`COMPLETE=bash incus-backup-instance -- …`, clap's protocol), and so
//! does `incus` for an alias, in the protocol of its own library: `TOOL __complete FRAGMENT WORD…`, the
//! word at the cursor first and those before it behind. Which argument wants which names is told by the
//! name of its value, as help shows it, so that no argument needs a word about completion.
//!
//! Whatever goes wrong, nothing is said: a completion that cannot be had is an empty one.

mod bash;
mod line;
mod live;
mod stored;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::engine::{self, CompletionCandidate};
use clap_complete::env::{EnvCompleter, Fish, Shells, Zsh};

use super::exit::Exit;

use bash::Bash;

/// The words of the command line, as far as the cursor, from the program's name on.
static WORDS: OnceLock<Vec<String>> = OnceLock::new();

/// The shells that are helped.
const SHELLS: [&dyn EnvCompleter; 3] = [&Bash, &Fish, &Zsh];

/// The shells for which a package installs a file.
pub fn shells() -> [&'static dyn EnvCompleter; 3] {
    SHELLS
}

/// Answers where a completion is asked for, and nothing else.
pub(super) fn intercept(factory: fn() -> Command) -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "__complete") {
        for_incus(factory, &words);
        return Some(Exit::Done.into());
    }
    // Bash hands on the line itself, in place of words.
    let line = super::environment::bash_line();
    if line.is_empty() {
        let line = words.iter().skip_while(|word| *word != "--").skip(1);
        remember(line.cloned());
    } else {
        remember(line::words(&line).into_iter().map(OsString::from));
    }
    let complete = CompleteEnv::with_factory(|| live::with_names(factory()))
        .shells(Shells(&SHELLS))
        .try_complete(words, None);
    match complete {
        Ok(false) => None,
        Ok(true) | Err(_) => Some(Exit::Done.into()),
    }
}

fn remember(words: impl Iterator<Item = OsString>) {
    let words = words.map(|word| word.to_string_lossy().into_owned());
    let _ = WORDS.set(words.collect());
}

/// The words of the command line.
fn words() -> &'static [String] {
    WORDS.get().map_or(&[], Vec::as_slice)
}

/// Answers as programs do that are made of the library of `incus`: a candidate a line, and a last line
/// that says that files are no candidates.
fn for_incus(factory: fn() -> Command, asked: &[OsString]) {
    let program = asked.first().cloned().unwrap_or_default();
    let mut line = vec![program];
    let rest = asked.get(2..).unwrap_or_default();
    // Its own order, which is a bug of `incus` up to 7.3 at least, is known by what it sets.
    if super::environment::is_alias() {
        line.extend(rest.iter().skip(1).cloned());
        line.push(rest.first().cloned().unwrap_or_default());
    } else {
        line.extend(rest.iter().cloned());
        if rest.is_empty() {
            line.push(OsString::new());
        }
    }
    remember(line.iter().cloned());
    let mut out = String::new();
    for candidate in candidates(&mut live::with_names(factory()), line, None) {
        out.push_str(&candidate.get_value().to_string_lossy());
        let help = candidate.get_help().map(ToString::to_string);
        if let Some(help) = help.as_deref().and_then(|help| help.lines().next()) {
            out.push('\t');
            out.push_str(help);
        }
        out.push('\n');
    }
    out.push_str(":4\n");
    let _ = std::io::stdout().write_all(out.as_bytes());
}

/// The candidates for the last word.
fn candidates(
    command: &mut Command,
    line: Vec<OsString>,
    folder: Option<&Path>,
) -> Vec<CompletionCandidate> {
    let index = line.len().saturating_sub(1);
    let hidden = |candidate: &CompletionCandidate| candidate.is_hide_set();
    let mut all = engine::complete(command, line, index, folder).unwrap_or_default();
    if all.iter().any(|candidate| !hidden(candidate)) {
        all.retain(|candidate| !hidden(candidate));
    }
    all.retain(|candidate| candidate.get_value() != OsStr::new(""));
    all
}
