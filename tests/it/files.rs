//! Files out of a backup, against the fake daemon.

use std::fs;
use std::path::{Path, PathBuf};

use incus_backup::testing::fake::Series;
use rstest::rstest;

use crate::fake::World;
use crate::lab::Ran;
use crate::restic::{Repository, needs_restic};

const LISTING: &str = "members.jsonl.zst";

/// A server with the container `web`, of which one version is stored.
fn stored() -> (World, PathBuf) {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.files
            .insert("rootfs/etc/hosts".into(), b"127.0.0.1".to_vec());
        web.files
            .insert("rootfs/etc/deep/er".into(), b"below".to_vec());
    }
    let version = create(&world);
    let place = world
        .root()
        .join("fake/instances/default/web")
        .join(version);
    (world, place)
}

fn create(world: &World) -> String {
    let ran = world.run(&["create", "web", "--yes", "-f", "json"]);
    let rows = ran.exits(0).rows();
    rows[0]["version"].as_str().unwrap().to_owned()
}

fn paths(ran: Ran) -> Vec<String> {
    let rows = ran.exits(0).rows();
    let paths = rows
        .iter()
        .map(|row| row["path"].as_str().unwrap().to_owned());
    paths.collect()
}

/// What may be wrong with the list that is kept beside an archive.
#[derive(Debug, Clone, Copy, PartialEq)]
enum List {
    Good,
    /// As versions of before have it.
    Missing,
    Damaged,
}

fn spoil(place: &Path, list: List) {
    let path = place.join(LISTING);
    match list {
        List::Good => {}
        List::Missing => {
            fs::remove_file(path).unwrap();
            let checksums = place.join("checksums.txt");
            let text = fs::read_to_string(&checksums).unwrap();
            let lines = text.lines().filter(|line| !line.ends_with(LISTING));
            let kept = lines.collect::<Vec<_>>().join("\n") + "\n";
            assert_ne!(kept, text);
            fs::write(checksums, kept).unwrap();
        }
        List::Damaged => {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
}

#[rstest]
fn files_are_listed_and_taken_out_whatever_became_of_the_list(
    #[values(List::Good, List::Missing, List::Damaged)] list: List,
) {
    let (world, place) = stored();
    spoil(&place, list);
    let listed = world.run(&["files", "list", "web/etc", "-f", "json"]);
    assert_eq!(paths(listed), ["/etc/deep", "/etc/hosts"]);
    let all = world.run(&["files", "list", "web/etc", "-r", "-f", "json"]);
    assert_eq!(paths(all), ["/etc/deep", "/etc/deep/er", "/etc/hosts"]);
    let of_snapshot = world.run(&["files", "list", "web", "--snapshot", "s0", "-f", "json"]);
    of_snapshot.exits(0);
    let out = world.folder.path().join("out");
    let to = out.to_str().unwrap();
    world.run(&["files", "get", "web/etc", to]).exits(0);
    assert_eq!(fs::read(out.join("hosts")).unwrap(), b"127.0.0.1");
    assert_eq!(fs::read(out.join("deep/er")).unwrap(), b"below");
    // Into a directory that is there it comes under its own name.
    world.run(&["files", "get", "web/data/y", to]).exits(0);
    assert_eq!(fs::read(out.join("y")).unwrap(), vec![7; 70_000]);
    let shown = world.run(&["files", "get", "web/etc/hosts", "-"]).exits(0);
    assert_eq!(shown.stdout, "127.0.0.1");
    let left = fs::read_dir(world.folder.path()).unwrap();
    let partial = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("partial")
    });
    assert_eq!(partial.count(), 0);
}

#[test]
fn a_repository_is_read_from_beginning_to_end() {
    needs_restic!();
    let world = World::with_web(Series::Lts70, "zfs");
    let repository = Repository::new();
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command
            .envs(repository.environment())
            .env("INCUS_BACKUP_TARGET", repository.uri());
        Ran::of(&command.output().unwrap())
    };
    run(&["create", "web", "--yes"]).exits(0);
    let listed = run(&["files", "list", "web/data", "-f", "json"]);
    assert_eq!(paths(listed), ["/data/x", "/data/y"]);
    let out = world.folder.path().join("y");
    run(&["files", "get", "web/data/y", out.to_str().unwrap()]).exits(0);
    assert_eq!(fs::read(out).unwrap(), vec![7; 70_000]);
}

/// Asks for files of an archive that is damaged where they are.
#[track_caller]
pub fn damage_lets_nothing_out(world: &World, path: &str) {
    let out = world.folder.path().join("out");
    let ran = world.run(&["files", "get", path, out.to_str().unwrap()]);
    let ran = ran.exits(4);
    assert!(
        ran.stderr.contains("the archive is damaged"),
        "{}",
        ran.stderr
    );
    assert!(!out.exists());
}

#[rstest]
#[case::with_a_list(List::Good)]
#[case::without(List::Missing)]
fn nothing_is_taken_out_of_a_damaged_archive(#[case] list: List) {
    let (world, place) = stored();
    spoil(&place, list);
    let archive = place.join("export.tar.zst");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    damage_lets_nothing_out(&world, "web/etc");
}

#[test]
fn a_list_that_tells_of_something_else_is_found_out() {
    let (world, place) = stored();
    // The list of another version, with a checksum that fits: only the archive can tell.
    let mut lines = zstd::decode_all(&fs::read(place.join(LISTING)).unwrap()[..]).unwrap();
    let text = String::from_utf8(std::mem::take(&mut lines)).unwrap();
    let changed = text.replace("rootfs/etc/hosts\"", "rootfs/etc/hostz\"");
    assert_ne!(text, changed);
    let packed = zstd::encode_all(changed.as_bytes(), 1).unwrap();
    let checksums = place.join("checksums.txt");
    let old = incus_backup::model::Sha256::of(&fs::read(place.join(LISTING)).unwrap());
    let new = incus_backup::model::Sha256::of(&packed);
    let text = fs::read_to_string(&checksums).unwrap();
    let replaced = text.replace(&old.to_string(), &new.to_string());
    assert_ne!(text, replaced);
    fs::write(&checksums, replaced).unwrap();
    fs::write(place.join(LISTING), packed).unwrap();
    let out = world.folder.path().join("out");
    let ran = world.run(&["files", "get", "web/etc/hostz", out.to_str().unwrap()]);
    let ran = ran.exits(4);
    assert!(ran.stderr.contains("what its list says"), "{}", ran.stderr);
    assert!(!out.exists());
}

#[test]
fn what_is_there_already_stays_unless_a_file_is_to_be_replaced() {
    let (world, _) = stored();
    let out = world.folder.path().join("out");
    let to = out.to_str().unwrap();
    fs::write(&out, "mine").unwrap();
    let ran = world.run(&["files", "get", "web/etc/hosts", to]).exits(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    world
        .run(&["files", "get", "web/etc/hosts", to, "--force"])
        .exits(0);
    assert_eq!(fs::read(&out).unwrap(), b"127.0.0.1");
    // A directory is never replaced.
    let folder = world.folder.path().join("folder");
    fs::create_dir_all(folder.join("etc/mine")).unwrap();
    let to = folder.to_str().unwrap();
    world
        .run(&["files", "get", "web/etc", to, "--force"])
        .exits(1);
    assert!(folder.join("etc/mine").exists());
}

#[rstest]
#[case(&["files", "list", "web/nothing"], 1, "this version holds nothing at `/nothing`")]
#[case(&["files", "list", "web", "--snapshot", "s9"], 1, "it holds: s0")]
#[case(&["files", "get", "web/etc", "-"], 1, "`/etc` is not a file")]
#[case(&["files", "get", "web/../etc", "x"], 2, "without `..`")]
#[case(&["files", "list", "/etc"], 2, "names nothing to look into")]
#[case(&["files", "list", "other/etc"], 1, "the target holds no version of `other`")]
#[case(&["files", "put", "web/etc/hosts"], 5, "--yes")]
#[case(&["files", "put", "web/etc/hosts", "--target-name", "gone"], 1, "no instance `gone`")]
#[case(&["files", "diff", "web"], 1, "holds no version of `web` before")]
fn what_cannot_be_is_said(#[case] arguments: &[&str], #[case] code: i32, #[case] said: &str) {
    let (world, _) = stored();
    let ran = world.run(arguments).exits(code);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_file_is_put_back_after_it_was_shown() {
    let (world, _) = stored();
    let content = |path: &str| {
        let mut state = world.incus.state();
        state.instance("web").unwrap().files.get(path).cloned()
    };
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.files
            .insert("rootfs/etc/hosts".into(), b"broken".to_vec());
        web.files.remove("rootfs/etc/deep/er");
    }
    let shown = world.run(&["files", "put", "web/etc", "-n", "-f", "json"]);
    let rows = shown.exits(0).rows();
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["action"].as_str().unwrap(),
                row["reason"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "keep /etc: it is there",
            "create /etc/deep: a directory",
            "create /etc/deep/er: 5 B",
            "replace /etc/hosts: 9 B",
        ]
    );
    assert_eq!(content("rootfs/etc/hosts").unwrap(), b"broken");
    world.run(&["files", "put", "web/etc", "--yes"]).exits(0);
    assert_eq!(content("rootfs/etc/hosts").unwrap(), b"127.0.0.1");
    assert_eq!(content("rootfs/etc/deep/er").unwrap(), b"below");
    assert_eq!(content("rootfs/data/y").unwrap(), vec![7; 70_000]);
}

#[test]
fn two_versions_are_compared() {
    let (world, _) = stored();
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.files
            .insert("rootfs/etc/hosts".into(), b"127.0.0.2".to_vec());
        web.files.insert("rootfs/etc/new".into(), b"n".to_vec());
        web.files.remove("rootfs/etc/deep/er");
    }
    create(&world);
    let ran = world.run(&["files", "diff", "web/etc", "-f", "json"]);
    let rows = ran.exits(0).rows();
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["change"].as_str().unwrap(),
                row["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "removed /etc/deep",
            "removed /etc/deep/er",
            "changed /etc/hosts",
            "added /etc/new"
        ]
    );
    assert_eq!(rows[2]["what"], serde_json::json!(["content"]));
    let none = world.run(&["files", "diff", "web/data", "-f", "json"]);
    assert!(none.exits(0).rows().is_empty());
}
