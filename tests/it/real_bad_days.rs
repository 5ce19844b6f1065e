//! What a real server and a real target look like after things went wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::lab::{Lab, Ran, command, kill, lab, unique, until, variable};

/// A running container on the plain pool, large enough that its backup can be interrupted.
pub fn large(lab: &mut Lab) -> String {
    let pool = lab.pool_dir();
    let name = lab.launch("large", &["-s", &pool]);
    lab.sh(
        &name,
        "mkdir -p /data; dd if=/dev/urandom of=/data/x bs=1M count=300 2>/dev/null; sync",
    );
    name
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    assert!(kill(pid, name), "SIG{name} to {pid}");
}

/// Runs the program, sends it a signal after a while, and waits for its end.
fn interrupted(lab: &Lab, arguments: &[&str], name: &str, after: Duration) -> Option<i32> {
    let mut child = lab.backup_command(arguments).spawn().unwrap();
    std::thread::sleep(after);
    signal(child.id(), name);
    child.wait().unwrap().code()
}

#[test]
fn a_signal_during_create_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    let name = large(&mut lab);
    for (signal, milliseconds) in [("INT", 150), ("TERM", 700), ("INT", 1500)] {
        let after = Duration::from_millis(milliseconds);
        let code = interrupted(&lab, &["create", &name, "--yes", "-q"], signal, after);
        if code == Some(0) {
            continue;
        }
        assert_eq!(code, Some(130), "{signal} after {after:?}");
        assert_eq!(
            lab.left_over(&name),
            Vec::<String>::new(),
            "{signal} after {after:?}"
        );
    }
    assert_eq!(lab.status(&name), "Running");
}

#[test]
fn a_signal_during_restore_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    let name = large(&mut lab);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    lab.sh(&name, "echo old >/data/generation");
    for milliseconds in [150, 500, 1200] {
        let after = Duration::from_millis(milliseconds);
        let copy = unique("half");
        lab.adopt(&copy);
        let arguments = ["restore", &name, "--target-name", &copy, "--yes", "-q"];
        let code = interrupted(&lab, &arguments, "TERM", after);
        if code != Some(0) {
            assert_eq!(code, Some(130), "after {after:?}");
            assert!(!lab.exists(&copy), "after {after:?}");
        }
        let arguments = ["restore", &name, "--replace", "--start", "--yes", "-q"];
        let code = interrupted(&lab, &arguments, "INT", after);
        if code != Some(0) {
            assert_eq!(code, Some(130), "after {after:?}");
            assert_eq!(
                lab.left_over(&name),
                Vec::<String>::new(),
                "after {after:?}"
            );
            assert_eq!(lab.status(&name), "Running");
            assert_eq!(lab.sh(&name, "cat /data/generation"), "old\n");
        }
    }
}

#[test]
fn a_killed_create_is_not_listed_and_the_next_one_clears_up() {
    let Some(mut lab) = lab() else { return };
    let name = large(&mut lab);
    for milliseconds in [300, 900, 1600] {
        let after = Duration::from_millis(milliseconds);
        interrupted(&lab, &["create", &name, "--yes", "-q"], "KILL", after);
    }
    let complete = lab.versions("default", &name).len();
    let listed = lab.backup(&["list", &name, "-f", "json"]);
    if listed.code == Some(0) {
        assert_eq!(listed.rows().len(), complete);
        assert!(listed.rows().iter().all(|row| row["state"] == "complete"));
    }
    // The server goes on with the copy that nobody waits for.
    let next = || lab.backup(&["create", &name, "--yes", "-q"]).exits(0);
    next();
    until(60, "the copies to be cleared", || {
        next();
        lab.left_over(&name).is_empty()
    });
    assert!(lab.versions("default", &name).len() > complete);
    assert_eq!(lab.status(&name), "Running");
}

#[test]
fn an_alias_of_incus_keeps_the_exit_status_and_the_question() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("alias", &[]);
    // A configuration of its own: the user's stays as it is.
    let conf = lab.folder.path().join("conf");
    let own = variable("INCUS_CONF").expect("the lab has a configuration of its own");
    let status = command("cp")
        .args(["-r", &own, conf.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(status.success());
    let incus = |arguments: &[&str]| {
        let mut command = command("incus");
        command
            .args(arguments)
            .env("INCUS_CONF", &conf)
            .env("INCUS_BACKUP_TARGET", lab.target());
        command
    };
    let added = incus(&["alias", "add", "backup-instance", crate::lab::program()]).status();
    assert!(added.unwrap().success());
    let refused = incus(&["backup-instance", "create", &name])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(5));
    // util-linux' script gives it a terminal, and the answer.
    let line = format!("incus backup-instance create {name}");
    for (answer, code, versions) in [("n\n", 5, 0), ("y\ny\n", 0, 1)] {
        let input = lab.folder.path().join("answer");
        fs::write(&input, answer).unwrap();
        let output = command("script")
            .args(["-qec", &line, "/dev/null"])
            .env("INCUS_CONF", &conf)
            .env("INCUS_BACKUP_TARGET", lab.target())
            .stdin(fs::File::open(&input).unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Create 1 backup? [y/N]"), "{said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(lab.versions("default", &name).len(), versions);
    }
}

#[test]
fn a_full_target_is_told_and_leaves_no_version() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("full", &[]);
    lab.sh(
        &name,
        "mkdir -p /data; dd if=/dev/urandom of=/data/x bs=1M count=40 2>/dev/null; sync",
    );
    let small = Mounted::new(&lab, "size=16m");
    let ran = lab.backup(&["create", &name, "--target", &small.target(), "--yes"]);
    let inside: Vec<_> = walk(&small.path)
        .into_iter()
        .filter(|path| path.contains("export"))
        .collect();
    let ran = ran.exits(1);
    assert!(
        ran.stderr.contains("No space left on device"),
        "{}",
        ran.stderr
    );
    assert_eq!(inside, Vec::<String>::new());
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}

#[test]
fn a_target_that_clearly_has_no_room_is_refused_and_force_tries_it() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("tight", &[]);
    lab.sh(
        &name,
        "mkdir -p /data; dd if=/dev/urandom of=/data/x bs=1M count=6 2>/dev/null; sync",
    );
    let small = Mounted::new(&lab, "size=16m");
    let uri = small.target();
    let create = |more: &[&str]| {
        let mut arguments = vec!["create", &name, "--target", &uri, "--yes"];
        arguments.extend(more);
        lab.backup(&arguments)
    };
    let ran = [create(&[]), create(&[]), create(&[]), create(&["--force"])];
    let codes: Vec<_> = ran.iter().map(|ran| ran.code).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(1), Some(1)], "{ran:?}");
    assert!(
        ran[2].stderr.contains("and its newest version took ") && ran[2].stderr.contains("--force"),
        "{}",
        ran[2].stderr
    );
    assert!(
        ran[3].stderr.contains("No space left on device"),
        "{}",
        ran[3].stderr
    );
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}

/// A small file system of the test's own, which goes whatever happens.
struct Mounted {
    path: PathBuf,
}

impl Mounted {
    fn new(lab: &Lab, options: &str) -> Self {
        let path = lab.folder.path().join("mounted");
        fs::create_dir(&path).unwrap();
        let mounted = Self { path };
        mounted.mount(&["-t", "tmpfs", "-o", options, "none"]);
        mounted
    }

    fn mount(&self, arguments: &[&str]) {
        let status = command("mount").args(arguments).arg(&self.path).status();
        assert!(
            status.unwrap().success(),
            "tests on a real Incus run as root"
        );
    }

    fn target(&self) -> String {
        format!("dir:{}/t", self.path.display())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = command("umount").arg("-l").arg(&self.path).status();
    }
}

#[test]
fn a_target_that_cannot_be_written_is_told_and_nothing_stays_on_the_server() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("readonly", &[]);
    let disk = Mounted::new(&lab, "size=64m");
    let target = disk.target();
    let create = |lab: &Lab| lab.backup(&["create", &name, "--target", &target, "--yes"]);
    // First where no target is yet, then where there is one with a version.
    for versions in [0, 1] {
        disk.mount(&["-o", "remount,ro"]);
        let ran = create(&lab).exits(1);
        let first = ran.stderr.lines().find(|line| line.starts_with("error: "));
        assert!(
            first.is_some_and(|line| line.contains(disk.path.to_str().unwrap())),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("Read-only file system"),
            "{}",
            ran.stderr
        );
        assert_eq!(lab.left_over(&name), Vec::<String>::new());
        assert_eq!(lab.status(&name), "Running");
        let listed = lab.backup(&["list", "--target", &target, "-f", "json"]);
        if versions == 0 {
            listed.exits(10);
        } else {
            assert_eq!(listed.exits(0).rows().len(), versions);
        }
        disk.mount(&["-o", "remount,rw"]);
        create(&lab).exits(0);
    }
}

#[test]
fn two_backups_begun_in_the_same_second_are_two_versions() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("twice", &[]);
    lab.sh(&name, "mkdir -p /data; echo here >/data/x; sync");
    // The target is there: who makes it is not what this is about.
    lab.backup(&["create", &name, "--yes"]).exits(0);
    let start = || {
        let mut command = lab.backup_command(&["create", &name, "--yes", "-f", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start(), start()];
    let mut versions: Vec<String> = both
        .into_iter()
        .map(|child| {
            let ran = Ran::of(&child.wait_with_output().unwrap()).exits(0);
            ran.rows()[0]["version"].as_str().unwrap().to_owned()
        })
        .collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 2);
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
    assert_eq!(lab.versions("default", &name).len(), 3);
    for version in versions {
        let copy = unique("of");
        lab.adopt(&copy);
        let arguments = ["restore", &name, "--version", &version, "--target-name"];
        lab.backup(&[&arguments[..], &[&copy, "--start", "--yes"]].concat())
            .exits(0);
        assert_eq!(lab.sh(&copy, "cat /data/x"), "here\n");
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(walk(&path));
        }
    }
    found
}
