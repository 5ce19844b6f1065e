//! SIGKILL at any moment of what is done with images, buckets, configurations and whole servers.

use std::time::Instant;

use incus_backup::testing::fake::Series;
use rstest::rstest;

use crate::cases::Case;
use crate::cases_kinds::{Bucket, Config, Image, Whole};
use crate::fake::World;
use crate::kills::{Limits, all_are_whole, strike};
use crate::seed::{Chance, times};

/// How often each operation is killed, on each series.
const TIMES: usize = 8;

/// Kills a run at some moment, looks, and lets the next one put everything right; as often as is said.
fn killed_at_any_moment(case: impl Case, series: Series, kind: &str) {
    let mut chance = Chance::of(&format!("{kind} {case:?} {series:?}"));
    let world = case.world(series);
    world.incus.state().requests.clear();
    let begun = Instant::now();
    assert!(case.command(&world).status().unwrap().success());
    let mut limits = Limits::of(&world, begun.elapsed());
    let mut left = times("FAULT_KILLS", TIMES);
    while left > 0 {
        let moment = limits.moment(&mut chance);
        let world: World = case.world(series);
        let before = case.versions(&world);
        world.incus.state().requests.clear();
        let killed = strike(&world, case.command(&world), moment);
        let what = format!("{kind} {case:?}, {series:?}, {moment:?}");
        all_are_whole(&world, &what);
        assert!(case.versions(&world) >= before, "{what}");
        let rest = case.next_run(&world, &what);
        assert_eq!(rest, Vec::<String>::new(), "after {what}");
        let now = case.found(&world);
        assert!(case.may_be().contains(&now), "after {what}: {now}");
        all_are_whole(&world, &what);
        if killed {
            left -= 1;
        } else {
            limits.learn(moment);
        }
    }
}

#[rstest]
fn an_image_survives_a_kill_at_any_moment(
    #[values(Image::Create, Image::Restore, Image::Update)] operation: Image,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "image");
}

#[rstest]
fn a_bucket_survives_a_kill_at_any_moment(
    #[values(Bucket::Create, Bucket::Restore, Bucket::Lend)] operation: Bucket,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "bucket");
}

#[rstest]
fn a_configuration_survives_a_kill_at_any_moment(
    #[values(Config::Create, Config::Restore)] operation: Config,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "config");
}

#[rstest]
fn a_whole_server_survives_a_kill_at_any_moment(
    #[values(Whole::Create, Whole::Restore)] operation: Whole,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "all");
}
