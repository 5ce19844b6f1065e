//! Client keys that are protected by a password: asked for once, on a terminal, and by nobody else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;

use crate::fake::World;
use crate::faults_volumes::{Operation, left_over};
use crate::https::{Pair, known_client};
use crate::lab::{Ran, kill, until};
use crate::terminal::TestTerminal;

const PLAIN: &str = include_str!("fixtures/keys/plain-pkcs8.pem");
const PKCS8: &str = include_str!("fixtures/keys/pkcs8.pem");
const LEGACY: &str = include_str!("fixtures/keys/ec-aes256.pem");
const OPENSSH: &str = include_str!("fixtures/keys/openssh.pem");
const OPEN: &str = include_str!("fixtures/keys/openssh-open.pem");
const CHACHA: &str = include_str!("fixtures/keys/openssh-chacha.pem");
const P521: &str = include_str!("fixtures/keys/openssh-p521.pem");

/// A certificate of the fixtures' key.
fn client() -> Pair {
    let key = rcgen::KeyPair::from_pem(PLAIN).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["client".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    Pair {
        certificate: certificate.pem(),
        key: PLAIN.to_owned(),
    }
}

/// The configuration of a client with this key, in front of a world.
fn conf(world: &World, key: &str) -> PathBuf {
    let conf = known_client(world, &client());
    std::fs::write(conf.join("client.key"), key).unwrap();
    conf
}

fn told(mut command: Command, conf: &Path) -> Command {
    command.env("INCUS_CONF", conf);
    command
}

#[rstest]
#[case::pkcs8(PKCS8)]
#[case::legacy(LEGACY)]
#[case::openssh(OPENSSH)]
fn a_password_is_asked_for_once_on_the_terminal_and_not_shown(#[case] key: &str) {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, key);
    let terminal = TestTerminal::open();
    let mut command = told(world.command(&["create", "web", "--yes", "-q"]), &conf);
    let child = terminal.run(command.stdout(Stdio::piped()));
    terminal.wait_for("Password of");
    assert!(!terminal.echoes());
    terminal.answer("Password of", "secret");
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", terminal.said());
    assert!(terminal.echoes());
    let question = format!("Password of `{}/client.key`: \r\n", conf.display());
    assert_eq!(terminal.said(), question);
    assert_eq!(world.versions(), 1);
}

#[test]
fn a_key_of_openssh_without_a_password_is_used_without_a_question() {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, OPEN);
    let run = told(world.command(&["create", "web", "--yes"]), &conf).output();
    Ran::of(&run.unwrap()).exits(0);
}

#[test]
fn without_a_terminal_it_is_told_what_to_do() {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, PKCS8);
    let run = || told(world.command(&["create", "web", "--yes"]), &conf).output();
    let ran = Ran::of(&run().unwrap()).exits(1);
    let key = conf.join("client.key");
    assert_eq!(
        ran.stderr,
        format!(
            "error: cannot connect to the remote `far`\n  \
             caused by: the key `{}` is protected by a password\n  \
             caused by: there is no terminal to ask for it\n\n\
             hint: run it on a terminal; what runs without one needs a key without a password, which \
             `clientcerts/far.crt` and `clientcerts/far.key` may hold for this remote alone\n",
            key.display()
        )
    );
    // What the hint says helps.
    let own = conf.join("clientcerts");
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(conf.join("client.crt"), own.join("far.crt")).unwrap();
    std::fs::write(own.join("far.key"), PLAIN).unwrap();
    Ran::of(&run().unwrap()).exits(0);
}

#[test]
fn a_wrong_password_ends_the_command() {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, PKCS8);
    let terminal = TestTerminal::open();
    let mut command = told(world.command(&["create", "web", "--yes"]), &conf);
    let mut child = terminal.run(&mut command);
    terminal.answer("Password of", "other");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    terminal.wait_for("what was given does not open it");
    terminal.wait_for("run it again, and give its password");
    assert_eq!(world.versions(), 0);
}

#[test]
fn ctrl_c_at_the_question_ends_the_command_and_leaves_the_terminal_as_it_was() {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, PKCS8);
    let terminal = TestTerminal::open();
    let mut child = terminal.run(&mut told(world.command(&["create", "web", "--yes"]), &conf));
    terminal.wait_for("Password of");
    assert!(!terminal.echoes());
    kill(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(terminal.echoes());
}

#[rstest]
#[case::cipher(
    CHACHA,
    "OpenSSH's cipher chacha20-poly1305@openssh.com",
    "`ssh-keygen -p -Z aes256-ctr -f "
)]
#[case::kind(
    P521,
    "OpenSSH's kind ecdsa-sha2-nistp521",
    "use a key of ECDSA (P-256 or P-384)"
)]
fn a_key_that_cannot_be_used_is_refused_with_what_helps(
    #[case] key: &str,
    #[case] how: &str,
    #[case] hint: &str,
) {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, key);
    let run = told(world.command(&["create", "web", "--yes"]), &conf).output();
    let ran = Ran::of(&run.unwrap()).exits(1);
    let how = format!("is protected in a way that is not supported (`{how}`)");
    assert!(ran.stderr.contains(&how), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("hint: {hint}")),
        "{}",
        ran.stderr
    );
}

#[test]
fn servers_that_share_a_key_ask_for_it_once() {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = conf(&world, PKCS8);
    let text = std::fs::read_to_string(conf.join("config.yml")).unwrap();
    let twice = text.replace("  far:", "  far: &far") + "  near: *far\n";
    std::fs::write(conf.join("config.yml"), twice).unwrap();
    let terminal = TestTerminal::open();
    let arguments = ["create", "far:", "near:", "--yes", "-q"];
    let mut command = told(world.command_for("all", &arguments), &conf);
    let mut child = terminal.run(command.stdout(Stdio::null()));
    terminal.answer("Password of", "secret");
    child.wait().unwrap();
    assert_eq!(terminal.said().matches("Password of").count(), 1);
    assert_eq!(world.versions(), 1);
}

/// What environment and arguments the guard of a world has.
fn guard(world: &World) -> Option<String> {
    let folder = format!("INCUS_DIR={}\0", world.folder.path().display());
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| {
            let bytes = std::fs::read(process.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (arguments, environment) = (read("cmdline"), read("environ"));
        if arguments.contains("--guard-paused-instances") && environment.contains(&folder) {
            return Some(arguments + &environment);
        }
    }
    None
}

/// The guard of paused instances connects with the key that was opened, which only its pipe told it.
#[test]
fn the_guard_resumes_what_is_paused_without_asking() {
    let world = Operation::Create.world(Series::Lts60);
    let conf = conf(&world, PKCS8);
    world
        .incus
        .inject(Fault::parse("hang:Copying storage volume").unwrap());
    let terminal = TestTerminal::open();
    let mut command = told(
        world.command_for("volume", Operation::Create.arguments()),
        &conf,
    );
    let mut child = terminal.run(command.stdout(Stdio::null()));
    terminal.answer("Password of", "secret");
    let status = || world.incus.state().instance("web").unwrap().status;
    until(30, "the copy", || world.incus.state().faults.is_empty());
    assert_eq!(status(), "Frozen");
    let told = guard(&world).expect("a guard");
    assert!(
        !told.contains("secret") && !told.contains("\"der\""),
        "{told}"
    );
    kill(child.id(), "KILL");
    child.wait().unwrap();
    until(30, "the container to go on", || status() == "Running");
    assert_eq!(terminal.said().matches("Password of").count(), 1);
    world.incus.state().give_up();
    let mut command = world.command_for("volume", Operation::Create.arguments());
    command.env("INCUS_CONF", "/none");
    Ran::of(&command.output().unwrap()).exits(0);
    assert_eq!(left_over(&world, true), Vec::<String>::new());
}
