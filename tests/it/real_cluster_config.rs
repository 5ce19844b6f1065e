//! The configuration of a real cluster (`scripts/lab up cluster`): what each member has for itself, and
//! the two steps in which pools and networks are made.

use serde_json::Value;

use crate::lab::{Lab, Ran, command, lab, unique, variable};

/// A lab that is a cluster of `m1` and `m2`.
fn cluster() -> Option<Lab> {
    let lab = lab()?;
    if variable("LAB_MEMBERS").is_none() {
        eprintln!("left out: this lab is no cluster (scripts/lab up cluster)");
        return None;
    }
    Some(lab)
}

fn config(lab: &Lab, arguments: &[&str]) -> Ran {
    let mut command = command(env!("CARGO_BIN_EXE_incus-backup-config"));
    command
        .args(arguments)
        .env("INCUS_BACKUP_TARGET", lab.target());
    Ran::of(&command.output().unwrap())
}

/// What is deleted at the end, in this order, whatever happened.
struct Made<'a>(&'a Lab, Vec<Vec<String>>);

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for arguments in &self.1 {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            self.0.try_incus(&arguments);
        }
    }
}

#[test]
fn a_cluster_s_pools_and_networks_are_made_member_by_member() {
    let Some(lab) = cluster() else { return };
    let (pool, network) = (unique("tank"), format!("m{}", std::process::id()));
    let group = unique("group");
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        lab.incus(&words);
    };
    let made = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    let remove = [
        format!("storage volume delete {pool} data --target m2"),
        format!("storage delete {pool}"),
        format!("network delete {network}"),
        "cluster group assign m1 default".to_owned(),
        format!("cluster group delete {group}"),
    ];
    let _made = Made(&lab, remove.iter().map(|line| made(line)).collect());
    for (member, size) in [("m1", "128MiB"), ("m2", "160MiB")] {
        run(&format!(
            "storage create {pool} btrfs size={size} --target {member}"
        ));
        run(&format!(
            "network create {network} --type=macvlan parent=lo --target {member}"
        ));
    }
    run(&format!("storage create {pool} btrfs"));
    run(&format!("network create {network} --type=macvlan mtu=1400"));
    run(&format!("storage set {pool} rsync.bwlimit=100"));
    run(&format!("storage volume create {pool} data --target m2"));
    run(&format!("cluster group create {group}"));
    run(&format!("cluster group assign m1 default,{group}"));

    let stored = config(&lab, &["create", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let version = stored[0]["version"].as_str().unwrap().to_owned();
    let kinds = [
        "storage_pools",
        "networks",
        "volumes",
        "cluster_groups",
        "cluster_members",
    ];
    let scope: Vec<&str> = kinds.iter().flat_map(|kind| ["--kind", *kind]).collect();
    let restore = |more: &[&str]| {
        let head = ["restore", "--version", &version, "--yes", "-f", "json"];
        config(&lab, &[&head[..], &scope, more].concat())
    };
    let differences = || -> Value {
        let head = ["diff", "--version", &version, "-f", "json"];
        let ran = config(&lab, &[&head[..], &scope].concat()).exits(0);
        serde_json::from_str(&ran.stdout).unwrap()
    };

    // What is there is changed on the member that has it so, and for all of them.
    run(&format!("storage set {pool} rsync.bwlimit=50"));
    run(&format!("network set {network} mtu=1300"));
    run(&format!("network set {network} parent=eth0 --target m2"));
    run(&format!("cluster group assign m2 default,{group}"));
    restore(&[]).exits(0);
    assert_eq!(differences(), serde_json::json!([]));

    // And what is gone is made again.
    for line in &remove {
        run(line);
    }
    // A run that was killed between the two steps left this.
    run(&format!(
        "storage create {pool} btrfs size=128MiB --target m1"
    ));
    restore(&["--with-empty-volumes"]).exits(0);
    assert_eq!(differences(), serde_json::json!([]));
    for (member, size) in [("m1", "128MiB"), ("m2", "160MiB")] {
        let there = lab.query(&format!("/1.0/storage-pools/{pool}?target={member}"));
        assert_eq!(there["config"]["size"], size);
        assert_eq!(there["config"]["rsync.bwlimit"], "100");
    }
    let again = restore(&["--with-empty-volumes"]).exits(0);
    assert!(
        again
            .rows()
            .iter()
            .all(|row| row["action"] == "skip" || row["action"] == "keep")
    );
}
