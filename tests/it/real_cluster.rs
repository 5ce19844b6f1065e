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
    let Some(mut lab) = lab() else { return };
    let (Some(stop), Some(start)) = (variable("LAB_STOP_MEMBER"), variable("LAB_START_MEMBER"))
    else {
        eprintln!("left out: this lab is no cluster (scripts/lab up cluster)");
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
