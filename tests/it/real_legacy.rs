//! What the earlier tool stored, restored to a real server. Its archives are the server's own exports,
//! compressed with gzip under the name `.tar.xz`.

use std::fs;

use serde_json::json;

use crate::lab::{Ran, lab, unique};
use crate::legacy::{manifest, write};
use crate::restic::{Repository, needs_restic};
use crate::restic_legacy::store_instance;

#[test]
fn a_backup_of_the_earlier_tool_comes_back() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("legacy", &[]);
    lab.sh(
        &name,
        "mkdir -p /data; printf 'of the earlier tool' >/data/a",
    );
    lab.incus(&["snapshot", "create", &name, "s0"]);
    lab.incus(&[
        "snapshot",
        "create",
        &name,
        "tmp-incus-backup-20250914T121314Z",
    ]);
    lab.incus(&["stop", "--force", &name]);
    let exported = lab.root().with_file_name(unique("export"));
    let path = exported.to_str().unwrap().to_owned();
    lab.incus(&["export", &name, &path, "--compression", "gzip"]);
    let folder = lab.root().join("instances/default").join(&name);
    let data = fs::read(&exported).unwrap();
    assert_eq!(data[..2], [0x1f, 0x8b]);
    let folder = folder.join("20250914T121314Z");
    write(&folder, &manifest(&name), ("export.tar.xz", &data));
    lab.incus(&["delete", "--force", &name]);
    lab.backup(&["restore", &name, "--from", "legacy", "--start", "--yes"])
        .exits(0);
    assert_eq!(lab.sh(&name, "cat /data/a"), "of the earlier tool");
    assert_eq!(lab.snapshots(&name), ["s0"]);
}

#[test]
fn a_volume_of_the_earlier_tool_comes_back() {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("legacy", &[]);
    let (pool, volume) = (lab.pool_dir(), unique("legacy-volume"));
    lab.incus(&["storage", "volume", "create", &pool, &volume]);
    lab.incus(&[
        "config",
        "device",
        "add",
        &name,
        "data",
        "disk",
        &format!("pool={pool}"),
        &format!("source={volume}"),
        "path=/data",
    ]);
    lab.sh(&name, "printf 'of the earlier tool' >/data/a");
    lab.incus(&["config", "device", "remove", &name, "data"]);
    for snapshot in ["s0", "tmp-incus-backup-20250914T121314Z"] {
        lab.incus(&[
            "storage", "volume", "snapshot", "create", &pool, &volume, snapshot,
        ]);
    }
    let exported = lab.root().with_file_name(unique("export"));
    let path = exported.to_str().unwrap().to_owned();
    lab.incus(&[
        "storage",
        "volume",
        "export",
        &pool,
        &volume,
        &path,
        "--compression",
        "gzip",
    ]);
    lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    let folder = lab.root().join("volumes/default").join(&pool).join(&volume);
    let described = json!({ "type": "volume", "project": "default", "pool": pool, "name": volume,
        "createdAt": "2025-09-14T12:13:14Z" });
    let data = fs::read(&exported).unwrap();
    write(
        &folder.join("20250914T121314Z"),
        &described,
        ("volume.tar.xz", &data),
    );
    let place = format!("{pool}/{volume}");
    let restored = lab.backup_of("volume", &["restore", &place, "--from", "legacy", "--yes"]);
    let snapshots = format!("/1.0/storage-pools/{pool}/volumes/custom/{volume}/snapshots");
    let snapshots = lab.try_incus(&["query", &snapshots]).stdout;
    lab.incus(&[
        "config",
        "device",
        "add",
        &name,
        "data",
        "disk",
        &format!("pool={pool}"),
        &format!("source={volume}"),
        "path=/data",
    ]);
    let content = lab.sh(&name, "cat /data/a");
    lab.incus(&["config", "device", "remove", &name, "data"]);
    lab.incus(&["storage", "volume", "delete", &pool, &volume]);
    restored.exits(0);
    assert_eq!(content, "of the earlier tool");
    assert!(
        snapshots.contains("/s0") && !snapshots.contains("tmp-"),
        "{snapshots}"
    );
}

#[test]
fn real_restic_what_the_earlier_tool_left_in_a_repository_comes_back() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let repository = Repository::new();
    let name = lab.launch("legacy", &[]);
    lab.sh(&name, "printf 'of the earlier tool' >/a");
    for snapshot in ["s0", "tmp-incus-backup-20250914T121314Z"] {
        lab.incus(&["snapshot", "create", &name, snapshot]);
    }
    lab.incus(&["stop", "--force", &name]);
    let exported = lab.root().with_file_name(unique("export"));
    let path = exported.to_str().unwrap().to_owned();
    lab.incus(&["export", &name, &path, "--compression", "none"]);
    let data = fs::read(&exported).unwrap();
    store_instance(&repository, &name, "20250914T121314Z", &data);
    let run = |kind: &str, arguments: &[&str]| {
        let mut command = lab.command_for(kind, arguments);
        command
            .envs(repository.environment())
            .env("INCUS_BACKUP_TARGET", repository.uri());
        Ran::of(&command.output().unwrap())
    };
    run("verify", &["--level", "full"]).exits(0);
    lab.incus(&["delete", "--force", &name]);
    let restore = ["restore", &name, "--from", "legacy", "--start", "--yes"];
    run("instance", &restore).exits(0);
    assert_eq!(lab.sh(&name, "cat /a"), "of the earlier tool");
    assert_eq!(lab.snapshots(&name), ["s0"]);
}
