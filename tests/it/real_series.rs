//! Servers of both series, one after the other: what is stored of one comes back on the other. The runs
//! share the folder `LAB_SERIES`, in which each leaves what the next one of another series brings back.

use std::path::Path;

use crate::lab::{Lab, Ran, lab, variable};

/// What 6.0 does not know.
const LATER: &str = "snapshots.expiry.manual";

/// The series of the lab's server, such as `6.0`.
fn series(lab: &Lab) -> String {
    let server = lab.query("/1.0");
    let version = server["environment"]["server_version"].as_str().unwrap();
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Runs the program for a kind with a target in the shared folder.
fn run(lab: &Lab, folder: &Path, kind: &str, arguments: &[&str]) -> Ran {
    let mut command = lab.command_for(kind, arguments);
    command.env("INCUS_BACKUP_TARGET", format!("dir:{}", folder.display()));
    Ran::of(&command.output().unwrap())
}

/// Stores a container on each driver, one of them with a snapshot and a volume.
fn leave(lab: &mut Lab, folder: &Path) {
    let (dir, btrfs) = (lab.pool_dir(), lab.pool_btrfs());
    let volume = lab.volume(&dir, &[]);
    let plain = lab.launch("series-plain", &["-s", &dir]);
    let rich = lab.launch("series-rich", &["-s", &btrfs]);
    lab.mount(&rich, &dir, &volume, "/mnt");
    for name in [&plain, &rich] {
        lab.sh(
            name,
            "mkdir -p /data; echo first >/data/x; ln /data/x /data/y; chown 7:8 /data/x; sync",
        );
        if lab.has("snapshot_manual_expiry") {
            lab.incus(&["config", "set", name, &format!("{LATER}=1w")]);
        }
    }
    lab.sh(&rich, "echo volume >/mnt/v; sync");
    lab.incus(&["snapshot", "create", &rich, "s0"]);
    lab.sh(&rich, "echo second >/data/x; sync");
    let create = ["create", &plain, &rich, "--with-volumes", "--yes"];
    run(lab, folder, "instance", &create).exits(0);
}

/// Restores all that a server of another series left.
fn bring(lab: &mut Lab, folder: &Path) {
    let rows = run(lab, folder, "instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let volumes = run(lab, folder, "volume", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    assert_eq!((rows.len(), volumes.len()), (2, 1));
    let source = text(&rows[0], "source");
    let verified = ["--level", "full", "-q"];
    run(lab, folder, "verify", &verified).exits(0);
    for row in &volumes {
        let (pool, name) = (text(row, "pool"), text(row, "name"));
        lab.adopt_volume(&pool, &name);
        let id = format!("{pool}/{name}");
        run(
            lab,
            folder,
            "volume",
            &["restore", &id, "--from", &source, "--yes"],
        )
        .exits(0);
    }
    let names: Vec<String> = rows.iter().map(|row| text(row, "name")).collect();
    for name in &names {
        lab.adopt(name);
    }
    let mut restore = vec!["restore"];
    restore.extend(names.iter().map(String::as_str));
    restore.extend(["--from", &source, "--start", "--yes"]);
    let knows = lab.has("snapshot_manual_expiry");
    if !knows {
        let refused = run(lab, folder, "instance", &restore).exits(1);
        assert!(refused.stderr.contains(LATER), "{}", refused.stderr);
        assert!(names.iter().all(|name| !lab.exists(name)));
        restore.push("--drop-unknown-keys");
    }
    run(lab, folder, "instance", &restore).exits(0);
    for name in &names {
        let content = if name.contains("rich") {
            "second\n"
        } else {
            "first\n"
        };
        assert_eq!(lab.sh(name, "cat /data/y"), content, "{name}");
        assert_eq!(
            lab.sh(name, "stat -c %u:%g:%h /data/x"),
            "7:8:2\n",
            "{name}"
        );
        if name.contains("rich") {
            assert_eq!(lab.sh(name, "cat /mnt/v"), "volume\n");
            lab.incus(&["snapshot", "restore", name, "s0"]);
            assert_eq!(lab.sh(name, "cat /data/x"), "first\n");
        }
    }
}

#[test]
fn what_a_server_of_the_other_series_gave_comes_back_here() {
    let Some(mut lab) = lab() else { return };
    let Some(shared) = variable("LAB_SERIES") else {
        eprintln!("left out: nothing is shared with a server of another series (LAB_SERIES)");
        return;
    };
    let own = series(&lab);
    let mut brought = 0;
    for entry in std::fs::read_dir(&shared).into_iter().flatten() {
        let folder = entry.unwrap().path();
        if folder.file_name().unwrap().to_str() != Some(&own) {
            bring(&mut lab, &folder);
            brought += 1;
        }
    }
    let mine = Path::new(&shared).join(&own);
    if !mine.exists() {
        // Under its name only when all of it is there.
        let unfinished = lab.folder.path().join("left");
        leave(&mut lab, &unfinished);
        std::fs::create_dir_all(&shared).unwrap();
        let copied = crate::lab::command("cp")
            .arg("-r")
            .arg(&unfinished)
            .arg(&mine)
            .status();
        assert!(copied.unwrap().success());
    }
    assert!(
        brought > 0 || variable("LAB_SERIES_FIRST").is_some(),
        "nothing was left in {shared}"
    );
}
