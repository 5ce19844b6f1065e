//! An instance and the volumes that it mounts, stored of one moment and brought back together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, kill, lab, until};
use crate::stored::last;

/// The same counter, appended to a file on the root disk and to one on the volume.
const COUNTER: &str = "i=0; while true; do i=$((i+1)); echo $i >>/data/a; echo $i >>/mnt/b; done";

/// A container that counts, and the volume that it mounts.
fn counting(lab: &mut Lab, pool: &str) -> (String, String) {
    let volume = lab.volume(pool, &[]);
    let name = lab.launch("both", &["-s", pool]);
    lab.mount(&name, pool, &volume, "/mnt");
    lab.sh(
        &name,
        "mkdir -p /data; dd if=/dev/urandom of=/data/x bs=1M count=24 2>/dev/null; sync",
    );
    lab.sh(
        &name,
        &format!("setsid sh -c '{COUNTER}' </dev/null >/dev/null 2>&1 &"),
    );
    until(20, "the counter", || {
        lab.sh(&name, "cat /mnt/b 2>/dev/null || true").len() > 100
    });
    (name, volume)
}

/// The versions of the volume of a pool, oldest first.
pub fn volumes(lab: &Lab, pool: &str, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for source in std::fs::read_dir(lab.root()).unwrap() {
        let place = source
            .unwrap()
            .path()
            .join("volumes/default")
            .join(pool)
            .join(name);
        let inside = std::fs::read_dir(place).into_iter().flatten();
        found.extend(inside.map(|entry| entry.unwrap().path()));
    }
    found.sort();
    found
}

fn manifest(version: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(version.join("manifest.json")).unwrap()).unwrap()
}

fn each_hold_one_moment(mut lab: Lab, pool: &str) {
    let (name, volume) = counting(&mut lab, pool);
    for _ in 0..5 {
        let ran = lab
            .backup(&["create", &name, "--with-volumes", "--yes", "-f", "json"])
            .exits(0);
        assert_eq!(ran.rows().len(), 2, "the instance and its volume");
    }
    let instances = lab.versions("default", &name);
    let volumes = volumes(&lab, pool, &volume);
    assert_eq!((instances.len(), volumes.len()), (5, 5));
    for (instance, volume) in instances.iter().zip(&volumes) {
        let a = last(
            &instance.join("export.tar.zst"),
            "backup/container/rootfs/data/a",
        );
        let b = last(&volume.join("volume.tar.zst"), "backup/volume/b");
        assert!(a > 0 && (0..=1).contains(&(a - b)), "{a} and {b}");
        let (one, other) = (manifest(instance), manifest(volume));
        assert_eq!(one["moment"], other["moment"]);
        assert_eq!(one["moment"]["members"].as_array().unwrap().len(), 2);
        assert_eq!(one["consistency"], "crash-consistent");
    }
    assert_eq!(lab.status(&name), "Running");
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}

#[test]
fn an_instance_and_its_volume_on_dir_each_hold_one_moment() {
    let Some(lab) = lab() else { return };
    let pool = lab.pool_dir();
    each_hold_one_moment(lab, &pool);
}

#[test]
fn an_instance_and_its_volume_on_btrfs_each_hold_one_moment() {
    let Some(lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    each_hold_one_moment(lab, &pool);
}

#[test]
fn killed_at_any_point_the_instance_runs_again_within_seconds() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    let (name, volume) = counting(&mut lab, &pool);
    for milliseconds in (60..1200).step_by(190) {
        let mut child = lab
            .backup_command(&["create", &name, "--with-volumes", "--yes", "-q"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        kill(child.id(), "KILL");
        let _ = child.wait();
        until(20, "the instance to run", || lab.status(&name) == "Running");
    }
    lab.backup(&["create", &name, "--with-volumes", "--yes", "-q"])
        .exits(0);
    until(20, "what the killed ones left to go", || {
        lab.backup(&["create", &name, "--with-volumes", "--yes", "-q"])
            .exits(0);
        let all = lab.query(&format!(
            "/1.0/storage-pools/{pool}/volumes/custom?recursion=1"
        ));
        let left = all
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["config"]["user.incus-backup.name"] == volume.as_str());
        !left && lab.left_over(&name).is_empty()
    });
}

#[test]
fn an_instance_comes_back_with_its_volumes_the_volumes_first() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    let (name, volume) = counting(&mut lab, &pool);
    lab.sh(&name, "echo kept >/mnt/note");
    lab.backup(&["create", &name, "--with-volumes", "--yes", "-q"])
        .exits(0);
    // A version of the volume that is newer, and of another moment.
    lab.sh(&name, "echo later >/mnt/note");
    lab.incus(&["delete", "-f", &name]);
    lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    let ran = lab.backup(&["restore", &name, "--yes"]).exits(1);
    assert!(ran.stderr.contains("missing volumes"), "{}", ran.stderr);
    let ran = lab
        .backup(&[
            "restore",
            &name,
            "--with-volumes",
            "--start",
            "--yes",
            "-f",
            "json",
        ])
        .exits(0);
    let kinds: Vec<Value> = ran.rows().iter().map(|row| row["type"].clone()).collect();
    assert_eq!(kinds, ["volume", "instance"]);
    assert_eq!(lab.sh(&name, "cat /mnt/note"), "kept\n");
    let apart = "tail -n 1 /data/a; tail -n 1 /mnt/b";
    let counters = lab.sh(&name, apart);
    let counters: Vec<i64> = counters.lines().map(|line| line.parse().unwrap()).collect();
    assert!(
        (0..=1).contains(&(counters[0] - counters[1])),
        "{counters:?}"
    );
}

#[test]
fn the_plan_says_what_is_paused_and_ctrl_c_does_not_wait_for_the_copies_to_end() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    let (name, _) = counting(&mut lab, &pool);
    lab.sh(
        &name,
        "dd if=/dev/urandom of=/mnt/x bs=1M count=400 2>/dev/null; sync",
    );
    let plan = ["create", &name, "--with-volumes", "--dry-run", "-f", "json"];
    let rows = lab.backup(&plan).exits(0).rows();
    let reason = |at: usize| rows[at]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason(0).contains(&format!("`{name}` paused while all of it is copied")),
        "{}",
        reason(0)
    );
    assert_eq!(
        reason(1),
        format!("crash-consistent: of one moment with `{name}`")
    );
    let create = ["create", &name, "--with-volumes", "--yes", "-q"];
    let mut child = lab.backup_command(&create).spawn().unwrap();
    until(60, "the pause", || {
        lab.status(&name) == "Frozen" || child.try_wait().unwrap().is_some()
    });
    assert!(child.try_wait().unwrap().is_none(), "it was not caught");
    kill(child.id(), "INT");
    until(5, "the instance to go on", || {
        lab.status(&name) == "Running"
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
    let live = [&create[..4], &["--no-snapshot", "-f", "json"]].concat();
    let rows = lab.backup(&live).exits(0).rows();
    for row in rows {
        assert_eq!(row["consistency"], "inconsistent", "{row}");
    }
}
