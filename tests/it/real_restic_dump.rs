//! What a repository is worth without this program: `restic dump` and `incus import`.

use crate::lab::lab;
use crate::restic::{Repository, needs_restic, tag};

#[test]
fn real_restic_an_instance_comes_back_by_restic_and_incus_alone() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let repository = Repository::new();
    let name = lab.launch("dump", &[]);
    lab.sh(&name, "mkdir -p /data; echo kept > /data/x");
    let mut command = lab.backup_command(&["create", &name, "--yes"]);
    command
        .envs(repository.environment())
        .env("INCUS_BACKUP_TARGET", repository.uri());
    let made = crate::lab::Ran::of(&command.output().unwrap()).exits(0);
    assert!(made.stdout.contains(&name));
    let all = repository.snapshots();
    let data = all
        .iter()
        .find(|it| tag(it, "part").as_deref() == Some("data"))
        .unwrap();
    let path = format!("/instance_default_{name}.tar");
    assert_eq!(data["paths"][0], path.as_str());
    let tar = repository
        .restic(&["dump", data["id"].as_str().unwrap(), &path])
        .stdout;
    let file = repository.beside("dumped.tar");
    std::fs::write(&file, tar).unwrap();
    lab.incus(&["delete", &name, "--force"]);
    lab.incus(&["import", file.to_str().unwrap()]);
    lab.incus(&["start", &name]);
    assert_eq!(lab.sh(&name, "cat /data/x").trim(), "kept");
}
