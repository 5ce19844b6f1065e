//! Targets that fail in the middle of a run, and clocks that go wrong between two: the versions that
//! were there are whole, and no run makes one that is not.

use std::path::Path;
use std::process::Stdio;

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;

use crate::fake::World;
use crate::lab::{Ran, until};

const CREATE: [&str; 6] = ["create", "web", "--yes", "-q", "-f", "json"];

fn create_at(world: &World, moment: &str) -> Ran {
    let mut command = world.command(&CREATE);
    Ran::of(
        &command
            .env("INCUS_BACKUP_TEST_CLOCK", moment)
            .output()
            .unwrap(),
    )
}

/// The versions that are listed, all of which must be whole.
fn versions(world: &World) -> Vec<String> {
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    world
        .run_for("verify", &["--level", "full", "-f", "json"])
        .exits(0);
    let versions = rows.iter().map(|row| row["version"].as_str().unwrap());
    versions.map(str::to_owned).collect()
}

/// A clock that goes back does not have anything overwritten, and prune keeps what is later than its now.
#[test]
fn a_clock_that_is_set_back_costs_no_version() {
    let world = World::with_web(Series::Lts70, "dir");
    for moment in [
        "2026-03-02T00:00:00Z",
        "2026-03-03T00:00:00Z",
        // Set back to a second that has a version, and to one before all.
        "2026-03-02T00:00:00Z",
        "2026-03-01T00:00:00Z",
    ] {
        create_at(&world, moment).exits(0);
    }
    let all = versions(&world);
    assert_eq!(all.len(), 4);
    assert_eq!((&all[0][..8], &all[3][..8]), ("20260301", "20260303"));
    let mut prune = world.command_for("prune", &["--keep-last", "1", "--yes", "-q"]);
    let now = prune.env("INCUS_BACKUP_TEST_CLOCK", "2026-03-02T12:00:00Z");
    Ran::of(&now.output().unwrap()).exits(0);
    assert_eq!(versions(&world), all[2..]);
}

/// The disk goes away (its folder is another one, or a file) while an archive is written.
#[rstest]
#[case::gone(false)]
#[case::empty(true)]
fn a_target_that_disappears_in_mid_run_is_told_and_what_was_there_is_whole(#[case] empty: bool) {
    let world = World::with_web(Series::Lts70, "dir");
    create_at(&world, "2026-03-01T00:00:00Z").exits(0);
    let before = versions(&world);
    world.incus.inject(Fault::Slow(40_000));
    let mut command = world.command(&CREATE);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    until(30, "the archive", || !partial(&world.root()).is_empty());
    let away = world.root().with_file_name("away");
    std::fs::rename(world.root(), &away).unwrap();
    if empty {
        std::fs::create_dir(world.root()).unwrap();
    }
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    if empty {
        let made = std::fs::read_dir(world.root()).unwrap().count();
        assert_eq!(made, 0, "nothing is put where the target was");
        std::fs::remove_dir(world.root()).unwrap();
    }
    // It is not made again where it was.
    let elsewhere = world.run(&["list", "-f", "json"]);
    assert_eq!(elsewhere.code, Some(10), "{}", elsewhere.stderr);
    std::fs::rename(&away, world.root()).unwrap();
    assert_eq!(versions(&world), before);
    world.incus.state().faults.clear();
    create_at(&world, "2026-03-02T00:00:00Z").exits(0);
    assert_eq!(versions(&world).len(), 2);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.flag("web"), "Running");
}

/// The folders of versions that are being written.
fn partial(root: &Path) -> Vec<std::path::PathBuf> {
    let place = root.join("fake/instances/default/web");
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .filter(|path| name(path).starts_with(".partial"))
        .filter(|path| path.join("export.tar.zst").exists())
        .collect()
}

/// A small file system that is full at every size: either the version is there, whole, or the run says
/// why it is not, and the one before is as it was. Needs root, to mount.
#[test]
fn a_target_that_is_full_at_any_size_costs_no_version() {
    let world = World::with_web(Series::Lts70, "dir");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        // What does not get smaller.
        let mut seed = 1_u32;
        let noise = (0..200_000).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        web.files.insert("rootfs/noise".into(), noise.collect());
    }
    std::fs::create_dir(world.root()).unwrap();
    let Some(mount) = Mounted::tmpfs(&world.root(), 2048) else {
        eprintln!("nobody may mount here: not tested");
        return;
    };
    create_at(&world, "2026-03-01T00:00:00Z").exits(0);
    let before = versions(&world);
    // How much is left beside it, in KiB: from nothing to enough.
    let (mut failed, mut done) = (0, 0);
    for left in [0, 4, 12, 40, 100, 180, 220, 260, 300] {
        let filler = world.root().join("filler");
        fill(&filler, left * 1024);
        let ran = create_at(&world, "2026-03-02T00:00:00Z");
        std::fs::remove_file(&filler).unwrap();
        let what = format!("{left} KiB: {}", ran.stderr);
        match ran.code {
            Some(0) => {
                done += 1;
                let all = versions(&world);
                assert_eq!(all.len(), 2, "{what}");
                let delete = ["delete", "web", "--version", &all[1], "--yes"];
                world.run(&delete).exits(0);
            }
            Some(1) => {
                failed += 1;
                assert!(ran.stderr.contains("error: "), "{what}");
            }
            _ => panic!("{what}"),
        }
        assert_eq!(versions(&world), before, "{what}");
        assert_eq!(world.left_over(), Vec::<String>::new(), "{what}");
    }
    assert!(failed >= 4 && done >= 1, "{failed} failed, {done} done");
    drop(mount);
}

/// A backup disk that is mounted read-only, as one is to restore from. Needs root, to mount.
#[test]
fn a_target_that_is_mounted_read_only_restores_and_verifies_and_refuses_the_rest() {
    let world = World::with_web(Series::Lts70, "dir");
    std::fs::create_dir(world.root()).unwrap();
    let Some(mount) = Mounted::tmpfs(&world.root(), 4096) else {
        eprintln!("nobody may mount here: not tested");
        return;
    };
    for day in [1, 2] {
        create_at(&world, &format!("2026-03-0{day}T00:00:00Z")).exits(0);
    }
    let before = versions(&world);
    let files = world.left_over();
    mount.read_only();
    let version = ["--version", &before[0]];
    let changing: [(&str, Vec<&str>); 5] = [
        ("instance", CREATE.to_vec()),
        (
            "instance",
            [&["delete", "web"], &version[..], &["--yes"]].concat(),
        ),
        (
            "instance",
            [&["protect", "web"], &version[..], &["--yes"]].concat(),
        ),
        ("prune", vec!["--keep-last", "1", "--yes"]),
        ("config", vec!["create", "--yes"]),
    ];
    for (program, arguments) in changing {
        let ran = world.run_for(program, &arguments);
        let what = format!("{program} {arguments:?}: {:?}\n{}", ran.code, ran.stderr);
        assert_eq!(ran.code, Some(1), "{what}");
        assert!(ran.stderr.contains("error: "), "{what}");
        assert_eq!(
            ran.stderr.matches("Read-only file system").count(),
            1,
            "{what}"
        );
        assert!(ran.stderr.contains("hint: "), "{what}");
        assert!(!ran.stderr.contains("panicked"), "{what}");
        assert_eq!(world.flag("web"), "Running", "{what}");
    }
    assert_eq!(
        world.incus.state().names(),
        ["web"],
        "nothing is left on the server"
    );
    // Reading goes on: that a check cannot be recorded is a warning.
    assert_eq!(versions(&world), before);
    world.incus.state().instances.clear();
    let ran = world.run(&["restore", "web", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(world.flag("web"), "Stopped");
    assert_eq!(world.left_over(), files);
    drop(mount);
}

/// Fills a file system until so many bytes are left.
pub fn fill(path: &Path, left: u64) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(left)).unwrap();
}

/// A file system that is unmounted at last.
pub struct Mounted(std::path::PathBuf);

impl Mounted {
    pub fn tmpfs(at: &Path, kib: u32) -> Option<Self> {
        let options = std::ffi::CString::new(format!("size={kib}k,mode=700")).unwrap();
        let mounted = rustix::mount::mount(
            "tmpfs",
            at,
            "tmpfs",
            rustix::mount::MountFlags::empty(),
            options.as_c_str(),
        );
        mounted.is_ok().then(|| Self(at.to_owned()))
    }

    /// Mounts it read-only from now on.
    pub fn read_only(&self) {
        let flags = rustix::mount::MountFlags::RDONLY;
        rustix::mount::mount_remount(&self.0, flags, c"").unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}
