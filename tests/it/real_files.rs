//! Files out of a backup, against a real Incus.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use incus_backup::testing::volume_tar::VolumeTar;
use serde_json::json;

use crate::disk_images::{file_system, gpt, needs_e2fsprogs, tree};
use crate::lab::{lab, unique};

#[test]
fn real_files_come_out_of_a_backup_and_back_into_their_instance() {
    let Some(mut lab) = lab() else { return };
    let web = lab.launch("files", &[]);
    lab.sh(
        &web,
        "mkdir -p /etc/app/sub; echo one > /etc/app/a; echo b > /etc/app/sub/b; ln -s a /etc/app/l; \
         ln /etc/app/a /etc/app/h; chown 33:44 /etc/app/sub/b; chmod 640 /etc/app/sub/b; \
         mkfifo /etc/app/p; echo before > /etc/app/s",
    );
    lab.incus(&["snapshot", "create", &web, "s0"]);
    lab.sh(&web, "echo after > /etc/app/s");
    lab.backup(&["create", &web, "--yes"]).exits(0);
    let path = |inside: &str| format!("{web}{inside}");
    let out = lab.folder.path().join("out");
    lab.backup(&["files", "get", &path("/etc/app"), out.to_str().unwrap()])
        .exits(0);
    assert_eq!(fs::read(out.join("h")).unwrap(), b"one\n");
    assert_eq!(fs::read_link(out.join("l")).unwrap().to_str(), Some("a"));
    let inner = fs::metadata(out.join("sub/b")).unwrap();
    // Owners are those that are seen from inside, whatever they are shifted to on the server.
    assert_eq!(
        (inner.uid(), inner.gid(), inner.mode() & 0o777),
        (33, 44, 0o640)
    );
    assert!(!out.join("p").exists());
    let of_snapshot = ["files", "get", &path("/etc/app/s"), "-", "--snapshot", "s0"];
    assert_eq!(lab.backup(&of_snapshot).exits(0).stdout, "before\n");

    lab.sh(
        &web,
        "rm -r /etc/app/sub; echo broken > /etc/app/a; rm /etc/app/l; ln -s /etc/passwd /etc/app/l; \
         chmod 600 /etc/app/a",
    );
    lab.backup(&["files", "put", &path("/etc/app"), "--yes"])
        .exits(0);
    let seen = lab.sh(
        &web,
        "cd /etc/app; cat a h sub/b; readlink l; stat -c '%a %u %g' a sub/b",
    );
    assert_eq!(seen.trim(), "one\none\nb\na\n644 0 0\n640 33 44");
}

#[test]
fn real_files_come_out_of_a_volume_of_blocks() {
    let Some(mut lab) = lab() else { return };
    needs_e2fsprogs!();
    let folder = tree(50);
    let mut disk = gpt(&[("root", &file_system(folder.path(), 48, &["-t", "ext4"]))]);
    // As disks are: a server of 7.0 does not export the snapshot of one that ends within a block.
    disk.resize(disk.len().next_multiple_of(1024 * 1024), 0);
    let (pool, name) = (lab.pool_dir(), unique("disk"));
    // As if its backup were of another server: nothing else has to write where the volume is.
    let size = disk.len().to_string();
    let tar = VolumeTar::block(&name)
        .described(&json!({ "config": { "size": size } }))
        .disk(disk);
    let archive = lab.folder.path().join("disk.tar");
    fs::write(&archive, tar.build()).unwrap();
    lab.adopt_volume(&pool, &name);
    lab.incus(&[
        "storage",
        "volume",
        "import",
        &pool,
        archive.to_str().unwrap(),
        &name,
    ]);
    lab.incus(&[
        "storage", "volume", "snapshot", "create", &pool, &name, "s0",
    ]);
    let volume = format!("{pool}/{name}");
    let run = |arguments: &[&str]| lab.backup_of("volume", arguments).exits(0);
    run(&["create", &volume, "--yes"]);
    let rows = run(&["files", "list", &volume, "-f", "json"]).rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["path"], &rows[0]["file_system"]),
        (&json!("/p1"), &json!("ext4"))
    );
    let many = run(&[
        "files",
        "list",
        &format!("{volume}/p1/data/many"),
        "-f",
        "json",
    ]);
    assert_eq!(many.rows().len(), 50);
    let out = lab.folder.path().join("out");
    run(&[
        "files",
        "get",
        &format!("{volume}/p1/data"),
        out.to_str().unwrap(),
    ]);
    let expected = fs::read(folder.path().join("data/big")).unwrap();
    assert!(fs::read(out.join("big-too")).unwrap() == expected);
    let hostname = format!("{volume}/p1/etc/hostname");
    let shown = run(&["files", "get", &hostname, "-", "--snapshot", "s0"]);
    assert_eq!(shown.stdout, "of-the-disk\n");
}
