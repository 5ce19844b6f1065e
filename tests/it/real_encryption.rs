//! Encrypted backups, against a real Incus and the real `age`.

use std::fs;

use incus_backup::testing::key_file::KeyFile;

use crate::lab::{command, lab};

#[test]
fn real_encrypted_backups_are_checked_looked_into_restored_and_opened_by_age() {
    let Some(mut lab) = lab() else { return };
    let key = KeyFile::new();
    let with = ["--identity", key.text()];
    let web = lab.launch("sealed", &[]);
    lab.sh(&web, "mkdir -p /etc/app; echo precious > /etc/app/a; sync");
    lab.incus(&["snapshot", "create", &web, "s0"]);
    lab.backup(&["create", &web, "--yes", "--recipient", key.recipient()])
        .exits(0);
    let place = lab.versions("default", &web).remove(0);
    let names = |name: &str| place.join(name).exists();
    assert!(names("export.tar.zst.age") && names("instance.json.age"));
    assert!(!names("export.tar.zst") && !names("instance.json"));
    let listed = lab.backup(&["list", &web, "-f", "json"]).exits(0).rows();
    assert_eq!(listed[0]["encryption"], "age");

    let levels = |with: &[&str]| {
        let arguments = [&[&web, "--level", "full", "-f", "json"], with].concat();
        let rows = lab.backup_of("verify", &arguments).exits(0).rows();
        (rows[0]["level"].clone(), rows[0]["verdict"].clone())
    };
    assert_eq!(levels(&[]), ("stored".into(), "good".into()));
    assert_eq!(levels(&with), ("full".into(), "good".into()));

    let path = format!("{web}/etc/app/a");
    let got = lab.backup(&["files", "get", &path, "-", with[0], with[1]]);
    assert_eq!(got.exits(0).stdout, "precious\n");
    let tar = format!(
        "age -d -i {} {} | tar --zstd -xO backup/container/rootfs/etc/app/a",
        key.text(),
        place.join("export.tar.zst.age").display()
    );
    let opened = command("bash")
        .args(["-o", "pipefail", "-c", &tar])
        .output();
    assert_eq!(
        String::from_utf8_lossy(&opened.unwrap().stdout),
        "precious\n"
    );

    lab.incus(&["delete", "--force", &web]);
    lab.backup(&["restore", &web, "--yes"]).exits(12);
    assert!(!lab.exists(&web));
    lab.backup(&["restore", &web, "--yes", "--start", with[0], with[1]])
        .exits(0);
    assert_eq!(lab.sh(&web, "cat /etc/app/a"), "precious\n");
    assert_eq!(lab.snapshots(&web), ["s0"]);

    // A byte that changed is found before the server has all of it.
    let archive = place.join("export.tar.zst.age");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    lab.incus(&["delete", "--force", &web]);
    lab.backup(&["restore", &web, "--yes", with[0], with[1]])
        .exits(4);
    assert!(!lab.exists(&web));
    assert_eq!(lab.left_over(&web), Vec::<String>::new());
}
