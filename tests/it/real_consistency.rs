//! What is stored of a running container is from one moment.

use crate::lab::{Lab, lab, until};
use crate::stored::last;

/// Two files that the same counter is appended to, as fast as the shell can.
pub const COUNTER: &str =
    "i=0; while true; do i=$((i+1)); echo $i >>/data/a; echo $i >>/data/b; done";

fn counting(lab: &mut Lab, pool: &str) -> String {
    let name = lab.launch("count", &["-s", pool]);
    // Enough between the two files that a live export does not read both at once.
    lab.sh(
        &name,
        "mkdir -p /data/m; dd if=/dev/urandom of=/data/m/x bs=1M count=24 2>/dev/null",
    );
    lab.sh(
        &name,
        &format!("setsid sh -c '{COUNTER}' </dev/null >/dev/null 2>&1 &"),
    );
    until(10, "the counter", || {
        lab.sh(&name, "cat /data/b 2>/dev/null || true").len() > 100
    });
    name
}

/// The numbers that an archive has of the two files.
pub fn numbers(archive: &std::path::Path) -> (i64, i64) {
    let of = |file: &str| last(archive, &format!("backup/container/rootfs/data/{file}"));
    (of("a"), of("b"))
}

#[test]
fn ten_backups_of_a_running_container_on_dir_each_hold_one_moment() {
    let Some(lab) = lab() else { return };
    let pool = lab.pool_dir();
    ten_backups(lab, &pool);
}

/// A snapshot of btrfs is what a power cut would leave: what was written last to one file may be there
/// before what was written last to another. It is no more than that apart, however much lies between.
#[test]
fn backups_of_a_running_container_on_btrfs_are_from_a_snapshot() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    let name = counting(&mut lab, &pool);
    lab.sh(
        &name,
        "mkdir /data/aa; dd if=/dev/urandom of=/data/aa/x bs=1M count=200 2>/dev/null; sync",
    );
    for _ in 0..3 {
        lab.backup(&["create", &name, "--yes", "-q"]).exits(0);
    }
    for version in lab.versions("default", &name) {
        let archive = version.join("export.tar.zst");
        let (a, b) = numbers(&archive);
        assert!(a > 0 && (a - b).abs() < 2000, "{a} and {b}");
    }
    assert_eq!(lab.status(&name), "Running");
}

fn ten_backups(mut lab: Lab, pool: &str) {
    let name = counting(&mut lab, pool);
    for _ in 0..10 {
        let ran = lab
            .backup(&["create", &name, "--yes", "-f", "json"])
            .exits(0);
        assert_eq!(ran.rows()[0]["consistency"], "crash-consistent");
    }
    let versions = lab.versions("default", &name);
    assert_eq!(versions.len(), 10);
    for version in versions {
        let archive = version.join("export.tar.zst");
        let (a, b) = numbers(&archive);
        assert!(
            a > 0 && (0..=1).contains(&(a - b)),
            "{}: {a} and {b}",
            version.display()
        );
    }
    assert_eq!(lab.status(&name), "Running");
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}

#[test]
fn without_a_snapshot_a_running_container_is_recorded_as_inconsistent() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    let name = counting(&mut lab, &pool);
    let ran = lab
        .backup(&["create", &name, "--no-snapshot", "--yes", "-f", "json"])
        .exits(0);
    assert_eq!(ran.rows()[0]["consistency"], "inconsistent");
    let shown = lab.backup(&["show", &name, "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["consistency"], "inconsistent");
}
