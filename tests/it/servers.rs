//! Several servers in one command.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use incus_backup::testing::fake::{FakeIncus, Series};
use tempfile::TempDir;

use crate::lab::{Ran, command, program_for};

/// Fake servers, which one client knows as remotes.
struct Servers {
    folder: TempDir,
    fakes: Vec<FakeIncus>,
}

impl Servers {
    /// Servers of these names, each with a container `web`; more remotes by what their sockets are.
    fn new(names: &[&str], more: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut remotes = String::new();
        let mut fakes = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let own = folder.path().join(name);
            fs::create_dir(&own).unwrap();
            let fake = FakeIncus::start(&own, Series::Lts70).unwrap();
            {
                let mut state = fake.state();
                state.fingerprint = at.to_string().repeat(64);
                state.add_pool("tank", "zfs");
                state.add_instance("web", "tank", "Stopped", "container");
            }
            fakes.push(fake);
            let socket = own.join("unix.socket");
            let address = socket.display();
            writeln!(remotes, "  {name}: {{ addr: 'unix:{address}' }}").unwrap();
        }
        for (name, socket) in more {
            let address = socket.display();
            writeln!(remotes, "  {name}: {{ addr: 'unix:{address}' }}").unwrap();
        }
        let conf = folder.path().join("conf");
        fs::create_dir(&conf).unwrap();
        fs::write(conf.join("config.yml"), format!("remotes:\n{remotes}")).unwrap();
        Self { folder, fakes }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let target = self.folder.path().join("backups");
        let mut command = command(program_for("all"));
        command
            .args(arguments)
            .env_clear()
            .env("INCUS_CONF", self.folder.path().join("conf"))
            .env("INCUS_BACKUP_TARGET", format!("dir:{}", target.display()));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// The servers that have a folder in the target, and how many versions of `web` each has.
    fn stored(&self) -> Vec<(String, usize)> {
        let listed = self.run(&["list", "-f", "json"]).exits(0).rows();
        let mut stored: Vec<(String, usize)> = Vec::new();
        for row in listed.iter().filter(|row| row["name"] == "web") {
            let source = row["source"].as_str().unwrap();
            match stored.iter_mut().find(|(known, _)| known == source) {
                Some((_, count)) => *count += 1,
                None => stored.push((source.to_owned(), 1)),
            }
        }
        stored
    }
}

/// Source, type and status of each row.
fn told(ran: &Ran) -> Vec<String> {
    let rows = ran.rows();
    let told = rows.iter().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        format!("{} {} {}", text("source"), text("type"), text("status"))
    });
    told.collect()
}

#[test]
fn several_servers_are_backed_up_by_one_command_each_as_its_own_source() {
    let servers = Servers::new(&["prod", "lab", "edge"], &[]);
    let plan = servers
        .run(&["create", "prod:", "lab:", "edge:", "-n"])
        .exits(0);
    assert!(plan.stdout.contains("SOURCE"), "{}", plan.stdout);
    let create = ["create", "prod:", "lab:", "edge:", "--yes", "-f", "json"];
    let ran = servers.run(&create).exits(0);
    let mut expected: Vec<String> = Vec::new();
    for source in ["prod", "lab", "edge"] {
        expected.extend(["config", "image", "instance"].map(|it| format!("{source} {it} done")));
    }
    let mut got = told(&ran);
    got.retain(|row| !row.contains(" image "));
    expected.retain(|row| !row.contains(" image "));
    assert_eq!(got, expected);
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(servers.stored(), [one("edge"), one("lab"), one("prod")]);
    for source in ["prod", "lab", "edge"] {
        let runs = servers
            .folder
            .path()
            .join("backups")
            .join(source)
            .join("runs");
        let kept: Vec<_> = fs::read_dir(runs).unwrap().collect();
        assert_eq!(kept.len(), 1, "{source}");
        let record = fs::read_to_string(kept[0].as_ref().unwrap().path()).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        let rows = record["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["source"] == source), "{record}");
    }
}

#[test]
fn a_server_that_is_down_costs_one_row_and_never_the_others() {
    let servers = Servers::new(&["prod", "lab"], &[("down", Path::new("/nowhere/socket"))]);
    let create = ["create", "prod:", "down:", "lab:", "--yes", "-f", "json"];
    let ran = servers.run(&create).exits(3);
    let of_down: Vec<String> = told(&ran)
        .into_iter()
        .filter(|row| row.contains("down"))
        .collect();
    assert_eq!(of_down, ["down config refused"]);
    assert!(
        ran.stderr
            .contains("no Incus daemon answers on `/nowhere/socket`"),
        "{}",
        ran.stderr
    );
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(servers.stored(), [one("lab"), one("prod")]);
    servers.run(&["create", "down:", "down:", "--yes"]).exits(1);
}

#[test]
fn a_server_that_hangs_is_given_up_in_time_and_takes_no_turn_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    // It accepts, by the kernel, and says nothing.
    let _silent = UnixListener::bind(&socket).unwrap();
    let servers = Servers::new(&["prod", "lab"], &[("hung", &socket)]);
    let begun = Instant::now();
    let create = [
        "create",
        "hung:",
        "prod:",
        "lab:",
        "--parallel",
        "1",
        "--yes",
        "-f",
        "json",
    ];
    let ran = servers.run(&create).exits(3);
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    let of_hung: Vec<String> = told(&ran)
        .into_iter()
        .filter(|row| row.contains("hung"))
        .collect();
    assert_eq!(of_hung, ["hung config refused"]);
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(servers.stored(), [one("lab"), one("prod")]);
}

#[test]
fn the_settings_name_servers_and_the_command_line_others() {
    let servers = Servers::new(&["prod", "lab", "edge"], &[]);
    let settings = servers.folder.path().join("conf/backup.yml");
    fs::write(settings, "servers: ['prod:', edge]\n").unwrap();
    servers.run(&["create", "--yes"]).exits(0);
    let one = |name: &str| (name.to_owned(), 1);
    assert_eq!(servers.stored(), [one("edge"), one("prod")]);
    servers.run(&["create", "lab:", "--yes"]).exits(0);
    assert_eq!(servers.stored(), [one("edge"), one("lab"), one("prod")]);
}

#[test]
fn two_names_of_one_server_and_two_servers_of_one_name_are_refused() {
    let servers = Servers::new(&["prod", "lab"], &[]);
    servers.fakes[1].state().fingerprint = "0".repeat(64);
    let create = ["create", "prod:", "lab:", "--yes", "-f", "json"];
    let ran = servers.run(&create).exits(3);
    assert!(
        ran.stderr.contains("it is the same server as `prod:`"),
        "{}",
        ran.stderr
    );
    assert_eq!(servers.stored(), [("prod".to_owned(), 1)]);
    servers.fakes[0].state().fingerprint = "b".repeat(64);
    let ran = servers.run(&create).exits(3);
    assert!(ran.stderr.contains("fingerprint"), "{}", ran.stderr);
    assert_eq!(
        servers.stored(),
        [("lab".to_owned(), 1), ("prod".to_owned(), 1)]
    );
}
