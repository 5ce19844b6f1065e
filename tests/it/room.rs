//! Too little room, told before anything is written.

use incus_backup::testing::fake::Series;

use crate::fake::World;

#[test]
fn a_target_that_may_be_too_small_is_told() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.incus.state().instance("web").unwrap().usage = Some(1 << 60);
    let ran = world.run(&["create", "--dry-run", "-f", "json"]).exits(0);
    let reason = ran.rows()[0]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains("; the target may be too small: ")
            && reason.ends_with(" free, and its disk takes 1.0 EiB"),
        "{reason}"
    );
    // The room is that of the target, not of the folder where it stands in the settings.
    world.incus.state().instance("web").unwrap().usage = Some(1);
    world.run(&["create", "web", "--yes"]).exits(0);
    let ran = world.run(&["create", "--dry-run", "-f", "json"]).exits(0);
    assert_eq!(
        ran.rows()[0]["reason"],
        "crash-consistent: from a snapshot of btrfs"
    );
}

#[test]
fn a_pool_without_room_is_refused_and_a_small_one_is_told() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    let size = rows[0]["size"].as_u64().unwrap();
    world.incus.state().instances.clear();
    let restore = |free: u64, more: &[&str]| {
        let space = (size * 10, size * 10 - free);
        world.incus.state().space.insert("tank".into(), space);
        let mut arguments = vec!["restore", "web", "-f", "json"];
        arguments.extend(more);
        world.run(&arguments)
    };
    let reason = |rows: Vec<serde_json::Value>| rows[0]["reason"].as_str().unwrap().to_owned();
    let ample = restore(size, &["--dry-run"]).exits(0).rows();
    assert_eq!(reason(ample), "crash-consistent; left stopped");
    let tight = restore(size - 1, &["--dry-run"]).exits(0).rows();
    assert!(
        reason(tight).starts_with("crash-consistent; left stopped; pool `tank` may be too small: "),
    );
    let refused = restore(size / 3, &["--yes"]).exits(1).rows();
    assert_eq!(refused[0]["status"], "refused");
    let reason = reason(refused);
    assert!(
        reason.starts_with("pool `tank` has ")
            && reason.ends_with("; --force tries it all the same"),
        "{reason}"
    );
    assert_eq!(world.incus.state().names(), Vec::<String>::new());
    restore(size / 3, &["--yes", "--force"]).exits(0);
    assert_eq!(world.incus.state().names(), ["web"]);
}
