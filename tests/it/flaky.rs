//! A network that breaks off at random points: a create and a restore still end right.

use incus_backup::testing::fake::{Fault, Series, Strike};
use rstest::rstest;

use crate::cutting::Proxy;
use crate::fake::World;
use crate::lab::Ran;
use crate::seed::{Chance, times};

/// Runs a command through a proxy that cuts some connections; gives how many.
fn through(world: &World, arguments: &[&str], chance: &mut Chance) -> (Ran, usize) {
    let socket = world
        .folder
        .path()
        .join(format!("p{}", chance.below(1 << 30)));
    let cuts = (1 + chance.below(3), 80_000);
    let server = world.folder.path().join("unix.socket");
    let proxy = Proxy::unix(&socket, &server, chance.clone(), cuts);
    let mut command = world.command(arguments);
    command.env("INCUS_SOCKET", &socket);
    let ran = Ran::of(&command.output().unwrap());
    (ran, proxy.made())
}

#[rstest]
fn a_create_and_a_restore_end_right_however_often_the_connection_breaks(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
    #[values("dir", "btrfs")] driver: &str,
) {
    let mut chance = Chance::of("flaky");
    let mut made = 0;
    for round in 0..times("FAULT_CUTS", 2) {
        let world = World::with_web(series, driver);
        let files = world.incus.state().instance("web").unwrap().files.clone();
        let (ran, cuts) = through(&world, &["create", "web", "--yes", "--debug"], &mut chance);
        made += cuts;
        assert_eq!(ran.code, Some(0), "create, round {round}: {}", ran.stderr);
        assert_eq!(world.versions(), 1, "round {round}");
        assert_eq!(world.left_over(), Vec::<String>::new(), "{}", ran.stderr);
        assert_eq!(world.flag("web"), "Running");
        let verified = world.run_for("verify", &["--level", "full", "-q"]);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);

        for arguments in [
            ["restore", "web", "--replace", "--yes", "--debug"].as_slice(),
            &["restore", "web", "--yes", "--debug"],
        ] {
            let (ran, cuts) = through(&world, arguments, &mut chance);
            made += cuts;
            let what = format!("{arguments:?}, round {round}: {}", ran.stderr);
            assert_eq!(ran.code, Some(0), "{what}");
            let mut state = world.incus.state();
            assert_eq!(state.names(), ["web"], "{what}");
            assert_eq!(state.instance("web").unwrap().files, files, "{what}");
            assert_eq!(state.instance("web").unwrap().snapshots.len(), 1, "{what}");
            state.instances.clear();
        }
    }
    assert!(made > 2, "only {made} connections were cut");
}

/// The server then says that its export failed, which it did because nobody read it any more.
#[test]
fn an_export_that_the_connection_broke_is_made_again_whatever_the_server_calls_it() {
    let create = ["create", "web", "--yes", "--debug"];
    let requests = |world: &World| world.incus.state().requests.clone();
    let world = World::with_web(Series::Lts70, "dir");
    world.run(&create).exits(0);
    let is_export = |asked: &String| asked.starts_with("POST") && asked.contains("/backups");
    let export = requests(&world).iter().position(is_export).unwrap();
    let cut = |retries: &str| {
        let world = World::with_web(Series::Lts70, "dir");
        world.incus.inject(Fault::At(export, Strike::Cut));
        let ran = world.run(&[&create[..], &["--retries", retries]].concat());
        (
            requests(&world).iter().filter(|it| is_export(it)).count(),
            ran,
        )
    };
    let (exports, ran) = cut("1");
    assert_eq!(exports, 2, "{}", ran.exits(0).stderr);
    let (exports, ran) = cut("0");
    let ran = ran.exits(1);
    assert!(
        exports == 1 && ran.stderr.contains("broke off"),
        "{}",
        ran.stderr
    );
}

/// Both ways, and all things of a command together.
#[rstest]
fn a_limit_of_the_bandwidth_is_kept(#[values(Series::Lts60, Series::Lts70)] series: Series) {
    let world = World::with_web(series, "btrfs");
    let files = vec![7; 500_000];
    let web = |world: &World| {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.files.insert("rootfs/data/z".into(), files.clone());
    };
    web(&world);
    let timed = |arguments: &[&str]| {
        let begun = std::time::Instant::now();
        world.run(arguments).exits(0);
        begun.elapsed().as_secs_f64()
    };
    let limit = ["--yes", "--bandwidth-limit", "400kB"];
    let create = timed(&[&["create", "web"], limit.as_slice()].concat());
    let restore = timed(&[&["restore", "web", "--replace"], limit.as_slice()].concat());
    for took in [create, restore] {
        assert!((1.2..20.0).contains(&took), "{took} s");
    }
    world
        .run(&["create", "web", "--bandwidth-limit", "fast"])
        .exits(2);
}
