//! `incus-backup-setup target init`.

use incus_backup::testing::fake::Series;

use crate::fake::World;
use crate::lab::Ran;
use crate::restic;
use crate::restic::Repository;

/// A world whose settings name the target `nas`.
fn world(uri: &str) -> World {
    let world = World::with_web(Series::Lts60, "btrfs");
    let conf = world.folder.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    let text = format!("default-target: nas\ntargets: {{ nas: {{ uri: '{uri}' }} }}\n");
    std::fs::write(conf.join("backup.yml"), text).unwrap();
    world
}

fn run(world: &World, kind: &str, arguments: &[&str], more: &[(String, String)]) -> Ran {
    let mut command = world.command_for(kind, arguments);
    command
        .env_remove("INCUS_BACKUP_TARGET")
        .env("INCUS_CONF", world.folder.path().join("conf"))
        .envs(more.iter().cloned());
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_named_folder_becomes_a_target_by_this_command_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("incus");
    let world = world(&format!("dir:{}", root.display()));
    let create = ["create", "web", "--yes"];
    let ran = run(&world, "instance", &create, &[]).exits(10);
    assert!(
        ran.stderr.contains("incus-backup-setup target init`"),
        "{}",
        ran.stderr
    );
    run(&world, "setup", &["target", "init", "nas"], &[]).exits(5);
    let ran = run(
        &world,
        "setup",
        &["target", "init", "nas", "--dry-run"],
        &[],
    )
    .exits(0);
    let uri = format!("`dir:{}`", root.display());
    assert_eq!(ran.stdout, format!("{uri} would become a backup target\n"));
    assert!(!root.exists());
    let ran = run(&world, "setup", &["target", "init", "nas", "--yes"], &[]).exits(0);
    assert_eq!(ran.stdout, format!("{uri} is a backup target now\n"));
    run(&world, "instance", &create, &[]).exits(0);
    let ran = run(&world, "setup", &["target", "init", "nas"], &[]).exits(0);
    assert_eq!(ran.stdout, format!("{uri} is a backup target already\n"));
    run(&world, "instance", &["list", "web"], &[]).exits(0);
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "x").unwrap();
    let world = world("dir:/nowhere");
    let uri = format!("dir:{}", folder.path().display());
    run(&world, "setup", &["target", "init", &uri, "--yes"], &[]).exits(1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    run(
        &world,
        "setup",
        &["target", "init", "dir:relative", "--yes"],
        &[],
    )
    .exits(2);
}

#[test]
fn a_named_repository_becomes_a_target_too() {
    if restic::binary().is_none() {
        return;
    }
    let repository = Repository::missing();
    let world = world(&repository.uri());
    let environment = repository.environment();
    let create = ["create", "web", "--yes"];
    run(&world, "instance", &create, &environment).exits(10);
    run(
        &world,
        "setup",
        &["target", "init", "nas", "--yes"],
        &environment,
    )
    .exits(0);
    run(&world, "instance", &create, &environment).exits(0);
}
