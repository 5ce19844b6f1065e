//! `incus-backup-all` against the fake daemon.

use incus_backup::testing::fake::{Fault, Series};

use crate::fake::World;
use crate::lab::{Ran, command};

fn all(world: &World, arguments: &[&str]) -> Ran {
    let mut command = command(env!("CARGO_BIN_EXE_incus-backup-all"));
    command
        .args(arguments)
        .env_clear()
        .env("INCUS_DIR", world.folder.path())
        .env("INCUS_CONF", world.folder.path().join("none"))
        .env(
            "INCUS_BACKUP_TARGET",
            format!("dir:{}", world.root().display()),
        );
    Ran::of(&command.output().unwrap())
}

/// The type and the status of each row, in their order.
fn told(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = ran.rows();
    let told = rows
        .iter()
        .map(|row| (text(&row["type"]), text(&row["status"])));
    told.collect()
}

#[test]
fn a_whole_server_is_backed_up_by_one_run_in_the_order_of_its_restore() {
    let world = World::with_web(Series::Lts70, "zfs");
    world
        .incus
        .state()
        .add_instance("db", "tank", "Stopped", "container");
    let plan = all(&world, &["create", "--dry-run", "-f", "json"]).exits(0);
    assert!(!world.root().exists(), "a dry run changes nothing");
    let ran = all(&world, &["create", "--yes", "-f", "json"]).exits(0);
    let done = |kind: &str| (kind.to_owned(), "done".to_owned());
    assert_eq!(
        told(&ran),
        [
            done("config"),
            done("image"),
            done("instance"),
            done("instance")
        ]
    );
    assert_eq!(plan.rows().len(), 4);
    let listed = all(&world, &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed.len(), 4);
    let mut runs: Vec<String> = Vec::new();
    for row in &listed {
        let name = row["name"].as_str().unwrap_or_default();
        let place = match row["type"].as_str().unwrap() {
            "config" => "fake/config".to_owned(),
            kind => format!("fake/{kind}s/default/{name}"),
        };
        let version = row["version"].as_str().unwrap();
        let manifest = world.root().join(place).join(version).join("manifest.json");
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
        runs.push(manifest["run"].to_string());
    }
    runs.dedup();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn one_thing_that_fails_costs_only_itself() {
    let world = World::with_web(Series::Lts70, "zfs");
    world
        .incus
        .state()
        .add_instance("db", "tank", "Stopped", "container");
    world
        .incus
        .inject(Fault::Refuse("POST", "/db/backups", 403, "not allowed"));
    let ran = all(&world, &["create", "--yes", "-f", "json"]).exits(3);
    let statuses: Vec<String> = told(&ran).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["done", "done", "failed", "done"]);
    assert!(ran.stderr.contains("not allowed"), "{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_kind_can_be_left_out_and_a_server_has_no_name() {
    let world = World::with_web(Series::Lts60, "btrfs");
    let ran = all(
        &world,
        &[
            "create", "--skip", "config", "--skip", "image", "--yes", "-f", "json",
        ],
    )
    .exits(0);
    assert_eq!(told(&ran), [("instance".to_owned(), "done".to_owned())]);
    let ran = all(&world, &["create", "web"]).exits(2);
    assert!(ran.stderr.contains("write `REMOTE:`"), "{}", ran.stderr);
}
