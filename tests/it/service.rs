//! What the manager of a unit is told: `sd_notify(3)`.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use incus_backup::testing::fake::{FakeCommand, Series};

use crate::fake::World;
use crate::lab::Ran;

/// Everything that is told while something runs at an hour.
fn told(world: &World, hour: u8, kind: &str, arguments: &[&str]) -> Vec<String> {
    let path = world.folder.path().join("notify");
    let _ = fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = world.command_for(kind, arguments);
    command.env("NOTIFY_SOCKET", &path);
    let moment = format!("2026-01-01T{hour:02}:00:00Z");
    command.env("INCUS_BACKUP_TEST_CLOCK", moment);
    Ran::of(&command.output().unwrap()).exits(0);
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 500];
    std::iter::from_fn(|| {
        let length = socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
    })
    .collect()
}

#[test]
fn a_unit_s_status_says_how_far_a_run_is() {
    let world = World::with_web(Series::Lts70, "zfs");
    world.incus.state().add_volume("tank", "data");
    let created = told(&world, 1, "all", &["create", "--yes"]);
    assert_eq!(created[0], "READY=1\nSTATUS=looking what there is to do");
    assert_eq!(created[1], "STATUS=0 of 4 done");
    assert_eq!(created.len(), 7, "{created:?}");
    assert!(
        created[2].starts_with("STATUS=1 of 4 done, "),
        "{created:?}"
    );
    let last = created.last().unwrap();
    assert!(
        last.starts_with("STOPPING=1\nSTATUS=4 of 4 done, "),
        "{last}"
    );
    let verified = told(&world, 2, "verify", &[]);
    assert_eq!(verified[1], "STATUS=0 of 4 done");
    let last = verified.last().unwrap();
    assert!(
        last.starts_with("STOPPING=1\nSTATUS=4 of 4 done, "),
        "{last}"
    );
    told(&world, 3, "all", &["create", "--yes"]);
    let pruned = told(&world, 4, "prune", &["--keep-last", "1", "--yes"]);
    assert_eq!(pruned.last().unwrap(), "STOPPING=1\nSTATUS=4 of 4 done");
    let listed = told(&world, 5, "all", &["list"]);
    assert_eq!(listed.last().unwrap(), "STOPPING=1\nSTATUS=ended");
}

/// What a drill consists of, such as a restore, is no thing of its own.
#[test]
fn a_drill_counts_once() {
    let world = World::with_web(Series::Lts70, "dir");
    let good = FakeCommand::default();
    world.incus.state().commands.insert("true".into(), good);
    told(&world, 1, "all", &["create", "--yes"]);
    let drilled = told(&world, 2, "verify", &["--level", "drill", "--yes"]);
    let counts: Vec<&str> = drilled
        .iter()
        .filter_map(|line| line.split("STATUS=").nth(1)?.split(" done").next())
        .collect();
    let checked = ["0 of 3", "1 of 3", "2 of 3", "3 of 3"];
    assert_eq!(&counts[2..6], checked, "{drilled:?}");
    assert_eq!(&counts[6..], ["0 of 1", "1 of 1", "1 of 1"], "{drilled:?}");
}

#[test]
fn a_manager_that_is_not_there_changes_nothing() {
    let world = World::with_web(Series::Lts70, "zfs");
    let mut command = world.command_for("all", &["create", "--yes"]);
    command.env("NOTIFY_SOCKET", "/nowhere/notify");
    let ran = Ran::of(&command.output().unwrap()).exits(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn a_manager_takes_the_status_of_the_units() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let mut services = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "service") {
            let text = fs::read_to_string(&path).unwrap();
            let has = |line: &str| text.lines().any(|it| it == line);
            assert!(
                has("Type=oneshot") && has("NotifyAccess=main"),
                "{}",
                path.display()
            );
            services += 1;
        }
    }
    assert_eq!(services, 3);
}
