//! `incus-backup-setup aliases`: the client's own configuration is edited, and the client obeys it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::lab::{Bare as _, Ran, command, lab, program, program_for};

const CONFIG: &str = "# the servers of the shop
default-remote: local
remotes:
  shop: # since 2024
    addr: https://shop.example:8443
    future: [1, 2]
aliases:
  # short
  ls: list -c ns4 # names and states
defaults:
  list_format: compact
";

/// A configuration of the client.
struct Client {
    folder: TempDir,
}

impl Client {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.yml"), text).unwrap();
        fs::set_permissions(
            folder.path().join("config.yml"),
            fs::Permissions::from_mode(0o640),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.yml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = command(program_for("setup"));
        command
            .arg("aliases")
            .args(arguments)
            .bare()
            .env("INCUS_CONF", self.folder.path());
        Ran::of(&command.output().unwrap())
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn folder() -> &'static Path {
    Path::new(program()).parent().unwrap()
}

#[test]
fn aliases_come_and_go_and_the_rest_of_the_file_stays() {
    let client = Client::new(CONFIG);
    let rows = client
        .run(&["install", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row["action"] == "create"));
    let folder = folder().display();
    let (before, after) = CONFIG.split_once("defaults:").unwrap();
    let names = [
        "",
        "-all",
        "-bucket",
        "-config",
        "-image",
        "-instance",
        "-prune",
        "-setup",
        "-verify",
        "-volume",
    ];
    let lines = names.map(|name| format!("  backup{name}: {folder}/incus-backup{name}\n"));
    assert_eq!(
        client.text(),
        format!("{before}{}defaults:{after}", lines.concat())
    );
    let mode = fs::metadata(client.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    let files = client.files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(
        fs::read_to_string(client.folder.path().join(&files[1])).unwrap(),
        CONFIG
    );

    let again = client.run(&["install", "-f", "json"]).exits(0).rows();
    assert!(again.iter().all(|row| row["action"] == "skip"));
    assert_eq!(client.files(), files);

    client.run(&["remove", "--yes"]).exits(0);
    assert_eq!(client.text(), CONFIG);
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let client = Client::new(CONFIG);
    let ran = client.run(&["install", "--dry-run"]).exits(0);
    let folder = folder().display();
    let added: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with('+'))
        .collect();
    assert_eq!(added.len(), 11, "{}", ran.stdout);
    let line = format!("+  backup-instance: {folder}/incus-backup-instance");
    assert!(added.contains(&line.as_str()), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("\n   ls: list -c ns4 # names and states\n")
    );
    let removed = ran.stdout.lines().filter(|line| line.starts_with('-'));
    assert_eq!(removed.count(), 1, "only the header: {}", ran.stdout);
    assert_eq!((client.text().as_str(), client.files().len()), (CONFIG, 1));
    client.run(&["install"]).exits(5);
    assert_eq!((client.text().as_str(), client.files().len()), (CONFIG, 1));
}

#[test]
fn an_alias_of_the_user_s_own_is_refused_and_replaced_only_by_force() {
    let own = CONFIG.replace("  # short\n", "  backup: export # mine\n");
    let client = Client::new(&own);
    let ran = client.run(&["install", "--yes"]).exits(3);
    assert!(
        ran.stderr.contains("error: `backup` is refused"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    assert!(client.text().contains("  backup: export # mine\n"));
    assert!(client.text().contains("  backup-all: /"));
    client.run(&["remove", "--yes"]).exits(0);
    assert_eq!(client.text(), own);
    client.run(&["install", "--yes", "--force"]).exits(0);
    assert!(!client.text().contains("export"));
}

#[test]
fn what_cannot_be_edited_is_left_and_the_commands_are_named() {
    let client = Client::new("aliases: &anchor\n  ls: list\n");
    let ran = client.run(&["install", "--yes"]).exits(1);
    assert!(ran.stderr.contains("cannot edit `"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("hint: `incus-backup-setup aliases print`")
    );
    assert_eq!(client.files().len(), 1);
    let ran = client.run(&["print"]).exits(0);
    let line = format!(
        "incus alias add backup '{}/incus-backup'",
        folder().display()
    );
    assert_eq!(ran.stdout.lines().next(), Some(line.as_str()));
    assert_eq!(ran.stdout.lines().count(), 10);
}

#[test]
fn the_real_client_runs_the_programs_by_their_aliases() {
    if lab().is_none() {
        return;
    }
    // What the client itself writes first, what people write, and none at all.
    let first = tempfile::tempdir().unwrap();
    let incus = |client: &Client, arguments: &[&str]| {
        let mut command = command("incus");
        command
            .args(arguments)
            .env("INCUS_CONF", client.folder.path());
        Ran::of(&command.output().unwrap()).exits(0).stdout
    };
    Ran::of(
        &command("incus")
            .args(["remote", "list"])
            .env("INCUS_CONF", first.path())
            .output()
            .unwrap(),
    )
    .exits(0);
    let written = fs::read_to_string(first.path().join("config.yml")).unwrap_or_default();
    for text in [
        written.as_str(),
        CONFIG,
        "aliases: {ls: list}\nremotes: {}\n",
    ] {
        let client = Client::new(text);
        client.run(&["install", "--yes"]).exits(0);
        let version = format!("incus-backup-instance {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(incus(&client, &["backup-instance", "--version"]), version);
        assert_eq!(
            incus(&client, &["backup", "instance", "--version"]),
            version
        );
        client.run(&["remove", "--yes"]).exits(0);
        assert!(!incus(&client, &["alias", "list", "-f", "csv"]).contains("backup"));
    }
    let none = tempfile::tempdir().unwrap();
    let client = Client { folder: none };
    client.run(&["install", "--yes"]).exits(0);
    let remotes = incus(&client, &["remote", "list", "-f", "csv"]);
    assert!(
        remotes.contains("images") && remotes.contains("local"),
        "{remotes}"
    );
    assert!(incus(&client, &["alias", "list", "-f", "csv"]).contains("backup-volume,/"));
    // The commands that `print` gives do the same.
    // This client panics where the file has no aliases at all.
    let other = Client::new("aliases: {}\n");
    let script = other.run(&["print"]).exits(0).stdout;
    let mut shell = command("sh");
    shell
        .args(["-ec", &script])
        .env("INCUS_CONF", other.folder.path());
    Ran::of(&shell.output().unwrap()).exits(0);
    let list = ["alias", "list", "-f", "csv"];
    assert_eq!(incus(&client, &list), incus(&other, &list));
}
