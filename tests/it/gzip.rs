//! Archives that are compressed by gzip, against the fake daemon.

use std::path::{Path, PathBuf};

use incus_backup::testing::fake::Series;
use rstest::rstest;

use crate::fake::World;
use crate::lab::command;
use crate::restic::{Repository, needs_restic};

/// What no compression makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut seed = 7u32;
    let random = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    });
    random.take(length).collect()
}

/// A server with an instance, a volume and a bucket, each of more than one member of gzip.
fn world() -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.files
            .insert("rootfs/data/large".into(), noise(9_000_000));
        let data = state.add_volume("tank", "data");
        data.files.insert("large".into(), noise(5_000_000));
        let photos = state.add_bucket("tank", "photos");
        photos.objects.insert("large".into(), noise(5_000_000));
    }
    world
}

const ALL: [(&str, &str, &str); 3] = [
    ("instance", "web", "instances/default/web"),
    ("volume", "tank/data", "volumes/default/tank/data"),
    ("bucket", "tank/photos", "buckets/default/tank/photos"),
];

/// The archive of the only version below a folder.
#[track_caller]
fn archive(world: &World, below: &str) -> PathBuf {
    let folder = world.root().join("fake").join(below);
    let version = std::fs::read_dir(folder).unwrap().next().unwrap();
    let files = std::fs::read_dir(version.unwrap().path()).unwrap();
    let mut paths = files.map(|file| file.unwrap().path());
    let is_archive = |path: &PathBuf| path.to_string_lossy().contains(".tar");
    paths.find(is_archive).unwrap()
}

/// What `gzip -d` and `tar` find in it.
#[track_caller]
fn members(archive: &Path) -> usize {
    let script = "set -e; gzip -t \"$0\"; gzip -dc \"$0\" | tar -tf -";
    let mut sh = command("sh");
    let output = sh.args(["-ec", script]).arg(archive).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output.stdout.split(|byte| *byte == b'\n').count() - 1
}

#[test]
fn what_is_compressed_by_gzip_is_checked_read_and_comes_back() {
    let world = world();
    let (web, data, photos) = {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap().files.clone();
        let data = state.volume("tank", "data").unwrap().files.clone();
        (
            web,
            data,
            state.bucket("tank", "photos").unwrap().objects.clone(),
        )
    };
    for (kind, name, below) in ALL {
        let create = ["create", name, "--compression", "gzip:1", "--yes"];
        world.run_for(kind, &create).exits(0);
        let archive = archive(&world, below);
        assert!(archive.to_string_lossy().ends_with(".tar.gz"));
        assert!(members(&archive) > 1);
        let shown = world.run_for(kind, &["show", name, "-f", "json"]).exits(0);
        let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        assert_eq!(manifest["archive"]["compression"], "gzip");
    }
    let rows = world.run_for("verify", &["--level", "full", "-f", "json"]);
    assert_eq!(rows.exits(0).rows().len(), 3);
    let listed = world.run(&["files", "list", "web/data", "-f", "json"]);
    assert_eq!(listed.exits(0).rows().len(), 3);
    let out = world.folder.path().join("out").display().to_string();
    world
        .run(&["files", "get", "web/data/large", &out])
        .exits(0);
    assert!(std::fs::read(&out).unwrap() == web["rootfs/data/large"]);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        state.custom.clear();
        state.buckets.clear();
    }
    for (kind, name, _) in ALL {
        world.run_for(kind, &["restore", name, "--yes"]).exits(0);
    }
    let mut state = world.incus.state();
    assert!(state.instance("web").unwrap().files == web);
    assert!(state.volume("tank", "data").unwrap().files == data);
    assert!(state.bucket("tank", "photos").unwrap().objects == photos);
}

#[rstest]
#[case::cut(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2))]
#[case::cut_between_members(|bytes: &mut Vec<u8>| {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    let last = bytes.windows(8).rposition(|it| it == header).unwrap();
    assert!(last > 0, "more than one member");
    bytes.truncate(last);
})]
#[case::flipped(|bytes: &mut Vec<u8>| { let at = bytes.len() / 2; bytes[at] ^= 4; })]
#[case::flipped_at_the_beginning(|bytes: &mut Vec<u8>| bytes[1] ^= 4)]
#[case::followed(|bytes: &mut Vec<u8>| bytes.extend(b"more"))]
#[case::empty(Vec::clear)]
fn damage_is_found_and_never_imported(#[case] damage: fn(&mut Vec<u8>)) {
    let world = world();
    let create = ["create", "web", "--compression", "gzip", "--yes"];
    world.run(&create).exits(0);
    let archive = archive(&world, "instances/default/web");
    let mut bytes = std::fs::read(&archive).unwrap();
    damage(&mut bytes);
    std::fs::write(&archive, bytes).unwrap();
    let ran = world.run_for("verify", &["--level", "full"]).exits(4);
    assert!(ran.stdout.contains("damaged"), "{}", ran.stdout);
    let restore = ["restore", "web", "--target-name", "copy", "--yes"];
    world.run(&restore).exits(4);
    assert_eq!(world.incus.state().names(), ["web"]);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_target_can_be_one_of_gzip_and_copies_are_packed_as_theirs() {
    needs_restic!();
    let (world, repository) = (world(), Repository::new());
    let conf = world.folder.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    let nas = world.root().display().to_string();
    let offsite = repository.uri();
    let settings = format!(
        "targets:\n  nas: {{ uri: 'dir:{nas}', compression: 'gzip:1' }}\n  offsite: {{ uri: '{offsite}' }}\n"
    );
    std::fs::write(conf.join("backup.yml"), settings).unwrap();
    let run = |kind: &str, arguments: &[&str]| {
        let mut command = world.command_for(kind, arguments);
        command
            .envs(repository.environment())
            .env("INCUS_CONF", &conf);
        crate::lab::Ran::of(&command.output().unwrap()).exits(0)
    };
    run("setup", &["target", "init", "nas", "--yes"]);
    run("instance", &["create", "web", "--target", "nas", "--yes"]);
    assert!(members(&archive(&world, "instances/default/web")) > 1);
    let compressed = |target: &str| {
        let shown = run(
            "instance",
            &["show", "web", "--target", target, "-f", "json"],
        );
        let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        let archive = &manifest["archive"];
        let text = |key: &str| archive[key].as_str().unwrap().to_owned();
        (text("file"), text("compression"))
    };
    let is = |file: &str, compression: &str| (file.to_owned(), compression.to_owned());
    run(
        "setup",
        &["copy", "--from", "nas", "--to", "offsite", "--yes"],
    );
    assert_eq!(compressed("offsite"), is("export.tar", "none"));
    run("verify", &["--target", "offsite"]);
    let other = format!("dir:{}", world.folder.path().join("other").display());
    let copy = ["copy", "--from", "nas", "--to", &other, "--yes"];
    let anew = [&copy[..], &["--compression", "zstd"]].concat();
    run("setup", &anew);
    assert_eq!(compressed(&other), is("export.tar.zst", "zstd"));
    run("verify", &["--target", &other]);
    // It is the same version, however it is packed.
    let again = run("setup", &copy);
    assert!(again.stdout.contains("it is there"), "{}", again.stdout);
}
