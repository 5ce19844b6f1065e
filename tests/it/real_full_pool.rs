//! The pool of a real server fills up while something is copied or restored in it: nothing that is
//! marked stays, the instance is the old one, whole, and with room again the same command does its work.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::bad_disks::Mounted;
use crate::lab::{Lab, Ran, lab, unique, variable};

/// A pool of 256 MiB, which is deleted at the end with what is in it.
struct SmallPool {
    name: String,
    folder: Option<(PathBuf, Mounted)>,
}

impl SmallPool {
    /// On btrfs, in a file that the server makes.
    fn on_btrfs(lab: &Lab) -> Self {
        let name = unique("small");
        lab.incus(&["storage", "create", &name, "btrfs", "size=256MiB"]);
        Self { name, folder: None }
    }

    /// A folder on a file system of its own, where the server sees what is mounted here.
    fn on_a_folder(lab: &Lab) -> Option<Self> {
        let pid = variable("LAB_INCUSD_PID")?;
        let path = lab.folder.path().join("small");
        std::fs::create_dir(&path).unwrap();
        let mounted = Mounted::tmpfs(&path, 256 * 1024)?;
        // Newer servers leave the mode of a folder as it is, and containers have to get through.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711)).unwrap();
        let seen = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        if !seen.contains(path.to_str().unwrap()) {
            eprintln!("left out: the server does not see what is mounted here");
            return None;
        }
        let name = unique("small");
        let source = format!("source={}", path.display());
        lab.incus(&["storage", "create", &name, "dir", &source]);
        let folder = Some((path, mounted));
        Some(Self { name, folder })
    }

    fn delete(self, lab: &Lab, instances: &[&str]) {
        for name in instances {
            lab.try_incus(&["delete", "-f", name]);
        }
        lab.incus(&["storage", "delete", &self.name]);
        drop(self.folder);
    }
}

/// What a run that met a full pool must say.
#[track_caller]
fn failed_for_room(ran: &Ran) {
    let said = ran.stderr.to_lowercase();
    let room = ["no space left", "out of disk space", "disk quota", "space"];
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(said.contains("error: "), "{said}");
    assert!(room.iter().any(|text| said.contains(text)), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[track_caller]
fn is_the_old_one(lab: &Lab, name: &str) {
    assert_eq!(lab.left_over(name), Vec::<String>::new());
    assert_eq!(lab.status(name), "Running");
    assert_eq!(lab.sh(name, "cat /data/generation"), "old\n");
    assert_eq!(
        lab.sh(name, "sha256sum -c -s /data/sum && echo whole"),
        "whole\n"
    );
}

/// A container of 40 MiB on the pool, stored, and another one since; the pool has 8 MiB left.
fn stored_and_full(lab: &mut Lab, pool: &str) -> String {
    let name = lab.launch("full", &["-s", pool]);
    lab.sh(
        &name,
        "mkdir -p /data; dd if=/dev/urandom of=/data/x bs=1M count=40 2>/dev/null; \
         sha256sum /data/x >/data/sum; echo stored >/data/generation; sync",
    );
    lab.backup(&["create", &name, "--yes", "-q"]).exits(0);
    lab.sh(
        &name,
        "echo old >/data/generation; dd if=/dev/urandom of=/reserve bs=1M count=8 2>/dev/null; sync; \
         dd if=/dev/urandom of=/fill bs=1M 2>/dev/null; sync; rm /reserve; sync; true",
    );
    name
}

fn restores(lab: &mut Lab, name: &str) {
    failed_for_room(&lab.backup(&["restore", name, "--replace", "--force", "--yes"]));
    is_the_old_one(lab, name);
    let copy = unique("beside");
    lab.adopt(&copy);
    let beside = ["restore", name, "--target-name", &copy, "--force", "--yes"];
    failed_for_room(&lab.backup(&beside));
    assert!(!lab.exists(&copy));
    is_the_old_one(lab, name);
    lab.sh(name, "rm /fill; sync");
    lab.backup(&["restore", name, "--replace", "--start", "--yes"])
        .exits(0);
    assert_eq!(lab.sh(name, "cat /data/generation"), "stored\n");
    assert_eq!(lab.left_over(name), Vec::<String>::new());
}

#[test]
fn a_full_pool_on_btrfs_costs_nothing() {
    let Some(mut lab) = lab() else { return };
    let pool = SmallPool::on_btrfs(&lab);
    let name = stored_and_full(&mut lab, &pool.name);
    restores(&mut lab, &name);
    pool.delete(&lab, &[&name]);
}

#[test]
fn a_full_pool_on_a_folder_costs_nothing_and_no_copy_stays() {
    let Some(mut lab) = lab() else { return };
    let Some(pool) = SmallPool::on_a_folder(&lab) else {
        return;
    };
    let name = stored_and_full(&mut lab, &pool.name);
    failed_for_room(&lab.backup(&["create", &name, "--yes"]));
    is_the_old_one(&lab, &name);
    assert_eq!(lab.versions("default", &name).len(), 1);
    // A folder's room is known: without --force it is not even tried.
    let ran = lab
        .backup(&["restore", &name, "--replace", "--yes"])
        .exits(1);
    assert!(ran.stderr.contains("--force tries it"), "{}", ran.stderr);
    is_the_old_one(&lab, &name);
    restores(&mut lab, &name);
    pool.delete(&lab, &[&name]);
}
