//! The one program that packages ship, behind links with the names of all others.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use assert_cmd::Command;
use incus_backup::testing::fake::Series;
use predicates::str;
use rstest::{fixture, rstest};
use tempfile::TempDir;

use crate::fake::World;
use crate::lab::{Ran, command};

/// A folder with a link of each name to the dispatcher.
#[fixture]
fn links() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let link = folder.path().join(format!("incus-backup-{kind}"));
        symlink(env!("CARGO_BIN_EXE_incus-backup"), link).unwrap();
    }
    folder
}

const KINDS: [&str; 9] = [
    "all", "bucket", "config", "image", "instance", "prune", "setup", "verify", "volume",
];

fn link(links: &TempDir, kind: &str) -> PathBuf {
    links.path().join(format!("incus-backup-{kind}"))
}

#[rstest]
fn a_link_is_the_helper_of_its_name(links: TempDir) {
    for kind in KINDS {
        Command::new(link(&links, kind))
            .arg("--version")
            .assert()
            .success()
            .stdout(str::starts_with(format!("incus-backup-{kind} ")));
    }
}

#[rstest]
fn a_link_is_a_whole_helper(links: TempDir) {
    let target = format!("dir:{}/nothing", links.path().display());
    Command::new(link(&links, "verify"))
        .env("HOME", links.path())
        .args(["--target", &target])
        .assert()
        .code(10)
        .stderr(str::contains("nothing"));
}

/// A killed run's instances are resumed by a process that is started from the program's own file, which
/// is not the link.
#[test]
fn the_program_behind_the_links_can_be_a_guard() {
    let world = World::new(Series::Lts70);
    let guard = |remote: &str| {
        let ran = world
            .command_for("all", &[])
            .get_envs()
            .fold(
                &mut command(env!("CARGO_BIN_EXE_incus-backup")),
                |command, (name, value)| command.env(name, value.unwrap_or_default()),
            )
            .args(["--guard-paused-instances", remote])
            .output();
        Ran::of(&ran.unwrap())
    };
    assert_eq!(guard("local").exits(0).stdout, "ready\n");
    // One that cannot be a guard says so to whoever waits for it.
    let refused = guard("nowhere").exits(1).stdout;
    assert!(
        refused.contains("nowhere") && refused.lines().count() == 1,
        "{refused}"
    );
}
