//! Man pages and completions are rendered from the program's own definitions, and committed.
//!
//! `UPDATE_GENERATED=1 cargo test generated` writes them again.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::env::EnvCompleter;
use incus_backup::cli::args::{All, Bucket, Config, Image, Instance, Prune, Setup, Verify, Volume};
use incus_backup::cli::{Dispatcher, shells};

use crate::lab::variable;

pub fn commands() -> Vec<Command> {
    vec![
        Dispatcher::command(),
        Instance::command(),
        Config::command(),
        Bucket::command(),
        Image::command(),
        Volume::command(),
        All::command(),
        Prune::command(),
        Verify::command(),
        Setup::command(),
    ]
}

/// Every page of a program: its own, and one of each verb.
fn pages(command: &Command) -> Vec<(PathBuf, Vec<u8>)> {
    let name = command.get_name().to_owned();
    let version = env!("CARGO_PKG_VERSION");
    let mut all = vec![command.clone().name(name.clone())];
    for verb in command.get_subcommands() {
        let page = format!("{name}-{}", verb.get_name());
        let display = format!("{name} {}", verb.get_name());
        all.push(
            verb.clone()
                .name(page)
                .bin_name(display)
                .disable_version_flag(true)
                .disable_help_flag(true),
        );
    }
    all.into_iter()
        .map(|page| {
            let path = Path::new("man").join(format!("{}.1", page.get_name()));
            let mut text = Vec::new();
            let source = format!("incus-backup {version}");
            clap_mangen::Man::new(page)
                .source(source)
                .render(&mut text)
                .unwrap();
            (path, text)
        })
        .collect()
}

/// What makes a shell ask the program itself.
fn completions(command: &Command) -> Vec<(PathBuf, Vec<u8>)> {
    let name = command.get_name();
    let one = |shell: &dyn EnvCompleter| {
        let mut text = Vec::new();
        shell
            .write_registration("COMPLETE", name, name, name, &mut text)
            .unwrap();
        let file = match shell.name() {
            "zsh" => format!("_{name}"),
            "fish" => format!("{name}.fish"),
            _ => name.to_owned(),
        };
        (Path::new("completions").join(shell.name()).join(file), text)
    };
    shells().into_iter().map(one).collect()
}

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = variable("UPDATE_GENERATED").is_some();
    let mut stale = Vec::new();
    for command in commands() {
        for (path, text) in [pages(&command), completions(&command)].concat() {
            let whole = root.join(&path);
            if fs::read(&whole).ok().as_deref() == Some(&text) {
                continue;
            }
            if update {
                fs::create_dir_all(whole.parent().unwrap()).unwrap();
                fs::write(&whole, text).unwrap();
            } else {
                stale.push(path);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "run UPDATE_GENERATED=1 cargo test generated: {stale:?}"
    );
}

#[test]
fn every_flag_has_a_help_text() {
    fn check(command: &Command) {
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
        {
            assert!(
                argument.get_help().is_some(),
                "{} {}",
                command.get_name(),
                argument.get_id()
            );
        }
        command.get_subcommands().for_each(check);
    }
    commands().iter().for_each(check);
    commands().into_iter().for_each(Command::debug_assert);
}
