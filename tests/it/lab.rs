//! A real Incus to test against: `eval "$(scripts/lab env host)"` points here.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A real daemon, and a target of the test's own.
pub struct Lab {
    pub folder: TempDir,
    instances: Vec<String>,
    projects: Vec<String>,
    profiles: Vec<String>,
    images: Vec<(String, String)>,
    volumes: Vec<(String, String)>,
}

/// What a run of a program gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the exit code is the one expected; shows what was said. Whatever happened, nobody
    /// was shown a panic.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked at"), "{}", self.stderr);
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The rows that were printed as JSON.
    #[track_caller]
    pub fn rows(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", self.stdout, self.stderr))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where Incus is"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "tests run programs")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// A command that is told nothing but what a test tells it.
pub trait Bare {
    /// Takes the environment away of whoever runs the tests; but where coverage is measured it is.
    fn bare(&mut self) -> &mut Self;
}

impl Bare for Command {
    fn bare(&mut self) -> &mut Self {
        self.env_clear();
        self.envs(variable("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
    }
}

/// Sends a signal; tells whether it could. No program is run: a small Debian has no `kill`.
pub fn kill(pid: u32, name: &str) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match name {
        "INT" => Signal::INT,
        "TERM" => Signal::TERM,
        "KILL" => Signal::KILL,
        _ => panic!("SIG{name} is not sent here"),
    };
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// The path of the program under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_incus-backup-instance")
}

/// The path of the program for a kind, such as `image`.
pub fn program_for(kind: &str) -> PathBuf {
    Path::new(program()).with_file_name(format!("incus-backup-{kind}"))
}

/// A name that no other test has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!(
        "{prefix}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The lab, where there is one: `INCUS_TESTS=1`.
pub fn lab() -> Option<Lab> {
    if variable("INCUS_TESTS").as_deref() != Some("1") {
        eprintln!("left out: no real Incus (INCUS_TESTS=1 and scripts/lab give one)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    Some(Lab {
        folder,
        instances: vec![],
        projects: vec![],
        profiles: vec![],
        images: vec![],
        volumes: vec![],
    })
}

/// A lab that has this pool beside those of the usual ones: `scripts/lab-vm`.
pub fn lab_with_pool(pool: &str) -> Option<Lab> {
    let pools = variable("LAB_POOLS").unwrap_or_default();
    if pools.split(' ').any(|known| known == pool) {
        return lab();
    }
    eprintln!("left out: the lab has no pool `{pool}` (scripts/lab-vm runs one that has)");
    None
}

impl Lab {
    /// The URI of this test's own target.
    pub fn target(&self) -> String {
        format!("dir:{}", self.root().display())
    }

    /// The folder of this test's own target.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// Runs the `incus` client, which must succeed; gives what it printed.
    #[track_caller]
    pub fn incus(&self, arguments: &[&str]) -> String {
        let ran = self.try_incus(arguments);
        assert_eq!(ran.code, Some(0), "incus {arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs the `incus` client.
    pub fn try_incus(&self, arguments: &[&str]) -> Ran {
        Ran::of(&command("incus").args(arguments).output().unwrap())
    }

    /// An object of the API.
    #[track_caller]
    pub fn query(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.incus(&["query", path])).unwrap()
    }

    /// Runs the program under test with this test's target, without a question.
    pub fn backup(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.backup_command(arguments).output().unwrap())
    }

    /// Runs the program for a kind with this test's target.
    pub fn backup_of(&self, kind: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command_for(kind, arguments).output().unwrap())
    }

    /// The program under test with this test's target, without a question.
    pub fn backup_command(&self, arguments: &[&str]) -> Command {
        self.command_for("instance", arguments)
    }

    /// The program for a kind with this test's target.
    pub fn command_for(&self, kind: &str, arguments: &[&str]) -> Command {
        let mut command = command(program_for(kind));
        command
            .args(arguments)
            .env("INCUS_BACKUP_TARGET", self.target());
        command
    }

    /// Launches a container that is deleted at the end of the test.
    pub fn launch(&mut self, prefix: &str, options: &[&str]) -> String {
        let name = unique(prefix);
        let image = variable("LAB_IMAGE").unwrap_or_else(|| "busybox".to_owned());
        self.instances.push(name.clone());
        let mut arguments = vec!["launch", image.as_str(), name.as_str()];
        arguments.extend(options);
        self.incus(&arguments);
        name
    }

    /// Has an instance deleted at the end of the test.
    pub fn adopt(&mut self, name: &str) {
        self.instances.push(name.to_owned());
    }

    /// Creates a project, with a profile that has a root disk, that is deleted at the end.
    pub fn project(&mut self) -> String {
        let name = unique("p");
        self.incus(&["project", "create", &name, "-c", "features.images=false"]);
        self.projects.push(name.clone());
        let pool = self.pool_dir();
        self.incus(&[
            "--project",
            &name,
            "profile",
            "device",
            "add",
            "default",
            "root",
            "disk",
            "path=/",
            &format!("pool={pool}"),
        ]);
        name
    }

    /// Creates a project with this configuration, and nothing in it, that is deleted at the end.
    pub fn project_with(&mut self, config: &[&str]) -> String {
        let name = unique("p");
        let mut arguments = vec!["project", "create", &name];
        for setting in config {
            arguments.extend(["-c", setting]);
        }
        self.incus(&arguments);
        self.projects.push(name.clone());
        name
    }

    /// Has an image of a project deleted at the end of the test.
    pub fn adopt_image(&mut self, project: &str, fingerprint: &str) {
        self.images
            .push((project.to_owned(), fingerprint.to_owned()));
    }

    /// Creates a profile that is deleted at the end.
    pub fn profile(&mut self) -> String {
        let name = unique("profile");
        self.incus(&["profile", "create", &name]);
        self.profiles.push(name.clone());
        name
    }

    /// Creates a custom volume that is deleted at the end of the test, after the instances.
    pub fn volume(&mut self, pool: &str, options: &[&str]) -> String {
        let name = unique("vol");
        self.adopt_volume(pool, &name);
        let mut arguments = vec!["storage", "volume", "create", pool, &name];
        arguments.extend(options);
        self.incus(&arguments);
        name
    }

    /// Has a custom volume deleted at the end of the test.
    pub fn adopt_volume(&mut self, pool: &str, name: &str) {
        self.volumes.push((pool.to_owned(), name.to_owned()));
    }

    /// Mounts a custom volume in a container.
    pub fn mount(&self, name: &str, pool: &str, volume: &str, path: &str) {
        let (pool, source, path) = (
            format!("pool={pool}"),
            format!("source={volume}"),
            format!("path={path}"),
        );
        let device = unique("d");
        self.incus(&[
            "config", "device", "add", name, &device, "disk", &pool, &source, &path,
        ]);
    }

    /// Whether the server has an extension of the API.
    pub fn has(&self, extension: &str) -> bool {
        let server = self.query("/1.0");
        let mut extensions = server["api_extensions"].as_array().unwrap().iter();
        extensions.any(|known| known == extension)
    }

    /// Runs a shell script in a container.
    #[track_caller]
    pub fn sh(&self, name: &str, script: &str) -> String {
        self.incus(&["exec", name, "--", "sh", "-c", script])
    }

    /// The pool on a plain directory.
    pub fn pool_dir(&self) -> String {
        variable("LAB_POOL_DIR").unwrap_or_else(|| "default".to_owned())
    }

    /// The pool on btrfs.
    pub fn pool_btrfs(&self) -> String {
        variable("LAB_POOL_BTRFS").unwrap_or_else(|| "btrfs".to_owned())
    }

    /// Whether an instance exists.
    pub fn exists(&self, name: &str) -> bool {
        self.try_incus(&["query", &format!("/1.0/instances/{name}")])
            .code
            == Some(0)
    }

    /// The status of an instance, such as `Running`.
    #[track_caller]
    pub fn status(&self, name: &str) -> String {
        self.query(&format!("/1.0/instances/{name}"))["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The names of the snapshots of an instance.
    #[track_caller]
    pub fn snapshots(&self, name: &str) -> Vec<String> {
        let all = self.query(&format!("/1.0/instances/{name}/snapshots?recursion=1"));
        let names = all.as_array().unwrap().iter().map(|it| &it["name"]);
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// The folders of the versions of an instance, oldest first.
    pub fn versions(&self, project: &str, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for source in folders(&self.root()) {
            found.extend(folders(&source.join("instances").join(project).join(name)));
        }
        found.retain(|path| !file_name(path).starts_with('.'));
        found.sort();
        found
    }

    /// What a run that ended should not have left: marked instances that stand for `name`, backups of
    /// it on the server, partial folders in the target.
    pub fn left_over(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for instance in self.query("/1.0/instances?recursion=1").as_array().unwrap() {
            if instance["config"]["user.incus-backup.name"] == name {
                found.push(instance["name"].to_string());
            }
        }
        if self.exists(name) {
            let backups = self.query(&format!("/1.0/instances/{name}/backups"));
            found.extend(backups.as_array().unwrap().iter().map(ToString::to_string));
        }
        for source in folders(&self.root()) {
            for project in folders(&source.join("instances")) {
                let inside = folders(&project.join(name));
                found.extend(
                    inside
                        .iter()
                        .map(file_name)
                        .filter(|name| name.starts_with('.')),
                );
            }
        }
        found
    }
}

fn file_name(path: impl AsRef<Path>) -> String {
    path.as_ref()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Waits until something holds; fails after `seconds`.
#[track_caller]
pub fn until(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(seconds),
            "waited {seconds} s for {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Deletes an instance. One whose end LXC's monitor has not noticed (see `ROADMAP.md`) never stops, and every
/// list that the server gives waits five seconds for it: its monitor is killed, after which it is stopped.
fn delete(which: &[&str]) {
    let within = |seconds: &str| {
        command("timeout")
            .args([seconds, "incus", "delete", "-f"])
            .args(which)
            .output()
    };
    let deleted = within("30").is_ok_and(|ran| ran.status.success());
    let Some(name) = which.last().filter(|_| !deleted) else {
        return;
    };
    let stuck = monitors_of(name);
    for pid in &stuck {
        kill(*pid, "KILL");
    }
    if !stuck.is_empty() {
        let _ = within("30");
    }
}

/// The monitors of a container of this lab: `[lxc monitor] INCUS_DIR/containers [PROJECT_]NAME`.
fn monitors_of(name: &str) -> Vec<u32> {
    let Some(folder) = variable("INCUS_DIR") else {
        return Vec::new();
    };
    let begins = format!("[lxc monitor] {folder}/containers ");
    let is_one = |pid: &u32| {
        let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
            return false;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        let of = line.trim_end_matches('\0').trim().strip_prefix(&begins);
        of.is_some_and(|of| of == name || of.ends_with(&format!("_{name}")))
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_one)
        .collect()
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in self.instances.drain(..) {
            delete(&[&name]);
        }
        for (project, fingerprint) in self.images.drain(..) {
            let delete = ["--project", &project, "image", "delete", &fingerprint];
            let _ = command("incus").args(delete).output();
        }
        for name in self.profiles.drain(..) {
            let _ = command("incus").args(["profile", "delete", &name]).output();
        }
        for (pool, name) in self.volumes.drain(..) {
            let arguments = ["storage", "volume", "delete", &pool, &name];
            let _ = command("incus").args(arguments).output();
        }
        for name in self.projects.drain(..) {
            // Not by force: the client asks then, and empties what is the default project's where the
            // project has no images or profiles of its own.
            let listed = command("incus")
                .args(["--project", &name, "list", "--format=csv", "--columns=n"])
                .output();
            for instance in listed
                .iter()
                .flat_map(|it| it.stdout.lines().map_while(Result::ok))
            {
                delete(&["--project", &name, &instance]);
            }
            let _ = command("incus").args(["project", "delete", &name]).output();
        }
    }
}
