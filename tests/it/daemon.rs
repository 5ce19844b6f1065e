//! A real Incus daemon of a test's own, in a network namespace of its own: what it holds is what the
//! test put there, and two of them can have the same bridges and addresses.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::lab::{Ran, command, kill, unique, until, variable};

/// A daemon that holds nothing but the project and the profile that every server has.
pub struct Daemon {
    folder: TempDir,
    namespace: String,
    child: Child,
}

/// Where packages put the daemon.
const PROGRAMS: [&str; 3] = [
    "/usr/libexec/incus/incusd",
    "/usr/lib/incus/incusd",
    "/opt/incus/bin/incusd",
];

/// Enters a network namespace with the `/sys` that belongs to it; without the control groups that are
/// mounted below the old one no container could be paused. The process stays the same throughout.
const ENTER: &str = r#"
    mkdir -p "$1"
    mount --rbind /sys/fs/cgroup "$1"
    exec nsenter --net=/run/netns/"$2" sh -euc '
        mount -t sysfs sysfs /sys
        mount --rbind "$1" /sys/fs/cgroup
        exec "$2"' sh "$1" "$3"
"#;

impl Daemon {
    /// Starts a daemon, where there is a real Incus to test with.
    pub fn start() -> Option<Self> {
        if variable("INCUS_TESTS").as_deref() != Some("1") {
            eprintln!("left out: no real Incus (INCUS_TESTS=1 and scripts/lab give one)");
            return None;
        }
        let program = PROGRAMS.into_iter().find(|path| Path::new(path).exists());
        // Short: the path of a socket ends at 108 bytes.
        let folder = tempfile::Builder::new()
            .prefix("ibd")
            .tempdir_in("/var/tmp")
            .unwrap();
        let namespace = unique("ibd");
        run("ip", &["netns", "add", &namespace]);
        run(
            "ip",
            &["netns", "exec", &namespace, "ip", "link", "set", "lo", "up"],
        );
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command("unshare")
            .args(["--mount", "sh", "-euc", ENTER, "sh"])
            .args([folder.path().join("cgroup").to_str().unwrap(), &namespace])
            .arg(program.unwrap())
            .env("INCUS_DIR", folder.path().join("incus"))
            .env_remove("INCUS_SOCKET")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let daemon = Self {
            folder,
            namespace,
            child,
        };
        until(60, "the daemon", || daemon.socket().exists());
        daemon.incus(&["admin", "waitready", "--timeout=60"]);
        Some(daemon)
    }

    /// Its UNIX socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("incus/unix.socket")
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command whose `local` is this daemon, in its network.
    pub fn command(&self, program: &str) -> std::process::Command {
        let mut command = command("ip");
        command
            .args(["netns", "exec", &self.namespace, program])
            .env("INCUS_DIR", self.folder.path().join("incus"))
            .env("INCUS_CONF", self.folder.path().join("conf"))
            .env("INCUS_BACKUP_TARGET", self.target());
        for name in ["INCUS_SOCKET", "INCUS_REMOTE", "INCUS_PROJECT"] {
            command.env_remove(name);
        }
        command
    }

    /// The URI of the target of this daemon's commands.
    pub fn target(&self) -> String {
        format!("dir:{}", self.root().display())
    }

    /// The folder of the target of this daemon's commands.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// Runs the `incus` client, which must succeed; gives what it printed.
    #[track_caller]
    pub fn incus(&self, arguments: &[&str]) -> String {
        let ran = self.run("incus", arguments);
        assert_eq!(ran.code, Some(0), "incus {arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs `incus` commands, one a line, which must succeed.
    #[track_caller]
    pub fn script(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // A network's new dnsmasq may find the old one still on its address.
            let mut ran = self.run("incus", &words);
            for _ in 0..3 {
                if ran.stderr.contains("Address already in use") {
                    std::thread::sleep(Duration::from_secs(1));
                    ran = self.run("incus", &words);
                }
            }
            assert_eq!(ran.code, Some(0), "incus {line}: {}", ran.stderr);
        }
    }

    /// A socket that listens on the loopback of the daemon's network.
    pub fn listen(&self) -> TcpListener {
        let network = File::open(Path::new("/run/netns").join(&self.namespace)).unwrap();
        let inside = move || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind).unwrap();
            TcpListener::bind("127.0.0.1:0").unwrap()
        };
        // A thread of its own: there is no way back for one that has entered a namespace.
        std::thread::spawn(inside).join().unwrap()
    }

    /// An object of the API.
    #[track_caller]
    pub fn query(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.incus(&["query", path])).unwrap()
    }

    /// Whether the server's API has an extension.
    pub fn has(&self, extension: &str) -> bool {
        let all = &self.query("/1.0")["api_extensions"];
        all.as_array()
            .unwrap()
            .iter()
            .any(|known| known == extension)
    }

    /// Runs a program.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(program).args(arguments).output().unwrap())
    }

    /// Has the daemon trust the client, and gives the client a remote of this name by HTTPS.
    pub fn trust(&self, remote: &str, address: &str) {
        self.incus(&["config", "set", "core.https_address", address]);
        let token = self.incus(&["config", "trust", "add", remote, "--quiet"]);
        let token = token.lines().last().unwrap();
        self.incus(&["remote", "add", remote, token, "--quiet"]);
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let ran = Ran::of(&command(program).args(arguments).output().unwrap());
    assert_eq!(ran.code, Some(0), "{program} {arguments:?}: {}", ran.stderr);
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // `incus stop --all` is about one project.
        let all = self
            .command("timeout")
            .args(["10", "incus", "list", "--all-projects"])
            .args(["--format=csv", "--columns=en"])
            .output();
        for line in all
            .iter()
            .flat_map(|all| all.stdout.lines().map_while(Result::ok))
        {
            if let Some((project, name)) = line.split_once(',') {
                let _ = self
                    .command("timeout")
                    .args(["20", "incus", "--project", project, "stop", "--force", name])
                    .output();
            }
        }
        // Everything that lives in the namespace is this daemon's: itself, dnsmasq, monitors.
        for _ in 0..3 {
            let pids = command("ip")
                .args(["netns", "pids", &self.namespace])
                .output();
            let Ok(pids) = pids else { break };
            for pid in BufReader::new(pids.stdout.as_slice())
                .lines()
                .map_while(Result::ok)
            {
                let _ = pid.parse().map(|pid| kill(pid, "KILL"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.wait();
        let loops = command("losetup")
            .args(["--list", "--noheadings", "--output", "NAME,BACK-FILE"])
            .output();
        for line in loops
            .iter()
            .flat_map(|loops| loops.stdout.lines().map_while(Result::ok))
        {
            let mut words = line.split_whitespace();
            if let (Some(device), Some(file)) = (words.next(), words.next())
                && Path::new(file).starts_with(self.folder.path())
            {
                let _ = command("losetup").args(["-d", device]).output();
            }
        }
        let _ = command("ip")
            .args(["netns", "delete", &self.namespace])
            .output();
        // What a daemon mounts over its folders would keep the temporary folder from going.
        let _ = command("rm")
            .args(["-rf", "--one-file-system"])
            .arg(self.folder.path())
            .output();
    }
}
