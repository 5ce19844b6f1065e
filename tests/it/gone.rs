//! What goes, starts or is taken while a run works with it: the run says so, keeps nothing that is not
//! whole, and leaves nothing.

use incus_backup::testing::fake::Series::{Lts60, Lts70};
use incus_backup::testing::fake::{Change, FakeImage, Fault, Series, State};
use rstest::rstest;

use crate::cases::{Case, listed};
use crate::cases_kinds::{Bucket, Image};
use crate::fake::World;
use crate::faults;
use crate::faults_volumes as volumes;
use crate::lab::Ran;

/// Runs with the change before one request after the other, until all of these words were said.
#[track_caller]
fn is_said(
    world: impl Fn() -> World,
    command: impl Fn(&World) -> std::process::Command,
    (change, told): (Change, &[&str]),
    check: impl Fn(&World, &Ran),
) {
    let mut left = told.to_vec();
    let mut number = 0;
    while !left.is_empty() {
        let world = world();
        world.incus.state().requests.clear();
        world.incus.state().meanwhile = Some((number, change));
        let ran = Ran::of(&command(&world).output().unwrap());
        let over = world.incus.state().meanwhile.take().is_some();
        let what = format!("before request {number}: {:?}\n{}", ran.code, ran.stderr);
        assert!(!over, "{left:?} was never said");
        assert!(!ran.stderr.contains("panicked"), "{what}");
        assert!(matches!(ran.code, Some(0 | 1)), "{what}");
        let failed = ran.stderr.contains("error: ");
        assert_eq!(ran.code == Some(1), failed, "{what}");
        check(&world, &ran);
        left.retain(|text| !ran.stderr.contains(text));
        number += 1;
    }
}

/// The same of an operation: where it fails nothing is stored, and nothing of it is on the server.
#[track_caller]
fn is_told(case: impl Case, series: Series, change: Change, told: &[&str]) {
    let before = case.versions(&case.world(series));
    let check = |world: &World, ran: &Ran| {
        let stored = case.versions(world) - before;
        assert!(stored == 0 || ran.code == Some(0), "{}", ran.stderr);
        let temporary = |name: &String| name.starts_with("incus-backup-tmp");
        let state = world.incus.state();
        assert!(!state.names().iter().any(temporary), "{}", ran.stderr);
        let mut volumes = state.custom.keys();
        let volume =
            volumes.any(|(_, pool, name)| state.pools.contains_key(pool) && temporary(name));
        assert!(!volume, "{}", ran.stderr);
        let mut aliases = state.image_aliases.keys().map(|(_, name)| name);
        assert!(!aliases.any(temporary), "{}", ran.stderr);
    };
    let command = |world: &World| case.command(world);
    is_said(|| case.world(series), command, (change, told), check);
}

fn instances_go(state: &mut State) {
    state.instances.clear();
}

fn volumes_go(state: &mut State) {
    state.custom.clear();
}

fn pool_goes(state: &mut State) {
    state.pools.remove("tank");
}

fn root_disk_goes(state: &mut State) {
    let web = state.instance("web").unwrap();
    let devices = web.object["expanded_devices"].as_object_mut();
    devices.unwrap().remove("root");
}

fn buckets_go(state: &mut State) {
    state.buckets.clear();
}

fn buckets_are_not_served(state: &mut State) {
    state.serves_buckets = false;
}

fn images_go(state: &mut State) {
    state.images.clear();
    state.image_aliases.clear();
}

fn alias_is_taken(state: &mut State) {
    let other = state.add_image("default", FakeImage::new(None, b"another"));
    state.add_image_alias("default", "d", &other);
}

fn web_starts(state: &mut State) {
    let web = state.instance("web").unwrap();
    web.status = "Running";
    web.object["last_used_at"] = "2026-02-02T03:04:06Z".into();
}

#[test]
fn an_instance_that_goes() {
    let gone = ["instance `web` no longer exists: the plan is outdated"];
    is_told(faults::Operation::Create, Lts60, instances_go, &gone);
}

#[test]
fn the_root_disk_of_an_instance() {
    let gone = ["instance `web` has no root disk"];
    is_told(faults::Operation::Create, Lts70, root_disk_goes, &gone);
}

#[test]
fn an_instance_that_was_just_restored() {
    let came = [
        "the server finished the import of instance `incus-backup-tmp-",
        "does not exist",
    ];
    is_told(faults::Operation::Restore, Lts70, instances_go, &came);
}

#[test]
fn a_volume_that_goes() {
    let gone = ["volume `tank/data` no longer exists: the plan is outdated"];
    is_told(volumes::Operation::Create, Lts60, volumes_go, &gone);
}

#[test]
fn the_pool_of_a_volume() {
    let gone = ["volume `tank/data` no longer exists: the plan is outdated"];
    is_told(volumes::Operation::Create, Lts70, pool_goes, &gone);
}

#[test]
fn a_volume_that_was_just_restored() {
    let came = ["the server finished the import of volume `tank/data`, but it is not there"];
    is_told(volumes::Operation::Restore, Lts70, volumes_go, &came);
}

#[test]
fn a_bucket_that_goes_or_is_not_served_any_more() {
    let gone = ["bucket `tank/photos` no longer exists: the plan is outdated"];
    is_told(Bucket::Create, Lts60, buckets_go, &gone);
    let not_served = ["bucket `tank/photos` is no longer served by the server"];
    is_told(Bucket::Create, Lts70, buckets_are_not_served, &not_served);
}

#[test]
fn an_image_that_goes_and_an_alias_that_is_taken() {
    let gone = ["no longer exists: the plan is outdated"];
    is_told(Image::Create, Lts60, images_go, &gone);
    is_told(Image::Restore, Lts70, images_go, &["is not on the server"]);
    let taken = ["alias `d` stays with image `"];
    is_told(Image::Restore, Lts60, alias_is_taken, &taken);
}

/// What stood still when its export began, and does not any more, is not stored as if it had.
#[rstest]
#[case("instance", "web", "instance `web` was started while it was exported")]
#[case(
    "volume",
    "tank/data",
    "volume `tank/data` was mounted by an instance that was started while it was exported"
)]
fn what_starts_while_it_is_exported_is_not_stored_as_consistent(
    #[case] kind: &str,
    #[case] id: &str,
    #[case] told: &str,
) {
    let stopped = || {
        let world = volumes::Operation::Create.world(Lts70);
        world.incus.state().instance("web").unwrap().status = "Stopped";
        world
    };
    let arguments = ["create", id, "--retries", "0", "--yes", "-q"];
    let check = |world: &World, ran: &Ran| {
        let stored = usize::from(ran.code == Some(0));
        assert_eq!(listed(world, kind), stored, "{}", ran.stderr);
    };
    let command = |world: &World| world.command_for(kind, &arguments);
    is_said(stopped, command, (web_starts, &[told]), check);
}

/// Up to 6.0.5 such an export spoils the server's own record of the instance, which any change renews.
#[rstest]
#[case::renewed(&[], None)]
#[case::not_renewed(
    &["refuse:PUT /instances/web$:500:no change"],
    Some("warning: cannot renew the server's record of `web`: ")
)]
fn an_export_without_snapshots_renews_the_server_s_record(
    #[case] faults: &[&'static str],
    #[case] told: Option<&str>,
) {
    let world = World::with_web(Lts60, "dir");
    let before = {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.status = "Stopped";
        [web.object["config"].clone(), web.object["devices"].clone()]
    };
    let faults = faults.iter().map(|it| Fault::parse(it).unwrap());
    world.incus.state().faults = faults.collect();
    let ran = world
        .run(&["create", "web", "--instance-only", "--yes"])
        .exits(0);
    assert_eq!(world.incus.state().faults, []);
    let warned = ran.stderr.contains("cannot renew");
    assert_eq!(warned, told.is_some(), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(told.unwrap_or_default()),
        "{}",
        ran.stderr
    );
    let requests = world.incus.state().requests.clone();
    let changes = requests.iter().filter(|it| *it == "PUT /1.0/instances/web");
    assert_eq!(changes.count(), if warned { 1 } else { 2 });
    let mut state = world.incus.state();
    let web = &state.instance("web").unwrap().object;
    assert_eq!([&web["config"], &web["devices"]], before.each_ref());
}
