//! Commands inside real containers: their output, their status, their end.

use serde_json::Value;

use crate::lab::{Lab, lab, until};
use crate::real_bad_days::signal;

fn set(lab: &Lab, name: &str, key: &str, value: &str) {
    lab.incus(&["config", "set", name, &format!("{key}={value}")]);
}

fn manifest(lab: &Lab, name: &str) -> Value {
    let shown = lab.backup(&["show", name, "-f", "json"]).exits(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

/// What is in the backup is from between the two commands: `pre` locks, `post` unlocks.
fn around(lab: &mut Lab, pool: &str) {
    let name = lab.launch("hook", &["-s", pool]);
    set(lab, &name, "user.backup.pre", "echo locked >/state; sync");
    set(lab, &name, "user.backup.post", "echo free >/state");
    lab.sh(&name, "echo never >/state");
    lab.backup(&["create", &name, "--yes"]).exits(0);
    assert_eq!(lab.sh(&name, "cat /state"), "free\n");
    let hooks = manifest(lab, &name)["instance"]["hooks"].clone();
    assert_eq!(
        (&hooks["pre"]["status"], &hooks["post"]["status"]),
        (&0.into(), &0.into())
    );
    let identity = || -> serde_json::Value {
        let instance = lab.query(&format!("/1.0/instances/{name}"));
        instance["config"]["volatile.cloud-init.instance-id"].clone()
    };
    let before = identity();
    lab.backup(&["restore", &name, "--replace", "--start", "--yes"])
        .exits(0);
    assert_eq!(lab.sh(&name, "cat /state"), "locked\n");
    // Two renames later cloud-init still takes it for what it was.
    assert_eq!(identity(), before);
}

#[test]
fn a_backup_on_dir_is_from_between_the_commands() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    around(&mut lab, &pool);
}

#[test]
fn a_backup_on_btrfs_is_from_between_the_commands() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    around(&mut lab, &pool);
}

#[test]
fn a_failing_command_is_told_with_its_status_and_last_words() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("hook", &[]);
    set(
        &lab,
        &name,
        "user.backup.pre",
        "seq 1 5000; echo the database is locked >&2; exit 7",
    );
    set(
        &lab,
        &name,
        "user.backup.post",
        "touch /unlocked; no-such-program",
    );
    let ran = lab
        .backup(&["create", &name, "--yes", "-f", "json"])
        .exits(1);
    assert_eq!(
        ran.rows()[0]["error"],
        "user.backup.pre ended with exit status 7: the database is locked"
    );
    assert!(
        ran.stderr
            .contains("user.backup.post ended with exit status 127: sh: "),
        "{}",
        ran.stderr
    );
    lab.sh(&name, "test -e /unlocked");
    assert_eq!(lab.versions("default", &name).len(), 0);
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}

#[test]
fn a_command_that_does_not_end_is_stopped() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("hook", &[]);
    set(
        &lab,
        &name,
        "user.backup.pre",
        "trap '' TERM; echo $$ >/pid; while :; do sleep 1; done",
    );
    set(&lab, &name, "user.backup.post", "touch /unlocked");
    // For each of the two: the other must not be stopped however busy the machine is.
    set(&lab, &name, "user.backup.timeout", "5");
    let ran = lab.backup(&["create", &name, "--yes"]).exits(1);
    assert!(
        ran.stderr.contains("did not end within 5 s"),
        "{}",
        ran.stderr
    );
    lab.sh(&name, "test -e /unlocked");
    lab.sh(&name, "! kill -0 $(cat /pid)");
}

#[test]
fn what_runs_in_the_background_is_not_waited_for() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("hook", &[]);
    set(&lab, &name, "user.backup.pre", "sleep 600 & echo begun");
    lab.backup(&["create", &name, "--yes"]).exits(0);
}

#[test]
fn a_killed_run_takes_its_command_with_it_and_a_signal_lets_the_last_one_run() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("hook", &[]);
    let endless = "rm -f /unlocked; echo $$ >/pid; while :; do sleep 1; done";
    set(&lab, &name, "user.backup.pre", endless);
    set(&lab, &name, "user.backup.post", "touch /unlocked");
    for (word, code) in [("KILL", None), ("TERM", Some(130))] {
        lab.sh(&name, "rm -f /pid /unlocked");
        let mut child = lab
            .backup_command(&["create", &name, "--yes", "-q"])
            .spawn()
            .unwrap();
        until(30, "the command", || {
            lab.try_incus(&["exec", &name, "--", "test", "-s", "/pid"])
                .code
                == Some(0)
        });
        signal(child.id(), word);
        assert_eq!(child.wait().unwrap().code(), code, "{word}");
        until(30, "the command's end", || {
            let alive = ["exec", &name, "--", "sh", "-c", "kill -0 $(cat /pid)"];
            lab.try_incus(&alive).code != Some(0)
        });
        let unlocked = lab.try_incus(&["exec", &name, "--", "test", "-e", "/unlocked"]);
        assert_eq!(unlocked.code == Some(0), word == "TERM");
    }
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}
