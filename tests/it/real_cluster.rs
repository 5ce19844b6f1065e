//! A real cluster (`scripts/lab up cluster`): one source, whose unreachable members cost only what is
//! on them.

use crate::lab::{Lab, command, lab, until, variable};

/// Runs a command of the lab's, such as the one that stops the member which is named last.
fn run(line: &str, member: &str) {
    let status = command("sh")
        .args(["-c", &format!("{line} {member}")])
        .status();
    assert!(status.unwrap().success(), "{line} {member}");
}

fn launched_on(lab: &mut Lab, member: &str) -> String {
    let name = lab.launch("member", &["--target", member]);
    lab.sh(
        &name,
        &format!("mkdir -p /data; echo {member} >/data/x; sync"),
    );
    name
}

fn is_online(lab: &Lab, member: &str) -> bool {
    lab.query(&format!("/1.0/cluster/members/{member}"))["status"] == "Online"
}

/// Whether a member answers what others pass on to it: it is called online before that.
fn serves(lab: &Lab, member: &str) -> bool {
    let path = format!("/1.0/resources?target={member}");
    lab.try_incus(&["query", &path]).code == Some(0)
}

/// Name and status of each row, by name.
fn told(rows: &[serde_json::Value], names: [&str; 2]) -> Vec<String> {
    names
        .iter()
        .map(|name| {
            let row = rows.iter().find(|row| row["name"] == *name);
            row.unwrap()["status"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_cluster_is_one_source_and_a_member_that_is_down_costs_only_its_own_instances() {
    let Some((mut lab, stop, start)) = cluster() else {
        return;
    };
    let (near, far) = (launched_on(&mut lab, "m1"), launched_on(&mut lab, "m2"));
    let names = [near.as_str(), far.as_str()];
    let create = |lab: &Lab, code| {
        let arguments = ["create", &near, &far, "--yes", "-f", "json"];
        lab.backup(&arguments).exits(code).rows()
    };
    assert_eq!(told(&create(&lab, 0), names), ["done", "done"]);
    let rows = lab.backup(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let source = row["source"].as_str().unwrap();
        assert!(source.starts_with("cluster-"), "{source}");
    }

    run(&stop, "m2");
    until(60, "m2 to be called offline", || !is_online(&lab, "m2"));
    let during = create(&lab, 3);
    let bulk = lab.backup(&["create", "--yes", "-f", "json"]).exits(3);
    run(&start, "m2");
    until(60, "m2 to be called online", || is_online(&lab, "m2"));
    until(60, "m2 to serve", || serves(&lab, "m2"));
    assert_eq!(told(&during, names), ["done", "refused"]);
    assert_eq!(told(&bulk.rows(), names), ["done", "refused"]);
    let reason = during
        .iter()
        .find(|row| row["name"] == far.as_str())
        .unwrap()["reason"]
        .clone();
    assert_eq!(reason, "its cluster member `m2` cannot be reached");
    assert_eq!(lab.left_over(&near), Vec::<String>::new());
    assert_eq!(lab.left_over(&far), Vec::<String>::new());

    lab.incus(&["delete", "-f", &far]);
    lab.backup(&["restore", &far, "--start", "--yes"]).exits(0);
    assert_eq!(lab.sh(&far, "cat /data/x"), "m2\n");
}

/// Killed where the export is under way: what is on the other member is stored, and of its own nothing by
/// half, neither in the target nor on the servers.
#[test]
fn a_member_that_dies_in_mid_run_costs_only_what_is_on_it() {
    let Some((mut lab, stop, start)) = cluster() else {
        return;
    };
    let (near, far) = (launched_on(&mut lab, "m1"), launched_on(&mut lab, "m2"));
    lab.sh(&far, "head -c 300000000 /dev/urandom >/data/y; sync");
    let told_to = lab.folder.path().join("told");
    let mut create = lab.backup_command(&["create", &near, &far, "--yes", "-f", "json"]);
    let child = create
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&told_to).unwrap())
        .spawn()
        .unwrap();
    let exporting = format!("{far}: exporting");
    until(60, "its export to begin", || {
        std::fs::read_to_string(&told_to)
            .unwrap()
            .contains(&exporting)
    });
    let died = std::time::Instant::now();
    run(&stop, "m2 --kill");
    let output = child.wait_with_output().unwrap();
    let took = died.elapsed();
    run(&start, "m2");
    until(60, "m2 to be called online", || is_online(&lab, "m2"));
    until(60, "m2 to serve", || serves(&lab, "m2"));
    let stderr = std::fs::read_to_string(&told_to).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told(&rows, [&near, &far]), ["done", "failed"], "{stderr}");
    assert!(
        took.as_secs() < 240,
        "given up only after {took:?}: {stderr}"
    );
    let listed = lab.backup(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["name"], near.as_str());
    // It ran on all the while, and nothing but the next run is needed.
    lab.backup(&["create", &near, &far, "--yes"]).exits(0);
    assert_eq!(lab.left_over(&near), Vec::<String>::new());
    assert_eq!(lab.left_over(&far), Vec::<String>::new());
    assert_eq!(lab.status(&far), "Running");
    let verified = lab.backup_of("verify", &["--level", "full", "-q"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

/// The lab, if it is a cluster, and the commands that stop and start a member of it.
fn cluster() -> Option<(Lab, String, String)> {
    let lab = lab()?;
    let (stop, start) = (variable("LAB_STOP_MEMBER"), variable("LAB_START_MEMBER"));
    let found = stop.zip(start).map(|(stop, start)| (lab, stop, start));
    if found.is_none() {
        eprintln!("left out: this lab is no cluster (scripts/lab up cluster)");
    }
    found
}

#[test]
fn an_instance_and_a_volume_come_back_where_they_were_or_where_they_are_wanted() {
    let Some((mut lab, stop, start)) = cluster() else {
        return;
    };
    let name = launched_on(&mut lab, "m2");
    let pool = lab.pool_dir();
    let volume = lab.volume(&pool, &["--target", "m2"]);
    let (instance, custom) = (format!("m1:{name}"), format!("m1:{pool}/{volume}"));
    lab.backup(&["create", &instance, "--yes"]).exits(0);
    lab.backup_of("volume", &["create", &custom, "--yes"])
        .exits(0);
    let is_at = |lab: &Lab, member: &str| {
        let path = format!("/1.0/instances/{name}");
        assert_eq!(lab.query(&path)["location"], member);
        let all = lab.query(&format!(
            "/1.0/storage-pools/{pool}/volumes/custom?recursion=1"
        ));
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|it| it["name"] == volume.as_str()).unwrap();
        assert_eq!(found["location"], member);
    };
    let delete = |lab: &Lab| {
        lab.incus(&["delete", "-f", &name]);
        lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    };
    let restore = |lab: &Lab, more: &[&str], code: i32| {
        let of_instance = [&["restore", &instance, "--yes", "-f", "json"], more].concat();
        let of_volume = [&["restore", &custom, "--yes", "-f", "json"], more].concat();
        let instance = lab.backup(&of_instance).exits(code);
        (instance, lab.backup_of("volume", &of_volume).exits(code))
    };
    delete(&lab);
    let (ran, _) = restore(&lab, &[], 0);
    let reason = ran.rows()[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("onto member `m2`"), "{reason}");
    is_at(&lab, "m2");
    delete(&lab);
    restore(&lab, &["--member", "m1"], 0);
    is_at(&lab, "m1");
    delete(&lab);
    let everything = [
        "restore", "m1:", "--skip", "config", "--member", "m1", "--yes",
    ];
    lab.backup_of("all", &everything).exits(0);
    is_at(&lab, "m1");
    delete(&lab);
    let (ran, _) = restore(&lab, &["--member", "m9"], 1);
    assert!(
        ran.stderr.contains("the cluster has no member `m9`"),
        "{}",
        ran.stderr
    );

    run(&stop, "m2");
    until(60, "m2 to be called offline", || !is_online(&lab, "m2"));
    let wanted = lab.backup(&["restore", &instance, "--member", "m2", "--yes"]);
    let other = lab.backup(&["restore", &instance, "--yes", "-f", "json"]);
    run(&start, "m2");
    until(60, "m2 to be called online", || is_online(&lab, "m2"));
    until(60, "m2 to serve", || serves(&lab, "m2"));
    let wanted = wanted.exits(1);
    assert!(
        wanted.stderr.contains("cluster member `m2` is offline"),
        "{}",
        wanted.stderr
    );
    let reason = other.exits(0).rows()[0]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        reason.contains("onto member `m1`, for `m2`, where it was, is down"),
        "{reason}"
    );
    assert_eq!(
        lab.query(&format!("/1.0/instances/{name}"))["location"],
        "m1"
    );
    lab.incus(&["start", &name]);
    assert_eq!(lab.sh(&name, "cat /data/x"), "m2\n");
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
}
