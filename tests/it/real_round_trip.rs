//! What is backed up comes back as it was: every kind of file, configuration, snapshots.

use rstest::rstest;
use serde_json::Value;

use crate::lab::{Lab, command, lab, unique, variable};

/// Makes a tree with everything that is hard to keep.
const TREE: &str = r#"
set -e
mkdir -p /data/empty '/data/sp ace' /data/deep
printf 'one' >/data/a; ln /data/a /data/hard; ln -s a /data/soft; ln -s /nowhere /data/dangling
printf '' >/data/nothing
printf 'x' >"/data/$(printf 'new\nline')"
printf 'y' >'/data/ünïcødé-文'
printf 'z' >'/data/sp ace/tab	and "quotes"'
dd if=/dev/zero of=/data/sparse bs=1 count=1 seek=5000000 2>/dev/null
dd if=/dev/urandom of=/data/random bs=1000 count=3333 2>/dev/null
cp /bin/busybox /data/setuid; chmod 4755 /data/setuid; chmod 1777 /data/empty; chmod 0 /data/nothing
chown 1000:2000 /data/a; chown 65534:65534 /data/random
mkfifo /data/fifo
touch -d '2001-02-03 04:05:06' /data/random
long=$(head -c 255 /dev/zero | tr '\0' n); printf 'l' >"/data/$long"
cd /data/deep; part=$(head -c 200 /dev/zero | tr '\0' d)
i=0; while [ $i -lt 18 ]; do mkdir $part && cd $part; i=$((i+1)); done
printf 'deep' >$(head -c 250 /dev/zero | tr '\0' b)
"#;

/// Describes a tree: type, mode, owner, size, link target, checksum; by name. Times in whole seconds
/// only where they were set so: the server's tar rounds the rest.
const DESCRIBE: &str = r#"cd /data; find . | sort | while IFS= read -r f; do
  stat -c '%F %a %u %g %s %N' "$f" 2>/dev/null || echo "? $f"
  [ -f "$f" ] && [ ! -L "$f" ] && sha256sum "$f" 2>/dev/null
done; find . | wc -l; d=.; n=0; while [ -d $d ]; do n=$((n+1)); d=$(ls -d $d/d* 2>/dev/null | head -1); [ -n "$d" ] || break; done; echo $n; stat -c '%h %Y' /data/a /data/random | grep -v ^2; stat -c %h /data/a"#;

/// What of an instance must come back; times and places of its last run are not part of it.
pub fn described(lab: &Lab, name: &str) -> Value {
    let mut instance = lab.query(&format!("/1.0/instances/{name}"));
    for key in ["status", "status_code", "last_used_at", "created_at"] {
        instance.as_object_mut().unwrap().remove(key);
    }
    for key in ["config", "expanded_config"] {
        let config = instance[key].as_object_mut().unwrap();
        // What the server notes about the present run, and what an import notes about itself.
        config.retain(|key, _| {
            !key.starts_with("volatile.")
                || key.ends_with(".hwaddr")
                || key == "volatile.uuid"
                || key == "volatile.base_image"
                || key == "volatile.cloud-init.instance-id"
        });
    }
    instance
}

fn snapshots(lab: &Lab, name: &str) -> Vec<Value> {
    let all = lab.query(&format!("/1.0/instances/{name}/snapshots?recursion=1"));
    let keep = [
        "name",
        "created_at",
        "expires_at",
        "profiles",
        "stateful",
        "ephemeral",
    ];
    all.as_array()
        .unwrap()
        .iter()
        .map(|snapshot| keep.iter().map(|key| snapshot[*key].clone()).collect())
        .collect()
}

fn round_trip(lab: &mut Lab, pool: &str) {
    let profile = lab.profile();
    let name = lab.launch("trip", &["-s", pool, "-p", "default", "-p", &profile]);
    lab.sh(&name, TREE);
    lab.incus(&["config", "set", &name, "user.note=tést: [yes]\nline"]);
    lab.incus(&[
        "config",
        "set",
        &name,
        "user.date=2001-01-01",
        "user.num=1_000",
        "user.no=no",
    ]);
    lab.incus(&[
        "config",
        "device",
        "add",
        &name,
        "p",
        "unix-char",
        "source=/dev/null",
        "path=/dev/p",
    ]);
    lab.incus(&[
        "query",
        "-X",
        "PATCH",
        &format!("/1.0/instances/{name}"),
        "-d",
        r#"{"description":"what it is: \"quoted\""}"#,
    ]);
    lab.sh(&name, "echo first >/data/generation");
    lab.incus(&["snapshot", "create", &name, "s0"]);
    lab.incus(&[
        "query",
        "-X",
        "PATCH",
        "--wait",
        &format!("/1.0/instances/{name}/snapshots/s0"),
        "-d",
        r#"{"expires_at":"2077-01-02T03:04:05Z"}"#,
    ]);
    lab.sh(&name, "echo a second >/data/generation");
    lab.incus(&["snapshot", "create", &name, "s1"]);
    lab.sh(&name, "echo the third >/data/generation; sync");
    let (tree, instance, before) = (
        lab.sh(&name, DESCRIBE),
        described(lab, &name),
        snapshots(lab, &name),
    );
    assert!(tree.contains("setuid") && tree.contains("fifo"), "{tree}");

    lab.backup(&["create", &name, "--yes"]).exits(0);
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
    lab.incus(&["delete", "-f", &name]);
    lab.backup(&["restore", &name, "--start", "--yes"]).exits(0);

    assert_eq!(lab.sh(&name, DESCRIBE), tree);
    assert_eq!(described(lab, &name), instance);
    assert_eq!(snapshots(lab, &name), before);
    lab.incus(&["snapshot", "restore", &name, "s0"]);
    assert_eq!(lab.sh(&name, "cat /data/generation"), "first\n");
}

#[test]
fn a_container_on_dir_comes_back_as_it_was() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_dir();
    round_trip(&mut lab, &pool);
}

#[test]
fn a_container_on_btrfs_comes_back_as_it_was() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    round_trip(&mut lab, &pool);
}

#[test]
fn extended_attributes_come_back() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    let name = lab.launch("xattr", &["-s", &pool]);
    lab.incus(&["stop", "-f", &name]);
    // The file system is the host's own; busybox has no setfattr.
    let export = lab.folder.path().join("export.tar");
    lab.incus(&[
        "export",
        &name,
        export.to_str().unwrap(),
        "--compression=none",
    ]);
    lab.incus(&["delete", &name]);
    let tree = lab.folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    let tar = |arguments: &[&str]| {
        let status = command("tar").args(arguments).status().unwrap();
        assert!(status.success());
    };
    let (export, tree) = (export.to_str().unwrap(), tree.to_str().unwrap());
    tar(&[
        "-xpf",
        export,
        "-C",
        tree,
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
    ]);
    let file = format!("{tree}/backup/container/rootfs/bin/busybox");
    let set = command("setfattr")
        .args(["-n", "user.colour", "-v", "green", &file])
        .status();
    let cap = command("setcap").args(["cap_net_raw+ep", &file]).status();
    if !set.is_ok_and(|status| status.success()) {
        assert!(variable("CI").is_none(), "setfattr is missing");
        return;
    }
    let _ = cap;
    tar(&[
        "-cf",
        export,
        "-C",
        tree,
        "--numeric-owner",
        "--format=pax",
        "--xattrs",
        "--xattrs-include=*",
        "backup/index.yaml",
        "backup/container",
    ]);
    lab.incus(&["import", export]);
    let xattrs = |lab: &Lab| {
        let again = lab.folder.path().join(unique("x"));
        let again = again.to_str().unwrap();
        lab.incus(&["export", &name, again, "--compression=none"]);
        let list = command("tar")
            .args(["-tvf", again, "--xattrs", "--xattrs-include=*"])
            .output();
        let text = String::from_utf8_lossy(&list.unwrap().stdout).into_owned();
        let bytes = std::fs::read(again).unwrap();
        assert!(
            bytes
                .windows(30)
                .any(|part| part == b"SCHILY.xattr.user.colour=green")
        );
        text
    };
    let before = xattrs(&lab);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    lab.incus(&["delete", "-f", &name]);
    lab.backup(&["restore", &name, "--yes"]).exits(0);
    let tree = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.contains("rootfs/"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(tree(&xattrs(&lab)), tree(&before));
}

#[test]
fn a_backup_of_one_pool_s_driver_is_restored_onto_the_other() {
    let Some(mut lab) = lab() else { return };
    let (dir, btrfs) = (lab.pool_dir(), lab.pool_btrfs());
    for (from, to) in [(&dir, &btrfs), (&btrfs, &dir)] {
        let name = lab.launch("move", &["-s", from]);
        lab.sh(&name, "mkdir -p /data; echo here >/data/x");
        lab.incus(&["snapshot", "create", &name, "s0"]);
        lab.backup(&["create", &name, "--yes"]).exits(0);
        lab.incus(&["delete", "-f", &name]);
        let map = format!("{from}={to}");
        lab.backup(&["restore", &name, "--pool-map", &map, "--start", "--yes"])
            .exits(0);
        assert_eq!(lab.sh(&name, "cat /data/x"), "here\n");
        let root = lab.query(&format!("/1.0/instances/{name}"))["expanded_devices"]["root"].clone();
        assert_eq!(root["pool"], to.as_str());
        lab.incus(&["snapshot", "restore", &name, "s0"]);
    }
}

#[rstest]
#[case("zstd", "export.tar.zst", &["zstd", "-q", "-t"])]
#[case("gzip", "export.tar.gz", &["gzip", "-t"])]
fn a_stored_archive_needs_only_tar_sha256sum_and_incus(
    #[case] compression: &str,
    #[case] file: &str,
    #[case] test: &[&str],
) {
    let Some(mut lab) = lab() else { return };
    let name = lab.launch("plain", &[]);
    lab.sh(&name, "mkdir -p /data; echo here >/data/x");
    lab.backup(&["create", &name, "--yes", "--compression", compression])
        .exits(0);
    let version = lab.versions("default", &name).remove(0);
    let run = |program: &str, arguments: &[&str]| {
        let output = command(program)
            .args(arguments)
            .current_dir(&version)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("sha256sum", &["-c", "checksums.txt"]).contains(&format!("{file}: OK")));
    let decompress = format!("--{compression}");
    assert!(run("tar", &[&decompress, "-tf", file]).starts_with("backup/index.yaml\n"));
    run(test[0], &[&test[1..], &[file]].concat());
    lab.incus(&["delete", "-f", &name]);
    let archive = version.join(file);
    lab.incus(&["import", archive.to_str().unwrap()]);
    lab.incus(&["start", &name]);
    assert_eq!(lab.sh(&name, "cat /data/x"), "here\n");
    lab.incus(&["delete", "-f", &name]);
    lab.backup(&["restore", &name, "--start", "--yes"]).exits(0);
    assert_eq!(lab.sh(&name, "cat /data/x"), "here\n");
}

#[test]
fn an_optimized_backup_comes_back_with_its_snapshots() {
    let Some(mut lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    let name = lab.launch("opt", &["-s", &pool]);
    lab.sh(&name, "mkdir -p /data; echo first >/data/x");
    lab.incus(&["snapshot", "create", &name, "s0"]);
    lab.sh(&name, "echo second >/data/x; sync");
    lab.backup(&["create", &name, "--optimized", "--yes"])
        .exits(0);
    let copy = unique("optcopy");
    lab.adopt(&copy);
    lab.backup(&["restore", &name, "--target-name", &copy, "--start", "--yes"])
        .exits(0);
    assert_eq!(lab.sh(&copy, "cat /data/x"), "second\n");
    lab.incus(&["delete", "-f", &name]);
    lab.backup(&["restore", &name, "--start", "--yes"]).exits(0);
    assert_eq!(lab.sh(&name, "cat /data/x"), "second\n");
    lab.incus(&["snapshot", "restore", &name, "s0"]);
    assert_eq!(lab.sh(&name, "cat /data/x"), "first\n");
}

#[test]
fn an_https_remote_is_as_good_as_the_socket() {
    let Some(mut lab) = lab() else { return };
    let remote = variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote");
    let name = lab.launch("https", &[]);
    lab.sh(&name, "mkdir -p /data; echo here >/data/x");
    let there = format!("{remote}:{name}");
    lab.backup(&["create", &there, "--yes"]).exits(0);
    lab.incus(&["delete", "-f", &name]);
    lab.backup(&["restore", &there, "--start", "--yes"])
        .exits(0);
    assert_eq!(lab.sh(&name, "cat /data/x"), "here\n");
    let rows = lab.backup(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!((rows.len(), &rows[0]["source"]), (1, &Value::from(remote)));
}
