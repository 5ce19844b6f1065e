//! Restores into real projects with limits and restrictions.

use serde_json::Value;

use crate::lab::{Lab, lab, until};
use crate::real_bad_days::{large, signal};

fn config(lab: &Lab, project: &str) -> Value {
    lab.query(&format!("/1.0/projects/{project}"))["config"].clone()
}

fn set(lab: &Lab, project: &str, settings: &[&str]) {
    let mut arguments = vec!["project", "set", project];
    arguments.extend(settings);
    lab.incus(&arguments);
}

fn exists(lab: &Lab, project: &str, name: &str) -> bool {
    let path = format!("/1.0/instances/{name}?project={project}");
    lab.try_incus(&["query", &path]).code == Some(0)
}

#[test]
fn a_restricted_project_takes_an_instance_and_is_as_it_was() {
    let Some(mut lab) = lab() else { return };
    let project = lab.project();
    let name = lab.launch("limit", &[]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    set(
        &lab,
        &project,
        &["restricted=true", "restricted.backups=allow"],
    );
    let before = config(&lab, &project);
    let to_project = ["--to-project", &project, "--yes"];
    let restore = |more: &[&str]| {
        let mut arguments = vec!["restore", &name];
        arguments.extend(to_project);
        arguments.extend(more);
        lab.backup(&arguments)
    };
    restore(&["--start"]).exits(0);
    assert_eq!(config(&lab, &project), before);
    let status = lab.incus(&["--project", &project, "list", &name, "-c", "s", "-f", "csv"]);
    assert_eq!(status, "RUNNING\n");
    restore(&["--replace"]).exits(0);
    assert_eq!(config(&lab, &project), before);
    // It can be backed up there, and come back from that: as the same to cloud-init.
    lab.backup(&["create", &name, "--project", &project, "--yes"])
        .exits(0);
    let cloud_id = || {
        let found = lab.query(&format!("/1.0/instances/{name}?project={project}"));
        found["config"]["volatile.cloud-init.instance-id"].clone()
    };
    let id = cloud_id();
    assert!(id.is_string());
    lab.backup(&[
        "restore",
        &name,
        "--project",
        &project,
        "--replace",
        "--yes",
    ])
    .exits(0);
    assert_eq!(cloud_id(), id);
    assert_eq!(config(&lab, &project), before);
}

#[test]
fn a_limited_project_takes_as_many_as_it_may_have() {
    let Some(mut lab) = lab() else { return };
    let project = lab.project();
    let name = lab.launch("limit", &[]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    set(&lab, &project, &["limits.instances=1"]);
    let before = config(&lab, &project);
    let restore = |more: &[&str]| {
        let mut arguments = vec!["restore", &name, "--to-project", &project, "--yes"];
        arguments.extend(more);
        lab.backup(&arguments)
    };
    restore(&["--start"]).exits(0);
    assert_eq!(config(&lab, &project), before);
    let ran = restore(&["--target-name", "one-too-many"]).exits(1);
    assert!(
        ran.stderr
            .contains("`limits.instances=1`, and no room for one more"),
        "{}",
        ran.stderr
    );
    // What the server alone knows of is told, and the project is as it was.
    lab.incus(&["--project", &project, "delete", "-f", &name]);
    set(&lab, &project, &["limits.memory=100MiB"]);
    let before = config(&lab, &project);
    restore(&[]).exits(1);
    assert_eq!(config(&lab, &project), before);
    assert!(!exists(&lab, &project, &name));
}

#[test]
fn an_interrupted_restore_puts_a_restricted_project_back_and_a_killed_one_leaves_it_to_the_next() {
    let Some(mut lab) = lab() else { return };
    let project = lab.project();
    let name = large(&mut lab);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    set(&lab, &project, &["restricted=true", "limits.instances=2"]);
    let before = config(&lab, &project);
    let arguments = ["restore", &name, "--to-project", &project, "--yes", "-q"];
    for (word, code) in [("TERM", Some(130)), ("KILL", None)] {
        let mut child = lab.backup_command(&arguments).spawn().unwrap();
        until(30, "the project to be open", || {
            config(&lab, &project)["limits.instances"] == "3"
        });
        signal(child.id(), word);
        assert_eq!(child.wait().unwrap().code(), code, "{word}");
        let open = config(&lab, &project) != before;
        assert_eq!(open, word == "KILL");
    }
    // The server may still be at the import that nobody waits for.
    until(60, "the import's end", || {
        let busy = lab.query("/1.0/operations?recursion=1")["running"].clone();
        !busy.to_string().contains("Restoring backup")
    });
    if exists(&lab, &project, &name) {
        lab.incus(&["--project", &project, "delete", "-f", &name]);
    }
    let ran = lab.backup(&arguments[..5]).exits(0);
    assert!(
        ran.stderr.contains("changed by an earlier run"),
        "{}",
        ran.stderr
    );
    assert_eq!(config(&lab, &project), before);
}
