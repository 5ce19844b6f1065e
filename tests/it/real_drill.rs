//! Drills on a real server, beside an original that has everything that a copy could collide with.

use serde_json::Value;

use crate::lab::{Lab, lab, until, variable};
use crate::real_bad_days::signal;

/// The projects that drills made and that are still there.
fn projects_left(lab: &Lab, run: &str) -> Vec<String> {
    let all = lab.query("/1.0/projects?recursion=1");
    let all = all.as_array().unwrap().iter();
    let own = all.filter(|project| project["config"]["user.incus-backup.name"] != Value::Null);
    // Other tests drill at the same time: theirs are of other targets and processes.
    own.filter(|project| {
        let owner = project["config"]["user.incus-backup"].as_str();
        owner.is_some_and(|owner| owner.split(' ').nth(4) == Some(run))
    })
    .map(|project| project["name"].as_str().unwrap().to_owned())
    .collect()
}

/// What must be the same afterwards: all of the original, but for its counters.
fn state(lab: &Lab, name: &str) -> Value {
    let mut state = lab.query(&format!("/1.0/instances/{name}"));
    state.as_object_mut().unwrap().remove("last_used_at");
    state
}

/// A running container with an address and a MAC of its own, an attached volume, a profile, protected
/// and started at boot; backed up.
fn original(lab: &mut Lab) -> String {
    let pool = lab.pool_dir();
    let name = lab.launch("drill", &["-s", &pool, "--no-profiles"]);
    let profile = lab.profile();
    lab.incus(&["profile", "set", &profile, "user.from-profile=yes"]);
    lab.incus(&["profile", "add", &name, &profile]);
    let bridge = variable("LAB_BRIDGE").unwrap();
    let subnet = lab.query(&format!("/1.0/networks/{bridge}"));
    let subnet = subnet["config"]["ipv4.address"].as_str().unwrap_or("none");
    let mut nic = vec![
        "config".to_owned(),
        "device".to_owned(),
        "add".to_owned(),
        name.clone(),
        "eth0".to_owned(),
        "nic".to_owned(),
        format!("network={bridge}"),
        "hwaddr=10:66:6a:12:34:56".to_owned(),
    ];
    if let Some((prefix, _)) = subnet.rsplit_once('.') {
        nic.push(format!("ipv4.address={prefix}.77"));
    }
    let nic: Vec<&str> = nic.iter().map(String::as_str).collect();
    lab.incus(&nic);
    let volume = lab.volume(&pool, &[]);
    lab.mount(&name, &pool, &volume, "/data");
    lab.sh(&name, "echo kept >/data/file; echo kept >/own");
    for setting in ["security.protection.delete=true", "boot.autostart=true"] {
        lab.incus(&["config", "set", &name, setting]);
    }
    name
}

fn unprotect(lab: &Lab, name: &str) {
    lab.incus(&["config", "set", name, "security.protection.delete=false"]);
}

fn drill(lab: &Lab, name: &str) -> (crate::lab::Ran, Vec<String>) {
    let arguments = [name, "--level", "drill", "--yes", "-f", "json"];
    let child = lab
        .command_for("verify", &arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let run = child.id().to_string();
    let ran = crate::lab::Ran::of(&child.wait_with_output().unwrap());
    (ran, projects_left(lab, &run))
}

#[test]
fn a_copy_runs_beside_its_original_which_stays_as_it_is() {
    let Some(mut lab) = lab() else { return };
    let name = original(&mut lab);
    // What is in the copy is from the backup; it has neither the network nor the volume.
    let command = "grep -q kept /own && ! test -e /data/file && ! test -e /sys/class/net/eth0";
    lab.incus(&["config", "set", &name, "user.backup.drill", command]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    let before = state(&lab, &name);
    let (ran, left) = drill(&lab, &name);
    let row = ran.exits(0).rows().remove(0);
    assert_eq!(
        (&row["level"], &row["verdict"], &row["error"]),
        (&"drill".into(), &"good".into(), &Value::Null)
    );
    assert!(row["restore_ms"].as_u64().unwrap() > 0, "{row}");
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(state(&lab, &name), before);
    assert_eq!(lab.sh(&name, "cat /data/file"), "kept\n");
    let again = [
        "--level",
        "drill",
        "--older-than",
        "7d",
        "--yes",
        "-f",
        "json",
    ];
    let again = lab.backup_of("verify", &again).exits(0);
    assert_eq!(again.rows(), Vec::<Value>::new(), "it was not recorded");
    unprotect(&lab, &name);
}

#[test]
fn a_command_that_fails_in_the_copy_is_told() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("drill", &[]);
    lab.incus(&[
        "config",
        "set",
        &name,
        "user.backup.drill",
        "echo no database >&2; exit 7",
    ]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    let (ran, left) = drill(&lab, &name);
    let row = ran.exits(4).rows().remove(0);
    assert_eq!(row["verdict"], "drill-failed");
    assert_eq!(
        row["error"],
        "user.backup.drill ended with exit status 7 in the copy: no database"
    );
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(lab.status(&name), "Running");
}

#[test]
fn what_a_signal_or_a_kill_cuts_off_is_gone_at_last() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("drill", &[]);
    lab.incus(&["config", "set", &name, "user.backup.drill", "sleep 600"]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    for (word, code) in [("TERM", Some(130)), ("KILL", None)] {
        let mut child = lab
            .command_for("verify", &[&name, "--level", "drill", "--yes", "-q"])
            .spawn()
            .unwrap();
        let run = child.id().to_string();
        until(60, "the copy", || {
            projects_left(&lab, &run).iter().any(|project| {
                let copies = lab.query(&format!("/1.0/instances?recursion=1&project={project}"));
                copies[0]["status"] == "Running"
            })
        });
        signal(child.id(), word);
        assert_eq!(child.wait().unwrap().code(), code, "{word}");
        assert_eq!(projects_left(&lab, &run).len(), usize::from(word == "KILL"));
        if word == "KILL" {
            // Whatever the next run is of: here a backup.
            lab.incus(&["config", "set", &name, "user.backup.drill="]);
            let ran = lab.backup(&["create", &name, "--yes"]).exits(0);
            assert!(
                ran.stderr.contains("left behind by an earlier run"),
                "{}",
                ran.stderr
            );
            assert_eq!(projects_left(&lab, &run), Vec::<String>::new());
        }
    }
    let arguments = [&name, "--latest", "--level", "drill", "--yes", "-f", "json"];
    let rows = lab.backup_of("verify", &arguments).exits(0).rows();
    assert_eq!(rows[0]["verdict"], "good");
    assert_eq!(lab.status(&name), "Running");
}
