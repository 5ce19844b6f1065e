//! Restoring where something of that name is already there.

use serde_json::json;

use super::scenarios_of_targets;
use super::world::World;

scenarios_of_targets!(
    what_exists_is_refused_skipped_or_replaced,
    a_stopped_one_is_replaced_by_a_stopped_one,
    a_copy_beside_the_original_is_another_one,
    a_protected_one_is_replaced_only_by_force,
    a_damaged_archive_costs_nothing,
);

fn what_exists_is_refused_skipped_or_replaced(world: &World) {
    world.launch("web");
    world.write("web", "/data/x", "stored");
    world.snapshot("web", "s0", "2077-01-02T03:04:05Z");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.write("web", "/data/x", "later");
    let read = || world.read("web", "/data/x").unwrap();
    let ran = world.run(&["restore", "web", "--yes"]).exits(1);
    assert!(ran.stderr.contains("--replace"), "{}", ran.stderr);
    world
        .run(&["restore", "web", "--skip-existing", "--yes"])
        .exits(0);
    let plan = world
        .run(&["restore", "web", "--replace", "--dry-run", "-f", "json"])
        .exits(0);
    assert_eq!(plan.rows()[0]["action"], "replace");
    assert_eq!(
        (world.status("web").as_str(), read().as_str()),
        ("Running", "later")
    );
    world
        .run(&["restore", "web", "--replace", "--start", "--yes"])
        .exits(0);
    assert_eq!(
        (world.status("web").as_str(), read().as_str()),
        ("Running", "stored")
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.names(), ["web"]);
    assert_eq!(world.snapshots("web")[0].2, "2077-01-02T03:04:05Z");
}

fn a_stopped_one_is_replaced_by_a_stopped_one(world: &World) {
    world.init("web");
    world.write("web", "/data/x", "stored");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.write("web", "/data/x", "later");
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    let read = world.read("web", "/data/x").unwrap();
    assert_eq!(
        (world.status("web").as_str(), read.as_str()),
        ("Stopped", "stored")
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
}

fn a_copy_beside_the_original_is_another_one(world: &World) {
    world.init("web");
    let nic = json!({ "type": "nic", "name": "eth0", "network": world.bridge() });
    world.patch("web", &json!({ "devices": { "eth0": nic } }));
    world.act("web", "start");
    world.write("web", "/data/x", "here");
    world.run(&["create", "web", "--yes"]).exits(0);
    world
        .run(&[
            "restore",
            "web",
            "--target-name",
            "twin",
            "--start",
            "--yes",
        ])
        .exits(0);
    assert_eq!(world.names(), ["twin", "web"]);
    assert_eq!(
        (world.status("web"), world.status("twin")),
        ("Running".into(), "Running".into())
    );
    assert_eq!(world.read("twin", "/data/x").as_deref(), Some("here"));
    let config = |name: &str| world.instance(name)["config"].clone();
    for key in [
        "volatile.uuid",
        "volatile.cloud-init.instance-id",
        "volatile.eth0.hwaddr",
    ] {
        let (one, other) = (config("web")[key].clone(), config("twin")[key].clone());
        assert!(
            one.is_string() && other.is_string(),
            "{key}: {one}, {other}"
        );
        assert_ne!(one, other, "{key}");
    }
    assert_eq!(config("twin")["user.note"], "tést: [yes]");
}

fn a_protected_one_is_replaced_only_by_force(world: &World) {
    world.init("web");
    let protected = json!({ "config": { "security.protection.delete": "true" } });
    world.patch("web", &protected);
    world.run(&["create", "web", "--yes"]).exits(0);
    let ran = world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    world
        .run(&["restore", "web", "--replace", "--force", "--yes"])
        .exits(0);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert_eq!(world.names(), ["web"]);
    let config = world.instance("web")["config"].clone();
    assert_eq!(config["security.protection.delete"], "true");
}

/// Never imported, whether it is cut, another, or not there at all; the old one runs on.
fn a_damaged_archive_costs_nothing(world: &World) {
    world.launch("web");
    let filler: String = (0u32..300_000)
        .map(|at| char::from(b'a' + at.wrapping_mul(at).to_le_bytes()[2] % 23))
        .collect();
    world.write("web", "/data/filler", &filler);
    world.write("web", "/data/x", "stored");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.write("web", "/data/x", "later");
    let good = world.archive("web");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x10;
    for bad in [&good[..good.len() / 2], &flipped, b""] {
        world.put_archive("web", bad);
        world
            .run(&["restore", "web", "--replace", "--yes"])
            .exits(4);
        world
            .run(&["restore", "web", "--target-name", "other", "--yes"])
            .exits(4);
        assert_eq!(world.left_over(), Vec::<String>::new());
        assert_eq!(world.names(), ["web"]);
        assert_eq!(world.status("web"), "Running");
        assert_eq!(world.read("web", "/data/x").as_deref(), Some("later"));
    }
    world.put_archive("web", &good);
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    assert_eq!(world.read("web", "/data/x").as_deref(), Some("stored"));
}
