//! What the earlier tool stored, restored to a real server. Its archives are the server's own exports,
//! compressed with gzip under the name `.tar.xz`.

use std::fs;

use crate::lab::{lab, unique};
use crate::legacy::{manifest, write};

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
    let snapshots = lab.query(&format!("/1.0/instances/{name}/snapshots?recursion=1"));
    let names: Vec<&str> = snapshots
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["s0"]);
}
