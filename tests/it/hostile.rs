//! What comes from a target or a server is data, and may have been made to harm: memory and time have
//! bounds, nothing leads out of its place, and the error says what is wrong.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use incus_backup::archive::{
    ArchiveError, Contents, Edit, Identity, Original, OriginalVolume, Pass, Placement, References,
    Rekeying, Relocation, decoder,
};
use incus_backup::model::{Kind, ResourceId};
use incus_backup::target::{DirectoryTarget, Filter, Target};
use incus_backup::testing::fake::Series;
use incus_backup::testing::mutation::{Change, mutated};
use incus_backup::testing::tarball::{END, Node, Tarball, header, member, pax};
use incus_backup::testing::volume_tar::VolumeTar;
use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use crate::archive::{MODEST, peak};
use crate::fake::World;
use crate::lab::Ran;

fn pass(
    tar: &[u8],
    edit: Option<Box<dyn Edit + Send>>,
) -> Result<(Vec<u8>, Contents), ArchiveError> {
    let mut pass = Pass::new(Vec::new(), edit);
    for chunk in tar.chunks(4096) {
        pass.write_all(chunk)
            .map_err(|error| ArchiveError::from_io(error).unwrap())?;
    }
    pass.finish()
}

/// An archive and every edit that is made of its kind.
fn example(number: usize) -> (Vec<u8>, Option<Box<dyn Edit + Send>>) {
    let instance = || {
        Tarball::container("web")
            .snapshot("s0")
            .file("rootfs/etc/hostname", b"web")
            .build()
    };
    let volume = || {
        let snapshot = json!({ "name": "data/s0" });
        VolumeTar::filesystem("data")
            .file("a", b"one")
            .snapshot(&snapshot)
            .build()
    };
    let relocation = || Relocation {
        name: Some("new".parse().unwrap()),
        pool: Some("fast".parse().unwrap()),
        without: vec!["size".to_owned()],
        with: vec![("user.x".to_owned(), "y".to_owned())],
    };
    match number {
        0 => (instance(), None),
        1 => {
            let placement = Placement {
                name: "new".parse().unwrap(),
                pool: Some("fast".parse().unwrap()),
                project: "other".parse().unwrap(),
                identity: Identity::New,
                references: References::default(),
                config: vec![("user.mark".to_owned(), "x".to_owned())],
            };
            (instance(), Some(Box::new(placement)))
        }
        2 => {
            let original = Original {
                name: "new".parse().unwrap(),
                instance: json!({ "name": "new", "config": {}, "devices": {} }),
                snapshots: vec![json!({ "name": "new/s0", "config": {} })],
                profiles: Vec::new(),
            };
            (instance(), Some(Box::new(original)))
        }
        3 => (volume(), Some(Box::new(relocation()))),
        4 => {
            let original = OriginalVolume {
                volume: json!({ "name": "new", "config": {}, "content_type": "filesystem" }),
                snapshots: vec![json!({ "name": "new/s0" })],
            };
            (volume(), Some(Box::new(original)))
        }
        _ => {
            let rekeying = Rekeying {
                relocation: relocation(),
                lent: Some("lent".to_owned()),
                ..Rekeying::default()
            };
            let bucket = VolumeTar::bucket("photos").file("2026/a.jpg", b"x").build();
            (bucket, Some(Box::new(rekeying)))
        }
    }
}

/// The paths of the members, as any other reader finds them.
fn paths(tar: &[u8]) -> Vec<PathBuf> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map_while(Result::ok);
    entries
        .map(|entry| entry.path().unwrap().into_owned())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Reader and rewriter: refused, or what comes out is an archive, of the name that it was given,
    /// in which nothing leads outside.
    #[test]
    fn an_archive_that_was_tampered_with_is_refused_or_rewritten_whole(
        number in 0usize..6,
        changes in vec(any::<Change>(), 1..5),
    ) {
        let (tar, edit) = example(number);
        let (edited, begun) = (edit.is_some(), Instant::now());
        match pass(&mutated(&tar, &changes), edit) {
            Ok((out, contents)) => {
                let inside = |path: &PathBuf| {
                    path.starts_with("backup") && !path.components().any(|it| it.as_os_str() == "..")
                };
                prop_assert!(paths(&out).iter().all(inside), "{:?}", paths(&out));
                let (again, of_it) = pass(&out, None).unwrap();
                prop_assert_eq!(again, out);
                if edited && !contents.index.optimized {
                    prop_assert_eq!(of_it.index.name.as_str(), "new");
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

/// A tar up to its end.
fn begun() -> Vec<u8> {
    let whole = Tarball::container("web").file("rootfs/x", b"x").build();
    whole[..whole.len() - END.len()].to_vec()
}

#[test]
fn a_million_members_are_checked_in_little_memory() {
    let before = peak();
    let mut pass = Pass::new(std::io::sink(), None);
    pass.write_all(&begun()).unwrap();
    let one = header("", "backup/container/rootfs/y", "", b'0', 0);
    let many = one.repeat(1000);
    for _ in 0..1000 {
        pass.write_all(&many).unwrap();
    }
    pass.write_all(&END).unwrap();
    let (_, contents) = pass.finish().unwrap();
    assert!(contents.members > 1_000_000, "{}", contents.members);
    assert!(peak() - before < MODEST);
}

/// Files that are none: a device or a pipe in the place of what is read. In the root file system of a
/// container they are its own.
#[rstest]
#[case::index("backup/index.yaml", b'3')]
#[case::index_pipe("backup/index.yaml", b'6')]
#[case::record("backup/container/backup.yaml", b'4')]
#[case::rootfs("backup/container/rootfs", b'3')]
#[case::rootfs_is_a_file("backup/container/rootfs", b'0')]
#[case::elsewhere("dev/sda", b'4')]
fn a_device_in_the_place_of_what_is_read_is_refused(#[case] path: &str, #[case] kind: u8) {
    let device = header("", path, "", kind, 0).to_vec();
    let tar = if path == "backup/index.yaml" {
        [device, begun(), END.to_vec()].concat()
    } else {
        [begun(), device, END.to_vec()].concat()
    };
    let error = pass(&tar, None).unwrap_err().to_string();
    assert!(error.contains(path), "{error}");
}

#[test]
fn devices_of_a_root_file_system_are_its_own() {
    let device = header("", "backup/container/rootfs/dev/null", "", b'3', 0).to_vec();
    let tar = [begun(), device, END.to_vec()].concat();
    assert_eq!(pass(&tar, None).unwrap().0, tar);
}

/// Metadata that promises gigabytes, in a kilobyte.
#[rstest]
#[case::pax(b'x')]
#[case::global(b'g')]
#[case::long_name(b'L')]
#[case::long_link(b'K')]
#[case::index(b'0')]
fn ten_gigabytes_that_are_only_declared_cost_nothing(#[case] kind: u8) {
    let before = peak();
    let (path, size) = match kind {
        b'0' => ("backup/index.yaml", (8 << 30) - 1),
        _ => ("backup/container/rootfs/x", (8 << 30) - 1),
    };
    let head = header("", path, "", kind, size).to_vec();
    let tar = match kind {
        b'0' => head,
        _ => [begun(), head].concat(),
    };
    let error = pass(&tar, None).unwrap_err().to_string();
    assert!(error.contains("large"), "{error}");
    assert!(peak() - before < MODEST);
}

/// A thousand links whose names are a megabyte each are not kept.
#[test]
fn names_without_end_are_not_held() {
    let before = peak();
    let long = format!("backup/container/rootfs/{}", "x".repeat(900_000));
    let one = [
        pax("backup/container/rootfs/l", &[("path", &long)]),
        header("", "backup/container/rootfs/l", "", b'0', 0).to_vec(),
    ]
    .concat();
    let mut pass = Pass::new(std::io::sink(), None);
    pass.write_all(&begun()).unwrap();
    for _ in 0..100 {
        pass.write_all(&one).unwrap();
    }
    pass.write_all(&END).unwrap();
    pass.finish().unwrap();
    assert!(peak() - before < MODEST);
}

/// A server and a target with one version of `web`, and that version's folder.
fn stored() -> (World, PathBuf) {
    let world = World::with_web(Series::Lts70, "dir");
    world.run(&["create", "web", "--yes", "-q"]).exits(0);
    let web = world.root().join("fake/instances/default/web");
    let version = std::fs::read_dir(&web).unwrap().next().unwrap().unwrap();
    (world, version.path())
}

/// Runs a command that must come to its end soon, without much memory.
fn bounded(world: &World, kind: &str, arguments: &[&str]) -> Ran {
    let limited = ["-c", "ulimit -v 4000000 && exec \"$@\"", "sh"];
    let command = world.command_for(kind, arguments);
    let mut limits = crate::lab::command("timeout");
    limits.args(["60", "sh"]).args(limited);
    limits.arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => limits.env(key, value),
            None => limits.env_remove(key),
        };
    }
    let ran = Ran::of(&limits.output().unwrap());
    assert_ne!(ran.code, Some(124), "it does not end: {arguments:?}");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// The archive of a version is another one, and everything that describes it says so: nobody but its
/// author knows.
fn forge(version: &Path, stored: &[u8], size: u64) {
    use incus_backup::model::Sha256;
    std::fs::write(version.join("export.tar.zst"), stored).unwrap();
    let digest = Sha256::of(stored).to_string();
    let path = version.join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let old = manifest["archive"]["sha256"].as_str().unwrap().to_owned();
    manifest["archive"]["sha256"] = json!(digest);
    manifest["archive"]["stored_size"] = json!(stored.len());
    manifest["archive"]["size"] = json!(size);
    std::fs::write(&path, manifest.to_string()).unwrap();
    let path = version.join("checksums.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(&old, &digest)).unwrap();
}

/// A kilobyte of frames that stand for gigabytes is given up where it holds more than is said, and where
/// all of it is said, it is read without being held. It is never sent to a server as a whole.
#[rstest]
#[case::more_than_is_said(1 << 20, "it holds more than")]
#[case::as_much_as_is_said(3 << 30, "ends too early")]
fn a_zip_bomb_is_told_and_costs_nothing(#[case] said: u64, #[case] why: &str) {
    let (world, version) = stored();
    let size = (3_u64 << 30).to_string();
    let large = [
        begun(),
        pax("backup/container/rootfs/l", &[("size", &size)]),
        header("", "backup/container/rootfs/l", "", b'0', 0).to_vec(),
    ];
    let frame = zstd::encode_all(&vec![0; 128 << 20][..], 3).unwrap();
    let stored = [
        zstd::encode_all(&large.concat()[..], 3).unwrap(),
        frame.repeat(16),
    ];
    forge(&version, &stored.concat(), said);
    let ran = bounded(&world, "verify", &["--level", "full"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stdout.contains(why), "{}", ran.stdout);
    let ran = bounded(
        &world,
        "instance",
        &["restore", "web", "--replace", "--yes"],
    );
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.incus.state().names(), ["web"]);
}

/// An index that stands for more than memory holds, in an archive that is otherwise all right.
#[test]
fn anchors_that_explode_are_told_by_every_command() {
    let (world, version) = stored();
    let index = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
        let before = at - 1;
        text + &format!("a{at}: &a{at} [*a{before}, *a{before}]\n")
    });
    let tar = [
        member("backup/index.yaml", &Node::File(index.into_bytes())),
        END.to_vec(),
    ]
    .concat();
    let stored = zstd::encode_all(&tar[..], 3).unwrap();
    forge(&version, &stored, tar.len() as u64);
    let ran = bounded(&world, "verify", &["--level", "full"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stdout.contains("backup/index.yaml"), "{}", ran.stdout);
    let ran = bounded(
        &world,
        "instance",
        &["restore", "web", "--replace", "--yes"],
    );
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
}

/// What stands in the place of a small file of a target.
#[derive(Debug, Clone, Copy)]
enum Instead {
    Pipe,
    Link,
    Folder,
    Sparse,
    Nested,
}

/// A pipe would be waited for, a link followed, and what is huge or deep read to its end.
#[rstest]
fn a_small_file_that_is_none_neither_stops_nor_fools_a_command(
    #[values(
        Instead::Pipe,
        Instead::Link,
        Instead::Folder,
        Instead::Sparse,
        Instead::Nested
    )]
    instead: Instead,
    #[values(
        "manifest.json",
        "checks.json",
        "checksums.txt",
        "instance.json",
        "export.tar.zst"
    )]
    file: &str,
) {
    let (world, version) = stored();
    let path = version.join(file);
    let secret = world.folder.path().join("secret");
    std::fs::write(&secret, "s3cr3t").unwrap();
    let _ = std::fs::remove_file(&path);
    match instead {
        Instead::Pipe => {
            let made = crate::lab::command("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
        }
        Instead::Link => std::os::unix::fs::symlink(&secret, &path).unwrap(),
        Instead::Folder => std::fs::create_dir(&path).unwrap(),
        Instead::Sparse => {
            let file = std::fs::File::create(&path).unwrap();
            file.set_len(10 << 30).unwrap();
        }
        Instead::Nested => std::fs::write(&path, "[".repeat(1 << 20)).unwrap(),
    }
    let listed = bounded(&world, "instance", &["list", "-f", "json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let shown = bounded(&world, "instance", &["show", "web"]);
    let restored = bounded(
        &world,
        "instance",
        &["restore", "web", "--replace", "--yes"],
    );
    // The archive describes itself, and its manifest has its checksum: the record and the list beside
    // it are not needed.
    let needed = ["manifest.json", "export.tar.zst"].contains(&file);
    assert_eq!(restored.code == Some(0), !needed, "{}", restored.stderr);
    let checked = bounded(&world, "verify", &["--level", "quick"]);
    // What cannot be read as a check is as good as no check, and a quick one reads no record.
    let (plain, ignored) = (path.is_file() && !path.is_symlink(), file == "checks.json");
    let good = ignored || (plain && file == "instance.json");
    assert_eq!(checked.code == Some(0), good, "{}", checked.stderr);
    for ran in [listed, shown, checked, restored] {
        let all = ran.stdout + &ran.stderr;
        assert!(!all.contains("s3cr3t"), "{all}");
    }
    assert_eq!(world.incus.state().names(), ["web"]);
}

/// Folders whose names are no encoded names lead nowhere: neither are they listed, nor is anything
/// outside the target read, changed or removed.
#[test]
fn names_in_a_target_never_lead_out_of_it() {
    let (world, version) = stored();
    let outside = world.folder.path().join("outside");
    std::fs::create_dir_all(outside.join("web")).unwrap();
    std::os::unix::fs::symlink(&version, outside.join("web").join("20260101T000000Z")).unwrap();
    let instances = world.root().join("fake/instances");
    for name in [
        "..%2F..%2Foutside",
        "%2e%2e",
        "a%2Fb",
        ".hidden",
        "\u{202e}",
        "x\ny",
    ] {
        std::fs::create_dir_all(instances.join(name).join("web/20260101T000000Z")).unwrap();
    }
    std::os::unix::fs::symlink(&outside, instances.join("linked")).unwrap();
    let default = instances.join("default");
    std::os::unix::fs::symlink(outside.join("web"), default.join("db")).unwrap();
    let linked = default.join("web/20260102T000000Z");
    std::os::unix::fs::symlink(&version, linked).unwrap();
    let listed = world
        .run(&["list", "--all-projects", "-f", "json"])
        .exits(0);
    let rows = listed.rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    world
        .run_for("prune", &["--keep-last", "1", "--yes"])
        .exits(0);
    assert!(version.join("export.tar.zst").exists());
    assert!(outside.join("web").join("20260101T000000Z").exists());
    let target = DirectoryTarget::open(&world.root(), Duration::ZERO).unwrap();
    assert_eq!(target.versions(&Filter::default()).unwrap().len(), 1);
}

proptest! {
    /// Whatever a server or a target calls a thing, its place is below that of its kind.
    #[test]
    fn every_resource_has_its_place_below_its_kind(
        kind in 0..Kind::ALL.len(),
        names in ["\\PC{0,12}|[./%a\\x00\n-]{0,8}", "\\PC{0,12}|[./%a]{0,8}", ".{0,12}|[./%a]{0,8}"],
    ) {
        let [project, pool, name] = names;
        let (Ok(project), Ok(pool), Ok(name)) = (project.parse(), pool.parse(), name.parse()) else {
            return Ok(());
        };
        let id = match Kind::ALL[kind] {
            Kind::Config => ResourceId::config(),
            Kind::Instance => ResourceId::stored_instance(project, name),
            Kind::Image => ResourceId::image(project, name),
            kind => ResourceId::in_pool(kind, project, pool, name),
        };
        let components = id.components();
        let place: PathBuf = components.iter().collect();
        prop_assert_eq!(place.components().count(), components.len());
        let normal = |part| matches!(part, std::path::Component::Normal(_));
        prop_assert!(place.components().all(normal) && place.is_relative());
    }

    /// A frame that was tampered with gives what was in it, or an error.
    #[test]
    fn frames_that_were_tampered_with_are_refused(changes in vec(any::<Change>(), 1..4)) {
        let plain = vec![7; 10_000];
        let good = zstd::encode_all(&plain[..], 3).unwrap();
        let stored = mutated(&good, &changes);
        let mut out = Vec::new();
        let read = decoder(&stored[..]).take(64 << 20).read_to_end(&mut out);
        if let Err(error) = read {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
