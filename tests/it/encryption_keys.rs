//! Keys that are locked, and keys of plugins.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use incus_backup::testing::fake::Series;
use incus_backup::testing::key_file::KeyFile;

use crate::encryption::Site;
use crate::fake::World;
use crate::lab::{Ran, kill, variable};
use crate::terminal::TestTerminal;

const PASSPHRASE: &str = "correct horse";

/// A site whose key is locked with a passphrase, in a file of its own.
fn locked() -> (Site, String) {
    let (site, _) = Site::stored();
    let passphrase = age::secrecy::SecretString::from(PASSPHRASE.to_owned());
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(2);
    let plain = fs::read(site.key.path()).unwrap();
    let file = site.world.folder.path().join("locked.key");
    fs::write(&file, age::encrypt(&recipient, &plain).unwrap()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (site, file)
}

fn restoring(site: &Site, file: &str) -> Command {
    let arguments = ["restore", "web", "--yes", "-q", "--identity", file];
    site.world.command(&arguments)
}

#[test]
fn a_passphrase_is_asked_for_once_on_the_terminal_and_not_shown() {
    let (site, file) = locked();
    site.is_gone();
    let terminal = TestTerminal::open();
    let child = terminal.run(restoring(&site, &file).stdout(Stdio::piped()));
    terminal.wait_for("Passphrase of");
    assert!(!terminal.echoes());
    terminal.answer("Passphrase of", PASSPHRASE);
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", terminal.said());
    assert!(terminal.echoes());
    assert_eq!(terminal.said(), format!("Passphrase of `{file}`: \r\n"));
    assert_eq!(site.world.flag("web"), "Stopped");
}

#[test]
fn a_wrong_passphrase_and_none_end_the_command_before_anything_happens() {
    let (site, file) = locked();
    site.is_gone();
    let terminal = TestTerminal::open();
    let mut child = terminal.run(&mut restoring(&site, &file));
    terminal.answer("Passphrase of", "other");
    assert_eq!(child.wait().unwrap().code(), Some(12));
    terminal.wait_for("its passphrase is another one");
    let ran = Ran::of(&restoring(&site, &file).output().unwrap()).exits(12);
    assert!(
        ran.stderr.contains("only a terminal is asked"),
        "{}",
        ran.stderr
    );
    assert_eq!(site.world.flag("web"), "gone");
}

#[test]
fn ctrl_c_at_the_question_for_a_passphrase_ends_any_command() {
    let (site, file) = locked();
    for (kind, arguments) in [
        ("instance", &["restore", "web", "--yes"][..]),
        ("instance", &["files", "list", "web"]),
        ("verify", &["--level", "full"]),
    ] {
        let terminal = TestTerminal::open();
        let arguments = [arguments, &["--identity", &file]].concat();
        let mut child = terminal.run(&mut site.world.command_for(kind, &arguments));
        terminal.wait_for("Passphrase of");
        kill(child.id(), "INT");
        assert_ne!(
            child.wait().unwrap().code(),
            Some(0),
            "{kind} {arguments:?}"
        );
        assert!(terminal.echoes(), "{kind} {arguments:?}");
    }
}

/// Wraps the key of a file by leaving it as it is. The recipient and the identity say "for tests".
const PLUGIN: &str = r#"#!/bin/bash
next() {
  read -r head || exit 1
  body=
  while read -r line; do
    body+=$line
    [ ${#line} -lt 64 ] && break
  done
}
case $1 in
  *recipient-v1)
    while next && [ "$head" != "-> done" ]; do
      case $head in "-> wrap-file-key"*) key=$body ;; esac
    done
    printf -- '-> recipient-stanza 0 paper\n%s\n' "$key"
    next
    ;;
  *identity-v1)
    while next && [ "$head" != "-> done" ]; do
      case $head in "-> recipient-stanza 0 paper") key=$body ;; esac
    done
    if [ -n "$key" ]; then
      printf -- '-> file-key 0\n%s\n' "$key"
      next
    fi
    ;;
esac
printf -- '-> done\n\n'
"#;
const RECIPIENT: &str = "age1paper1vehhygr5v4ehgucds2l7l";
const IDENTITY: &str = "AGE-PLUGIN-PAPER-1VEHHYGR5V4EHGUCKRCD8S";

#[test]
fn a_plugin_encrypts_and_decrypts_beside_a_key_of_ones_own() {
    let world = World::with_web(Series::Lts70, "zfs");
    let key = KeyFile::new();
    let programs = world.folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    let plugin = programs.join("age-plugin-paper");
    fs::write(&plugin, PLUGIN).unwrap();
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let identity = world.folder.path().join("paper.key");
    fs::write(&identity, format!("# on paper\n{IDENTITY}\n")).unwrap();
    let path = format!("{}:{}", programs.display(), variable("PATH").unwrap());
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        Ran::of(&command.env("PATH", &path).output().unwrap())
    };
    let recipients = ["--recipient", RECIPIENT, "--recipient", key.recipient()];
    let create = [&["create", "web", "--yes"], &recipients[..]].concat();
    // Without its program nothing is begun.
    let ran = world.run(&create).exits(2);
    assert!(ran.stderr.contains("`age-plugin-paper`"), "{}", ran.stderr);
    assert!(!world.root().exists());
    run(&create).exits(0);
    for file in [identity.to_str().unwrap(), key.text()] {
        let with = ["--identity", file];
        run(&[&["files", "get", "web/data/y", "-"], &with[..]].concat()).exits(0);
    }
    // One that breaks off costs the new version alone.
    for broken in ["exit 1", "read -r line; kill -9 $$", "echo nonsense"] {
        fs::write(&plugin, format!("#!/bin/bash\n{broken}\n")).unwrap();
        assert_ne!(run(&create).code, Some(0), "{broken}");
        assert_eq!(world.versions(), 1, "{broken}");
        assert_eq!(world.left_over(), Vec::<String>::new(), "{broken}");
    }
    fs::write(&plugin, PLUGIN).unwrap();
    world.incus.state().instances.clear();
    let with = [
        "restore",
        "web",
        "--yes",
        "--identity",
        identity.to_str().unwrap(),
    ];
    run(&with).exits(0);
    assert_eq!(world.flag("web"), "Stopped");
}
