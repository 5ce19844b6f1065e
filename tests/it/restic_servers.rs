//! Repositories on real servers of this machine: REST that only takes additions, S3, SFTP.
//!
//! `TEST_RCLONE`, `TEST_MOTO` and `TEST_SFTP_SERVER` name the programs; `scripts/test` fetches them. Where
//! there is none its tests say so and pass.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::lab::{Ran, command, until, variable};
use crate::restic::{Repository, needs_restic};
use crate::restic_commands::Site;

/// A server, which ends with its test.
struct Server {
    child: Child,
    at: SocketAddr,
}

impl Server {
    /// Starts it at a port that nobody has, and waits until it listens.
    fn start(mut command: Command, address: impl Fn(&mut Command, SocketAddr)) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = free.local_addr().unwrap();
        drop(free);
        address(&mut command, at);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(60, "the server", || TcpStream::connect(at).is_ok());
        Self { child, at }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that a variable names, if there is one.
fn program(name: &str) -> Option<Command> {
    let found = variable(name).map(command);
    if found.is_none() {
        eprintln!("{name} names no program: not tested");
    }
    found
}

/// A repository behind a server: what is said to the program under test.
struct Remote {
    site: Site,
    uri: String,
    environment: Vec<(&'static str, &'static str)>,
}

impl Remote {
    fn new(repository: Repository, address: &str) -> Self {
        let (password, cache) = (repository.beside("password"), repository.beside("cache"));
        let uri = format!(
            "restic:repo={address},password-file={},cache-dir={}",
            password.display(),
            cache.display()
        );
        Self {
            site: Site::with(repository),
            uri,
            environment: Vec::new(),
        }
    }

    fn run(&self, kind: &str, words: &[&str]) -> Ran {
        let mut command = self.site.command(kind, words);
        command
            .env("INCUS_BACKUP_TARGET", &self.uri)
            .envs(self.environment.iter().copied());
        Ran::of(&command.output().unwrap())
    }

    fn versions(&self) -> Vec<String> {
        let rows = self
            .run("instance", &["list", "-f", "json"])
            .exits(0)
            .rows();
        assert!(
            rows.iter().all(|row| row["state"] == "complete"),
            "{rows:?}"
        );
        let versions = rows.iter().map(|row| row["version"].as_str().unwrap());
        versions.map(str::to_owned).collect()
    }

    /// What is stored through it comes back.
    fn keeps_what_it_is_given(&self) {
        let create = ["create", "web", "--yes", "-f", "json"];
        let rows = self.run("instance", &create).exits(0).rows();
        assert_eq!(rows[0]["status"], "done");
        assert_eq!(self.versions(), [rows[0]["version"].as_str().unwrap()]);
        let shown = self
            .run("instance", &["show", "web", "-f", "json"])
            .exits(0);
        assert!(shown.stdout.contains("\"user.note\"") || shown.stdout.contains("\"web\""));
        let verify = self
            .run("verify", &["--level", "full", "-f", "json"])
            .exits(0);
        assert_eq!(verify.rows()[0]["verdict"], "good", "{}", verify.stdout);
        let files = || {
            self.site
                .world
                .incus
                .state()
                .instance("web")
                .unwrap()
                .files
                .clone()
        };
        let before = files();
        self.site.world.incus.state().instances.clear();
        self.run("instance", &["restore", "web", "--yes"]).exits(0);
        assert_eq!(files(), before);
    }
}

/// rclone, which serves this repository and lets nothing be removed.
fn append_only(repository: &Repository) -> Option<Server> {
    let mut rclone = program("TEST_RCLONE")?;
    rclone
        .args(["serve", "restic", "--append-only", "--user", "me"])
        .args(["--pass", "s3cret"])
        .arg(repository.path())
        .env("HOME", repository.beside("home"));
    Some(Server::start(rclone, |command, at| {
        command.args(["--addr", &at.to_string()]);
    }))
}

const LET_IN: [(&str, &str); 2] = [
    ("RESTIC_REST_USERNAME", "me"),
    ("RESTIC_REST_PASSWORD", "s3cret"),
];

#[test]
fn a_rest_server_that_only_takes_additions_keeps_backups_and_lets_none_go() {
    needs_restic!();
    let repository = Repository::new();
    let Some(server) = append_only(&repository) else {
        return;
    };
    let mut remote = Remote::new(repository, &format!("rest:http://{}/", server.at));
    // Who is not let in is told so, and not that there is nothing.
    let ran = remote.run("instance", &["list"]).exits(1);
    assert!(ran.stderr.contains("401 Unauthorized"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("RESTIC_REST_USERNAME"),
        "{}",
        ran.stderr
    );
    remote.environment = LET_IN.into();
    remote.keeps_what_it_is_given();
    let ran = remote.run("verify", &["--level", "quick"]).exits(0);
    let text = "checks are not recorded: restic repository";
    assert_eq!(ran.stderr.matches(text).count(), 1, "{}", ran.stderr);
    remote.run("instance", &["create", "web", "--yes"]).exits(0);
    let versions = remote.versions();
    let snapshots = || (remote.site.parts("data"), remote.site.parts("manifest"));
    let before = snapshots();
    for (kind, words) in [
        ("prune", &["--keep-last", "1", "--yes"][..]),
        (
            "instance",
            &["delete", "web", "--version", &versions[0], "--yes"],
        ),
    ] {
        let ran = remote.run(kind, words).exits(1);
        let text = "takes additions only: its server lets nothing be removed";
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
        assert_eq!(remote.versions(), versions);
        assert_eq!(snapshots(), before);
    }
    // What is protected is so, and the rest goes where the repository itself is.
    let protect = ["protect", "web", "--version", &versions[0], "--yes"];
    remote.run("instance", &protect).exits(0);
    drop(server);
    let site = &remote.site;
    site.run("instance", &["create", "web", "--yes"]).exits(0);
    site.run("prune", &["--keep-last", "1", "--yes"]).exits(0);
    let left = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let left: Vec<_> = left
        .iter()
        .map(|row| (&row["version"], &row["protected"]))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(
        (left[0].0, left[0].1),
        (&versions[0].as_str().into(), &true.into())
    );
    site.repository.is_clean();
}

/// Whatever an interrupted run left there cannot be cleared, and is in nobody's way.
#[test]
fn a_rest_server_that_only_takes_additions_takes_them_beside_what_was_left() {
    needs_restic!();
    let repository = Repository::new();
    let Some(server) = append_only(&repository) else {
        return;
    };
    let mut remote = Remote::new(repository, &format!("rest:http://{}/", server.at));
    remote.environment = LET_IN.into();
    remote.run("instance", &["create", "web", "--yes"]).exits(0);
    let all = remote.site.repository.snapshots();
    let manifest = all
        .iter()
        .find(|it| crate::restic::tag(it, "part").as_deref() == Some("manifest"))
        .unwrap();
    let id = manifest["id"].as_str().unwrap();
    remote.site.repository.restic(&["forget", id]);
    assert_eq!(remote.site.repository.orphans().len(), 1);
    remote.run("instance", &["create", "web", "--yes"]).exits(0);
    assert_eq!(remote.versions().len(), 1);
    assert_eq!(remote.site.repository.orphans().len(), 1);
}

#[test]
fn a_bucket_keeps_backups() {
    needs_restic!();
    let Some(moto) = program("TEST_MOTO") else {
        return;
    };
    let server = Server::start(moto, |command, at| {
        command.args(["-H", "127.0.0.1", "-p", &at.port().to_string()]);
    });
    let address = format!("s3:http://{}/backups/here", server.at);
    let mut remote = Remote::new(Repository::missing(), &address);
    remote.uri.push_str(",option.s3.region=eu-west-1");
    remote.environment = vec![
        ("AWS_ACCESS_KEY_ID", "me"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ];
    remote.run("instance", &["list"]).exits(10);
    remote.run("instance", &["create", "web"]).exits(5);
    remote.keeps_what_it_is_given();
    remote.run("instance", &["create", "web", "--yes"]).exits(0);
    let versions = remote.versions();
    remote.run("prune", &["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(remote.versions(), versions[1..]);
    remote.run("verify", &["--level", "quick"]).exits(0);
}

/// The SFTP server is started by restic itself, as it starts `ssh`.
#[test]
fn an_sftp_server_keeps_backups() {
    needs_restic!();
    let Some(server) = variable("TEST_SFTP_SERVER") else {
        eprintln!("TEST_SFTP_SERVER names no program: not tested");
        return;
    };
    let repository = Repository::new();
    let address = format!("sftp:me@here:{}", repository.path().display());
    let mut remote = Remote::new(repository, &address);
    remote.uri.push_str(",option.sftp.command=");
    remote.uri.push_str(&server);
    remote.keeps_what_it_is_given();
    let versions = remote.versions();
    let delete = [
        "delete",
        "web",
        "--version",
        &versions[0],
        "--yes",
        "--force",
    ];
    remote.run("instance", &delete).exits(0);
    assert_eq!(remote.versions(), [""; 0]);
    remote.site.repository.is_clean();
}
