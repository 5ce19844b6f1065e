//! Every kind in a repository of restic, on a real server: made, listed, checked, brought back and pruned;
//! and what a repository is worth without this program: `restic dump` and the import of `incus`.

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::lab::{Lab, Ran, lab, unique};
use crate::real_whole::rows;
use crate::restic::{Repository, needs_restic, tag};

const ALL: &str = env!("CARGO_BIN_EXE_incus-backup-all");
const CONFIG: &str = env!("CARGO_BIN_EXE_incus-backup-config");
const VERIFY: &str = env!("CARGO_BIN_EXE_incus-backup-verify");
const PRUNE: &str = env!("CARGO_BIN_EXE_incus-backup-prune");

fn run(lab: &Lab, repository: &Repository, kind: &str, arguments: &[&str]) -> Ran {
    let mut command = lab.command_for(kind, arguments);
    command
        .envs(repository.environment())
        .env("INCUS_BACKUP_TARGET", repository.uri());
    Ran::of(&command.output().unwrap())
}

/// A program of a daemon of the test's own.
fn run_at(daemon: &Daemon, repository: &Repository, program: &str, arguments: &[&str]) -> Ran {
    let mut command = daemon.command(program);
    command
        .args(arguments)
        .envs(repository.environment())
        .env("INCUS_BACKUP_TARGET", repository.uri());
    Ran::of(&command.output().unwrap())
}

/// How many complete versions there are of something; there are no others.
#[track_caller]
fn complete(lab: &Lab, repository: &Repository, kind: &str) -> usize {
    let listed = run(lab, repository, kind, &["list", "-f", "json"]).exits(0);
    let rows = listed.rows();
    assert!(
        rows.iter().all(|row| row["state"] == "complete"),
        "{rows:?}"
    );
    rows.len()
}

/// Makes two versions, checks them whole, and prunes the older one.
#[track_caller]
fn two_and_one_pruned(lab: &Lab, repository: &Repository, kind: &str, name: &str) {
    for number in 1..3 {
        let create = ["create", name, "--yes", "-f", "json"];
        let made = run(lab, repository, kind, &create).exits(0);
        assert_eq!(made.rows()[0]["status"], "done");
        assert_eq!(complete(lab, repository, kind), number);
    }
    let verified = run(lab, repository, "verify", &["--level", "full"]).exits(0);
    assert!(
        verified.stderr.ends_with("2 versions checked, 2 good\n"),
        "{}",
        verified.stderr
    );
    run(lab, repository, "prune", &["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(complete(lab, repository, kind), 1);
    repository.is_clean();
}

/// The file of data that is called so, taken out with restic alone.
#[track_caller]
fn dumped(repository: &Repository, path: &str) -> String {
    let all = repository.snapshots();
    let data = all.iter().find(|it| it["paths"][0] == path);
    let data = data.unwrap_or_else(|| panic!("no snapshot of {path}: {all:?}"));
    assert_eq!(tag(data, "part").as_deref(), Some("data"));
    let bytes = repository.restic(&["dump", data["id"].as_str().unwrap(), path]);
    let file = repository.beside("dumped.tar");
    std::fs::write(&file, bytes.stdout).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn real_restic_an_instance_comes_back_and_also_by_restic_and_incus_alone() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let repository = Repository::new();
    let name = lab.launch("vault", &[]);
    lab.sh(&name, "mkdir -p /data; echo kept > /data/x");
    two_and_one_pruned(&lab, &repository, "instance", &name);
    lab.incus(&["delete", &name, "--force"]);
    let restore = ["restore", &name, "--start", "--yes"];
    run(&lab, &repository, "instance", &restore).exits(0);
    assert_eq!(lab.sh(&name, "cat /data/x").trim(), "kept");

    lab.incus(&["delete", &name, "--force"]);
    let file = dumped(&repository, &format!("/instance_default_{name}.tar"));
    lab.incus(&["import", &file]);
    lab.incus(&["start", &name]);
    assert_eq!(lab.sh(&name, "cat /data/x").trim(), "kept");
}

#[test]
fn real_restic_a_volume_comes_back_and_also_by_restic_and_incus_alone() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let repository = Repository::new();
    let (name, pool) = (lab.launch("vault", &[]), lab.pool_dir());
    let volume = lab.volume(&pool, &[]);
    lab.mount(&name, &pool, &volume, "/data");
    lab.sh(&name, "echo kept > /data/x; sync");
    lab.incus(&["delete", &name, "--force"]);
    let place = format!("{pool}/{volume}");
    let kept = |lab: &mut Lab| {
        let name = lab.launch("vault", &[]);
        lab.mount(&name, &pool, &volume, "/data");
        assert_eq!(lab.sh(&name, "cat /data/x").trim(), "kept");
        lab.incus(&["delete", &name, "--force"]);
        lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    };
    two_and_one_pruned(&lab, &repository, "volume", &place);
    lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    run(&lab, &repository, "volume", &["restore", &place, "--yes"]).exits(0);
    kept(&mut lab);

    let file = dumped(&repository, &format!("/volume_default_{pool}_{volume}.tar"));
    lab.incus(&["storage", "volume", "import", &pool, &file, &volume]);
    kept(&mut lab);
}

#[test]
fn real_restic_an_image_comes_back_and_also_by_restic_and_incus_alone() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let repository = Repository::new();
    let name = lab.launch("vault", &[]);
    lab.sh(&name, "head -c 100000 /dev/urandom > /x");
    lab.incus(&["stop", &name, "--force"]);
    let alias = unique("vault-image");
    lab.incus(&["publish", &name, "--alias", &alias]);
    let image = lab.query(&format!("/1.0/images/aliases/{alias}"));
    let fingerprint = image["target"].as_str().unwrap().to_owned();
    lab.adopt_image("default", &fingerprint);
    let described = |lab: &Lab| -> Value {
        let image = lab.query(&format!("/1.0/images/{fingerprint}"));
        json!([image["size"], image["aliases"], image["properties"]])
    };
    let before = described(&lab);
    two_and_one_pruned(&lab, &repository, "image", &alias);
    lab.incus(&["image", "delete", &fingerprint]);
    run(&lab, &repository, "image", &["restore", &alias, "--yes"]).exits(0);
    assert_eq!(described(&lab), before);

    lab.incus(&["image", "delete", &fingerprint]);
    let all = repository.snapshots();
    let stem = format!("/image_default_{fingerprint}.");
    let data = all
        .iter()
        .find(|it| tag(it, "part").as_deref() == Some("data"));
    let path = data.unwrap()["paths"][0].as_str().unwrap();
    assert!(path.starts_with(&stem), "{path}");
    let file = dumped(&repository, path);
    lab.incus(&["image", "import", &file, "--alias", &alias]);
    assert_eq!(described(&lab)[0], before[0]);
}

#[tokio::test]
async fn real_restic_a_bucket_comes_back() {
    needs_restic!();
    let Some(lab) = lab() else { return };
    let repository = Repository::new();
    let pool = lab.pool_btrfs();
    let Some(made) = crate::real_buckets::make(&lab, &pool, &[]) else {
        return;
    };
    assert_eq!(made.s3(&lab).put("a", b"kept").await, 200);
    let objects = made.s3(&lab).objects().await;
    two_and_one_pruned(&lab, &repository, "bucket", &made.path());
    made.delete(&lab);
    let restore = ["restore", &made.path(), "--yes"];
    run(&lab, &repository, "bucket", &restore).exits(0);
    assert_eq!(made.s3(&lab).objects().await, objects);

    made.delete(&lab);
    let file = dumped(
        &repository,
        &format!("/bucket_default_{pool}_{}.tar", made.name),
    );
    lab.incus(&["storage", "bucket", "import", &pool, &file, &made.name]);
    assert_eq!(made.s3(&lab).objects().await, objects);
}

#[test]
fn real_restic_a_configuration_comes_back() {
    needs_restic!();
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let repository = Repository::new();
    daemon.script(
        "profile create vault --description kept
         profile set vault limits.cpu=2",
    );
    let run = |program: &str, arguments: &[&str]| run_at(&daemon, &repository, program, arguments);
    for _ in 0..2 {
        run(CONFIG, &["create", "--yes"]).exits(0);
    }
    let rows = run(CONFIG, &["list", "-f", "json"]).exits(0).rows();
    let states: Vec<_> = rows
        .iter()
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["complete", "complete"]);
    run(VERIFY, &["--level", "full"]).exits(0);
    run(PRUNE, &["--keep-last", "1", "--yes"]).exits(0);
    assert_eq!(
        run(CONFIG, &["list", "-f", "json"]).exits(0).rows().len(),
        1
    );
    let before = daemon.query("/1.0/profiles/vault");
    daemon.incus(&["profile", "delete", "vault"]);
    run(CONFIG, &["restore", "--kind", "profiles", "--yes"]).exits(0);
    assert_eq!(daemon.query("/1.0/profiles/vault"), before);
    repository.is_clean();
}

/// Configuration, volumes, images and instances of four projects, from one server onto an empty one.
#[test]
fn real_restic_a_whole_server_comes_back_onto_an_empty_one() {
    needs_restic!();
    let Some(old) = Daemon::full() else { return };
    let repository = Repository::new();
    let before = old.states();
    old.stop_all();
    let create = ["create", "--yes", "-f", "json"];
    for _ in 0..2 {
        let ran = run_at(&old, &repository, ALL, &create).exits(0);
        assert_eq!(rows(&ran, "failed"), [""; 0]);
    }
    let listed = run_at(&old, &repository, ALL, &["list", "-f", "json"]);
    let listed = listed.exits(0).rows();
    assert!(listed.iter().all(|row| row["state"] == "complete"));
    let source = listed[0]["source"].as_str().unwrap().to_owned();
    run_at(&old, &repository, PRUNE, &["--keep-last", "1", "--yes"]).exits(0);
    run_at(&old, &repository, VERIFY, &["--level", "full"]).exits(0);

    let Some(new) = Daemon::start() else { return };
    let restore = ["restore", "--from", &source, "--yes", "-f", "json"];
    let ran = run_at(&new, &repository, ALL, &restore).exits(0);
    assert_eq!(rows(&ran, "failed"), [""; 0]);
    new.start_all();
    assert_eq!(new.states(), before);
    let left = run_at(
        &new,
        &repository,
        CONFIG,
        &["diff", "--from", &source, "-f", "json"],
    );
    assert_eq!(left.rows(), [json!(null); 0]);
    repository.is_clean();
}
