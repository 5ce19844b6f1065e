//! Files out of backups of virtual machines and of block volumes, against the fake daemon.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use incus_backup::testing::fake::Series;
use incus_backup::testing::key_file::KeyFile;
use rstest::rstest;
use serde_json::json;

use crate::disk_images::{debugged, file_system, gpt, needs_e2fsprogs, tree};
use crate::fake::World;
use crate::files::damage_lets_nothing_out;
use crate::lab::Ran;
use crate::restic::{Repository, needs_restic};

/// A disk with a file system, and with something that is none.
fn disk() -> Vec<u8> {
    let folder = tree(20);
    let ext = file_system(folder.path(), 32, &["-t", "ext4", "-L", "system"]);
    let mut swap = vec![0; 1024 * 1024];
    swap[4086..4096].copy_from_slice(b"SWAPSPACE2");
    gpt(&[("root", &ext), ("", &swap)])
}

fn world(driver: &str) -> World {
    let world = World::new(Series::Lts70);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", driver);
        state.add_instance("vm", "tank", "Stopped", "virtual-machine");
        let vm = state.instance("vm").unwrap();
        vm.add_snapshot("s0", "2077-01-02T03:04:05Z");
        vm.files.insert("disk".into(), disk());
    }
    world
}

/// Stores a version of the machine; gives where it is.
fn create(world: &World, options: &[&str]) -> PathBuf {
    let arguments = [&["create", "vm", "--yes", "-f", "json"], options].concat();
    let rows = world.run(&arguments).exits(0).rows();
    let place = world.root().join("fake/instances/default/vm");
    place.join(rows[0]["version"].as_str().unwrap())
}

fn paths(ran: Ran) -> Vec<String> {
    let rows = ran.exits(0).rows();
    let paths = rows
        .iter()
        .map(|row| row["path"].as_str().unwrap().to_owned());
    paths.collect()
}

/// How the archive is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Seekable,
    Plain,
    Gzip,
    WithoutList,
    Encrypted,
    Restic,
}

/// A version of the machine, and how it is looked into.
struct Stored {
    world: World,
    environment: Vec<(String, String)>,
    _repository: Option<Repository>,
    _key: KeyFile,
}

impl Stored {
    fn new(kept: Kept) -> Self {
        let world = world("zfs");
        let key = KeyFile::new();
        let mut environment = Vec::new();
        let mut repository = None;
        let mut options: Vec<String> = Vec::new();
        match kept {
            Kept::Seekable | Kept::WithoutList => {}
            Kept::Plain => options.extend(["--compression", "none"].map(str::to_owned)),
            Kept::Gzip => options.extend(["--compression", "gzip"].map(str::to_owned)),
            Kept::Encrypted => {
                options.extend(["--recipient", key.recipient()].map(str::to_owned));
                environment.push(("INCUS_BACKUP_IDENTITY".to_owned(), key.text().to_owned()));
            }
            Kept::Restic => {
                let made = Repository::new();
                environment.push(("INCUS_BACKUP_TARGET".to_owned(), made.uri()));
                let of_restic = made.environment().into_iter();
                environment.extend(of_restic);
                repository = Some(made);
            }
        }
        let stored = Self {
            world,
            environment,
            _repository: repository,
            _key: key,
        };
        let mut arguments = vec!["create", "vm", "--yes"];
        arguments.extend(options.iter().map(String::as_str));
        stored.run(&arguments).exits(0);
        if kept == Kept::WithoutList {
            for version in fs::read_dir(stored.place()).unwrap() {
                let version = version.unwrap().path();
                fs::remove_file(version.join("members.jsonl.zst")).unwrap();
                let checksums = version.join("checksums.txt");
                let text = fs::read_to_string(&checksums).unwrap();
                let lines = text.lines().filter(|line| !line.contains("members"));
                fs::write(&checksums, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
            }
        }
        stored
    }

    fn place(&self) -> PathBuf {
        self.world.root().join("fake/instances/default/vm")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }
}

#[rstest]
fn files_come_out_of_a_disk_however_it_is_kept(
    #[values(
        Kept::Seekable,
        Kept::Plain,
        Kept::Gzip,
        Kept::WithoutList,
        Kept::Encrypted,
        Kept::Restic
    )]
    kept: Kept,
) {
    needs_e2fsprogs!();
    if kept == Kept::Restic {
        needs_restic!();
    }
    let stored = Stored::new(kept);
    let rows = stored.run(&["files", "list", "vm", "-f", "json"]).exits(0);
    let expected = json!([
        { "path": "/p1", "type": "partition", "size": 32 << 20, "file_system": "ext4",
            "label": "system", "title": "root" },
        { "path": "/p2", "type": "partition", "size": 1 << 20, "file_system": "swap",
            "label": null, "title": null },
    ]);
    assert_eq!(json!(rows.rows()), expected);
    let listed = stored.run(&["files", "list", "vm/p1/etc", "-f", "json"]);
    let inside = ["absolute", "app", "empty", "hostname", "long", "short"];
    assert_eq!(paths(listed), inside.map(|name| format!("/p1/etc/{name}")));
    let deep = stored.run(&["files", "list", "vm/p1/deep", "-r", "-f", "json"]);
    assert_eq!(paths(deep).last().unwrap(), "/p1/deep/a/b/c/d/e");
    let out = stored.world.folder.path().join("out");
    let to = out.to_str().unwrap();
    stored.run(&["files", "get", "vm/p1/data", to]).exits(0);
    let (big, too) = (out.join("big"), out.join("big-too"));
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(fs::read(&big).unwrap() == bytes[..3_333_333]);
    let (big, too) = (fs::metadata(big).unwrap(), fs::metadata(too).unwrap());
    assert_eq!((big.ino(), big.nlink()), (too.ino(), 2));
    let sparse = fs::metadata(out.join("sparse")).unwrap();
    assert_eq!(sparse.len(), 40_000_000);
    assert!(sparse.blocks() * 512 < 1_000_000);
    assert_eq!(
        &fs::read(out.join("sparse")).unwrap()[20_000_000..][..13],
        b"in the middle"
    );
    assert_eq!(fs::read(out.join("many/7")).unwrap(), b"7");
    let one = [
        "files",
        "get",
        "vm/p1/etc/hostname",
        "-",
        "--snapshot",
        "s0",
    ];
    assert_eq!(stored.run(&one).exits(0).stdout, "of-the-disk\n");
}

#[rstest]
#[case(&["files", "list", "vm", "-r"], 1, "names no partition")]
#[case(&["files", "get", "vm", "x"], 1, "`files list NAME` shows its partitions")]
#[case(&["files", "list", "vm/p2"], 1, "`/p2` holds swap")]
#[case(&["files", "list", "vm/p9"], 1, "nothing at `/p9`")]
#[case(&["files", "get", "vm/p1/etc/none", "x"], 1, "nothing at `/p1/etc/none`")]
#[case(&["files", "get", "vm/p1/etc/hostname/x", "x"], 1, "nothing at `/p1/etc/hostname/x`")]
#[case(&["files", "get", "vm/p1/etc/absolute/x", "-"], 1, "is a link to `/etc/passwd`")]
#[case(&["files", "get", "vm/p1/etc", "-"], 1, "is not a file")]
#[case(&["files", "list", "vm/p1", "--snapshot", "s9"], 1, "it holds: s0")]
#[case(&["files", "put", "vm/p1/etc", "--yes"], 1, "incus file push")]
#[case(&["files", "list", "vm/p1", "-c", "nothing"], 2, "unknown column")]
#[case(&["files", "list", "vm", "-c", "mode"], 2, "unknown column")]
fn what_cannot_be_is_said(#[case] arguments: &[&str], #[case] code: i32, #[case] said: &str) {
    needs_e2fsprogs!();
    let world = world("zfs");
    create(&world, &[]);
    let ran = world.run(arguments).exits(code);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_stream_of_the_driver_is_told_to_hold_no_files() {
    needs_e2fsprogs!();
    let world = world("btrfs");
    create(&world, &["--optimized"]);
    let ran = world.run(&["files", "list", "vm"]).exits(1);
    assert!(
        ran.stderr.contains("storage driver's own format"),
        "{}",
        ran.stderr
    );
}

/// A disk that was made to mislead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hostile {
    FolderInItself,
    NameThatLeadsUp,
    EndlessLink,
    LargerThanItIs,
}

#[rstest]
#[case(Hostile::FolderInItself, "more names than it says")]
#[case(Hostile::NameThatLeadsUp, "a name in a directory is none")]
#[case(Hostile::EndlessLink, "a link is too long")]
#[case(Hostile::LargerThanItIs, "more blocks than its file system")]
fn a_disk_that_misleads_is_refused_and_leaves_nothing(
    #[case] hostile: Hostile,
    #[case] said: &str,
) {
    needs_e2fsprogs!();
    let folder = tree(0);
    let mut image = file_system(folder.path(), 32, &["-t", "ext3", "-b", "1024"]);
    match hostile {
        Hostile::FolderInItself => image = debugged(&image, "ln /deep /deep/a/loop\n").0,
        Hostile::EndlessLink => image = debugged(&image, "sif /etc/long size 2147483647\n").0,
        Hostile::NameThatLeadsUp => {
            // After the length of the name, and that it is one of a file.
            let at = image.windows(10).position(|it| it == b"\x08\x01hostname");
            let at = at.unwrap() + 2;
            image[at..at + 8].copy_from_slice(b"../../up");
        }
        Hostile::LargerThanItIs => {
            // Every pointer of a block of pointers leads to the same place, for as long as files can be.
            let commands = "sif /data/big size 16000000000\nblocks /data/big\n";
            let (longer, told) = debugged(&image, commands);
            image = longer;
            let numbers: Vec<usize> = told
                .lines()
                .last()
                .unwrap()
                .split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect();
            // The first twelve are in the inode; then come the block of pointers and what is in it.
            let (pointers, to) = (numbers[12], u32::try_from(numbers[0]).unwrap());
            let block = pointers * 1024..(pointers + 1) * 1024;
            image[block.clone()].copy_from_slice(&to.to_le_bytes().repeat(256));
            let inode = image.windows(60).position(|it| {
                let number = |at: usize| u32::from_le_bytes(it[at..at + 4].try_into().unwrap());
                number(48) as usize == pointers && number(0) == to
            });
            let at = inode.unwrap() + 48;
            let pointer = u32::try_from(pointers).unwrap().to_le_bytes();
            image[at..at + 12].copy_from_slice(&pointer.repeat(3));
            // So that pointers to pointers are pointers again.
            image[block].copy_from_slice(&pointer.repeat(256));
        }
    }
    let world = world("zfs");
    {
        let mut state = world.incus.state();
        let vm = state.instance("vm").unwrap();
        vm.files.insert("disk".into(), image);
    }
    create(&world, &[]);
    let out = world.folder.path().join("inner/out");
    fs::create_dir(out.parent().unwrap()).unwrap();
    let begun = std::time::Instant::now();
    let ran = world.run(&["files", "get", "vm/disk", out.to_str().unwrap()]);
    let ran = ran.exits(1);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(begun.elapsed().as_secs() < 60);
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 0);
    assert!(!world.folder.path().join("up").exists());
}

#[rstest]
#[case::seekable(&[])]
#[case::plain(&["--compression", "none"])]
#[case::gzip(&["--compression", "gzip"])]
fn nothing_comes_out_of_an_archive_that_is_damaged_where_it_is(#[case] options: &[&str]) {
    needs_e2fsprogs!();
    let world = world("zfs");
    let place = create(&world, options);
    let archive = fs::read_dir(place).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.to_str().unwrap().contains("export").then_some(path)
    });
    let archive = archive.unwrap();
    let mut bytes = fs::read(&archive).unwrap();
    // Nearly everywhere, so that it is where the disk is looked at too.
    for at in (4096..bytes.len() - 4096).step_by(997) {
        bytes[at] ^= 1;
    }
    fs::write(&archive, bytes).unwrap();
    damage_lets_nothing_out(&world, "vm/p1/etc");
}

#[test]
fn two_versions_of_a_disk_are_compared_by_size_and_time() {
    needs_e2fsprogs!();
    let world = World::new(Series::Lts70);
    let folder = tree(0);
    let ext = file_system(folder.path(), 32, &["-t", "ext4"]);
    let changed = "rm /etc/empty\nsymlink /etc/new hostname\nsif /etc/hostname mode 0100600\n";
    let (later, _) = debugged(&ext, changed);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", "zfs");
        state.add_instance("vm", "tank", "Stopped", "virtual-machine");
    }
    for image in [ext, later] {
        let mut state = world.incus.state();
        let vm = state.instance("vm").unwrap();
        vm.files.insert("disk".into(), image);
        drop(state);
        create(&world, &[]);
    }
    let ran = world.run(&["files", "diff", "vm/disk/etc", "-f", "json"]);
    let rows = ran.exits(0).rows();
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["change"], row["path"], row["what"]).replace('"', ""))
        .collect();
    assert!(
        told.contains(&"removed /disk/etc/empty []".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"changed /disk/etc/hostname [mode]".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"added /disk/etc/new []".to_owned()),
        "{told:?}"
    );
    let none = world.run(&["files", "diff", "vm/disk/deep", "-f", "json"]);
    assert!(none.exits(0).rows().is_empty());
}

#[test]
fn a_volume_of_blocks_is_looked_into_whether_it_has_partitions_or_not() {
    needs_e2fsprogs!();
    let world = world("zfs");
    let folder = tree(3);
    let plain = file_system(folder.path(), 32, &["-t", "ext3"]);
    {
        let mut state = world.incus.state();
        for (name, image) in [("parts", disk()), ("plain", plain)] {
            let volume = state.add_volume("tank", name);
            volume.object.insert("content_type".into(), json!("block"));
            volume.files = [("disk".to_owned(), image)].into();
        }
    }
    let run = |arguments: &[&str]| world.run_for("volume", arguments);
    run(&["create", "tank/parts", "tank/plain", "--yes"]).exits(0);
    let whole = run(&["files", "list", "tank/plain", "-f", "csv"]).exits(0);
    assert_eq!(
        whole.stdout.lines().last().unwrap(),
        "/disk,33554432,ext3,,"
    );
    let content = run(&["files", "get", "tank/plain/disk/data/many/2", "-"]);
    assert_eq!(content.exits(0).stdout, "2");
    let of_part = run(&["files", "list", "tank/parts/p1/deep", "-f", "json"]);
    assert_eq!(paths(of_part), ["/p1/deep/a"]);
}
