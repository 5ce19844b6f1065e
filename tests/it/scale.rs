//! Many instances in one command: no more memory, and no more connections, than a few of them need.

use std::time::Duration;

use incus_backup::testing::fake::Series;

use crate::fake::World;

/// How many kibibytes a process had at most, as far as can be seen until it ends.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Backs so many up; gives the peak of the memory in KiB and of the connections.
fn create(count: usize) -> (u64, isize) {
    let world = World::new(Series::Lts70);
    {
        let mut state = world.incus.state();
        for number in 0..count {
            state.add_instance(&format!("c{number:03}"), "default", "Stopped", "container");
            let one = state.instance(&format!("c{number:03}")).unwrap();
            one.files.insert("rootfs/data/y".into(), vec![7; 400_000]);
        }
    }
    let mut command = world.command(&["create", "--yes", "-f", "json", "--parallel", "4"]);
    let out = std::fs::File::create(world.folder.path().join("out")).unwrap();
    let told = std::fs::File::create(world.folder.path().join("told")).unwrap();
    let mut child = command.stdout(out).stderr(told).spawn().unwrap();
    let mut memory = 0;
    let ended = loop {
        memory = peak(child.id()).unwrap_or_default().max(memory);
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let read = |name| std::fs::read_to_string(world.folder.path().join(name)).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", read("told"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&read("out")).unwrap();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names.len(), count);
    assert!(names.is_sorted() && rows.iter().all(|row| row["status"] == "done"));
    let connections = world.incus.state().most_connections;
    (memory, connections)
}

#[test]
fn five_hundred_instances_need_no_more_than_twenty() {
    let few = create(20);
    let many = create(500);
    assert!(few.0 > 4_000, "{few:?}");
    // The C library gives each thread a heap of its own, in which holes stay; with one heap for all
    // nothing grows (46 MiB for 20 as for 1,000).
    assert!(
        many.0 < few.0 + 32 * 1024,
        "KiB and connections: {few:?}, {many:?}"
    );
    assert!(
        many.1 <= few.1.max(12),
        "KiB and connections: {few:?}, {many:?}"
    );
}

/// A server's answers that hold for many instances are not asked for once for each.
#[test]
fn what_many_share_is_not_asked_for_each() {
    let world = World::new(Series::Lts60);
    for number in 0..20 {
        let name = format!("c{number:02}");
        world
            .incus
            .state()
            .add_instance(&name, "default", "Stopped", "container");
    }
    world.run(&["create", "--yes", "--parallel", "4"]).exits(0);
    let requests = world.incus.state().requests.clone();
    let asked = |what: &str| requests.iter().filter(|it| it.ends_with(what)).count();
    // A pool of driver `dir` says of no disk how much it takes.
    assert_eq!(asked("/state"), 1, "{requests:?}");
    // These may have changed after a few seconds.
    for what in ["GET /1.0/storage-pools", "GET /1.0/profiles/default"] {
        let times = asked(what);
        assert!((1..20).contains(&times), "{times} times {what}");
    }
    let exports = |asked: &&String| asked.starts_with("POST") && asked.ends_with("/backups");
    assert_eq!(requests.iter().filter(exports).count(), 20, "{requests:?}");
}
