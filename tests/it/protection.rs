//! What has no recent backup: `incus-backup-all list --unprotected`.

use incus_backup::testing::fake::Series;
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::Ran;

/// A server with `web`, `db` and a volume.
fn world() -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        state.add_instance("db", "tank", "Stopped", "container");
        state.add_volume("tank", "data");
    }
    world
}

fn at(world: &World, moment: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command_for(arguments[0], &arguments[1..]);
    command.env("INCUS_BACKUP_TEST_CLOCK", moment);
    Ran::of(&command.output().unwrap())
}

/// What is unprotected at a moment, as `TYPE NAME`.
fn unprotected(world: &World, moment: &str, more: &[&str], code: i32) -> Vec<String> {
    let arguments = [&["all", "list", "--unprotected", "-f", "json"], more].concat();
    let rows = at(world, moment, &arguments).exits(code).rows();
    let name = |row: &Value| {
        let name = row["name"].as_str().unwrap_or_default();
        format!("{} {name}", row["type"].as_str().unwrap())
    };
    rows.iter().map(name).collect()
}

#[test]
fn everything_is_unprotected_until_it_is_backed_up_and_again_after_a_day() {
    let world = world();
    let all = ["config ", "volume data", "instance db", "instance web"];
    at(
        &world,
        "2026-01-01T00:00:00Z",
        &["all", "list", "--unprotected"],
    )
    .exits(10);
    at(
        &world,
        "2026-01-01T00:00:00Z",
        &["instance", "create", "web", "--yes"],
    )
    .exits(0);
    let rest = unprotected(&world, "2026-01-01T01:00:00Z", &[], 4);
    assert_eq!(rest, all[..3]);
    at(&world, "2026-01-01T02:00:00Z", &["all", "create", "--yes"]).exits(0);
    assert_eq!(unprotected(&world, "2026-01-02T04:00:00Z", &[], 0), [""; 0]);
    assert_eq!(unprotected(&world, "2026-01-02T04:01:00Z", &[], 4), all);
    let week = ["--max-age", "7d"];
    assert_eq!(
        unprotected(&world, "2026-01-08T02:00:00Z", &week, 0),
        [""; 0]
    );
}

#[test]
fn what_is_excluded_does_not_count_and_what_cannot_be_backed_up_does() {
    let world = world();
    {
        let mut state = world.incus.state();
        let config = &mut state.instance("db").unwrap().object["config"];
        config["user.backup.exclude"] = "true".into();
    }
    at(
        &world,
        "2026-01-01T00:00:00Z",
        &["config", "create", "--yes"],
    )
    .exits(0);
    let now = "2026-01-01T01:00:00Z";
    assert_eq!(
        unprotected(&world, now, &[], 4),
        ["volume data", "instance web"]
    );
    {
        let mut state = world.incus.state();
        let config = &mut state.instance("web").unwrap().object["config"];
        config["user.backup.timeout"] = "soon".into();
    }
    let rows = at(&world, now, &["all", "list", "--unprotected", "-f", "json"])
        .exits(4)
        .rows();
    let reason = rows[1]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("it has no backup; it cannot be backed up: ") && reason.contains("soon"),
        "{reason}"
    );
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "source",
            "type",
            "project",
            "pool",
            "name",
            "version",
            "created_at",
            "age_seconds",
            "consistency",
            "reason"
        ]
    );
    assert_eq!(
        (&rows[0]["source"], &rows[0]["pool"], &rows[0]["version"]),
        (&json!("fake"), &json!("tank"), &Value::Null)
    );
}

#[test]
fn a_damaged_backup_does_not_count_and_a_verified_one_may_be_asked_for() {
    let world = world();
    let (made, now) = ("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z");
    at(&world, made, &["all", "create", "--yes"]).exits(0);
    assert_eq!(unprotected(&world, now, &["--verified"], 4).len(), 4);
    at(
        &world,
        "2026-01-01T01:00:00Z",
        &["verify", "--level", "quick"],
    )
    .exits(0);
    assert_eq!(unprotected(&world, now, &["--verified"], 4).len(), 4);
    at(
        &world,
        "2026-01-01T01:00:00Z",
        &["verify", "--level", "full"],
    )
    .exits(0);
    assert_eq!(unprotected(&world, now, &["--verified"], 0), [""; 0]);
    assert_eq!(
        unprotected(&world, now, &["--drilled"], 4),
        ["instance db", "instance web"]
    );
    let archive = world
        .root()
        .join("fake/instances/default/web/20260101T000000Z/export.tar.zst");
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&archive, bytes).unwrap();
    assert_eq!(unprotected(&world, now, &[], 4), ["instance web"]);
    let table = at(&world, now, &["all", "list", "--unprotected"])
        .exits(4)
        .stdout;
    assert!(table.contains("none of its backups is complete"), "{table}");
}

#[test]
fn the_flags_of_the_check_belong_together() {
    let world = world();
    for wrong in [
        ["list", "--max-age", "1h"].as_slice(),
        &["list", "--verified"],
        &["list", "--unprotected", "--max-age", "soon"],
        &["list", "--unprotected", "--verified", "--drilled"],
        &["list", "--unprotected", "web"],
    ] {
        world.run_for("all", wrong).exits(2);
    }
}
