//! A run fails, and what it then takes back cannot be taken back either: it says why it failed and what
//! stays, and the next run leaves nothing of it.

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;

use crate::cases::Case;
use crate::cases_kinds::{Bucket, Image};
use crate::fake::World;
use crate::faults::{Operation, run};
use crate::faults_volumes as volumes;
use crate::kills::{all_are_whole, ours};

/// Runs it with these faults, all of which strike, and then once more without.
#[track_caller]
fn check(case: impl Case, series: Series, faults: &[&'static str], told: &[&str]) {
    let world = case.world(series);
    let before = case.versions(&world);
    let parsed = faults.iter().map(|fault| Fault::parse(fault).unwrap());
    world.incus.state().faults = parsed.collect();
    let ran = run(&world, case.command(&world), false);
    let what = format!("{faults:?}, {case:?}, {series:?}: {}", ran.stderr);
    assert_eq!(ran.code, Some(1), "{what}");
    assert_eq!(world.incus.state().faults, [], "{what}");
    for text in told {
        assert!(ran.stderr.contains(text), "`{text}` in {what}");
    }
    for never in ["panicked", "Some(", "Err(", "{ "] {
        assert!(!ran.stderr.contains(never), "{what}");
    }
    assert!(stays(&world), "{what}");
    assert_eq!(case.versions(&world), before, "{what}");
    let left = case.next_run(&world, &what);
    assert_eq!(left, Vec::<String>::new(), "after {what}");
    let found = case.found(&world);
    assert!(case.may_be().contains(&found), "{found} after {what}");
    all_are_whole(&world, &what);
}

/// Whether something on the server is a run's own, or carries its mark.
fn stays(world: &World) -> bool {
    let state = world.incus.state();
    let named = |name: &String| name.starts_with("incus-backup-tmp-");
    let volumes = state.custom.iter().any(|((_, _, name), volume)| {
        named(name) || volume.object["config"].to_string().contains("incus-backup")
    });
    let aliases = state.image_aliases.keys().any(|(_, name)| named(name));
    let keys = state.buckets.values().flat_map(|bucket| &bucket.keys);
    let mut keys = keys.map(|key| key["name"].as_str().unwrap().to_owned());
    let (volumes, keys) = (volumes || aliases, keys.any(|name| named(&name)));
    drop(state);
    volumes || keys || !ours(world).is_empty()
}

/// What is said of a thing that cannot be deleted.
const INSTANCE: &str = "warning: cannot delete the temporary instance `incus-backup-tmp-";
const COPY: &str = "warning: cannot delete the temporary copy `incus-backup-tmp-";
const VOLUME: &str = "warning: cannot delete the temporary volume `tank/incus-backup-tmp-";
const STAYS: &str = ": busy; the next run tries again";
/// What is said of an old one that is not as it was.
const THERE: &str = "which is there but not as it was (";
const ELSEWHERE: &str = "and the old one may now be called `";
const AGAIN: &str = "); the next run tries again";

#[rstest]
#[case::not_finished(
    Operation::Restore,
    "refuse:PUT /instances/incus-backup-tmp:500:no change"
)]
#[case::not_named(Operation::Restore, "fail:Renaming instance:no change")]
#[case::successor_not_finished(
    Operation::Replace,
    "refuse:PUT /instances/incus-backup-tmp:500:no change"
)]
fn a_restored_instance_that_cannot_be_deleted_hides_no_cause(
    #[case] operation: Operation,
    #[case] fault: &'static str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let faults = [fault, "refuse:DELETE /instances/incus-backup-tmp:500:busy"];
    check(
        operation,
        series,
        &faults,
        &[": no change", INSTANCE, STAYS],
    );
}

/// Whatever is left of an exchange that failed, the old one is there and runs after the next run.
#[rstest]
#[case::no_way_back(
    &["refuse:POST /instances/incus-backup-tmp:500:no way"],
    &[ELSEWHERE, ": no way", AGAIN]
)]
#[case::the_new_one_stays(
    &["refuse:DELETE /instances/incus-backup-tmp:500:busy"],
    &[THERE, ": busy", AGAIN]
)]
#[case::it_does_not_start(&["fail:Starting instance:no start"], &[THERE, ": no start", AGAIN])]
#[case::its_mark_stays(
    &["spare:PUT /instances/web$", "spare:PUT /instances/web$", "refuse:PUT /instances/web$:500:no change"],
    &[THERE, ": no change", AGAIN]
)]
fn an_instance_that_is_not_as_it_was_is_told_of(
    #[case] faults: &[&'static str],
    #[case] told: &[&str],
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let faults = [
        &["refuse:POST /instances/incus-backup-tmp:500:no name"],
        faults,
    ]
    .concat();
    let told = [&["error: cannot replace `web`", ": no name"], told].concat();
    check(Operation::Replace, series, &faults, &told);
}

/// It is whole and in its place.
#[rstest]
#[case::restored(Operation::Restore, &["refuse:PUT /instances/web$:500:no change"])]
#[case::replaced(
    Operation::Replace,
    &["spare:PUT /instances/web$", "refuse:PUT /instances/web$:500:no change"]
)]
fn an_instance_that_keeps_its_mark_is_told_of(
    #[case] operation: Operation,
    #[case] faults: &[&'static str],
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let told = "`web` is restored, but still marked as temporary; the next run takes the mark off";
    check(operation, series, faults, &[told, ": no change"]);
}

#[rstest]
fn a_copy_that_cannot_be_deleted_hides_no_cause(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let busy = "refuse:DELETE /instances/incus-backup-tmp:500:busy";
    let faults = ["vanished:Creating instance", busy];
    check(
        Operation::Create,
        series,
        &faults,
        &["error: ", COPY, STAYS],
    );
}

#[rstest]
#[case(Series::Lts60, &["spare:DELETE /backups/"])]
#[case(Series::Lts70, &[])]
fn a_copy_of_a_volume_that_cannot_be_deleted_hides_no_cause(
    #[case] series: Series,
    #[case] spared: &[&'static str],
) {
    let faults = [
        "refuse:POST /backups$:500:no export",
        "refuse:DELETE /volumes/custom/incus-backup-tmp:500:busy",
    ];
    let faults = [spared, &faults].concat();
    check(
        volumes::Operation::Create,
        series,
        &faults,
        &[": no export", VOLUME, STAYS],
    );
}

#[rstest]
fn a_restored_volume_that_cannot_be_deleted_hides_no_cause(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let faults = [
        "refuse:GET /custom/data$:500:no look",
        "refuse:DELETE /volumes/custom/incus-backup-tmp:500:busy",
    ];
    check(
        volumes::Operation::Replace,
        series,
        &faults,
        &[": no look", VOLUME, STAYS],
    );
}

#[rstest]
#[case::no_way_back(
    &["refuse:POST /custom/incus-backup-tmp:500:no name", "refuse:POST /custom/incus-backup-tmp:500:no way"],
    &[ELSEWHERE, ": no way", AGAIN]
)]
#[case::the_new_one_stays(
    &["refuse:POST /custom/incus-backup-tmp:500:no name", "refuse:DELETE /custom/incus-backup-tmp:500:busy"],
    &[THERE, ": busy", AGAIN]
)]
#[case::what_was_stopped_does_not_start(
    &["refuse:POST /custom/incus-backup-tmp:500:no name", "fail:Starting instance:no start"],
    &[THERE, ": no start", AGAIN]
)]
#[case::a_device_is_not_put_back(
    &[
        "refuse:POST /custom/incus-backup-tmp:500:no name",
        "spare:PUT /instances/web$",
        "refuse:PUT /instances/web$:500:no device",
    ],
    &[THERE, ": no device", AGAIN]
)]
#[case::its_mark_stays(
    &[
        "refuse:POST /custom/data$:500:no name",
        "spare:PUT /custom/data$",
        "refuse:PUT /custom/data$:500:no change",
    ],
    &[THERE, ": no change", AGAIN]
)]
fn a_volume_that_is_not_as_it_was_is_told_of(
    #[case] faults: &[&'static str],
    #[case] told: &[&str],
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let told = [&["error: cannot replace `tank/data`", ": no name"], told].concat();
    check(volumes::Operation::Replace, series, faults, &told);
}

#[rstest]
fn a_volume_that_keeps_its_mark_is_told_of(#[values(Series::Lts60, Series::Lts70)] series: Series) {
    let faults = [
        "spare:PUT /custom/data$",
        "refuse:PUT /custom/data$:500:no change",
    ];
    let told = "`tank/data` is restored, but still marked as temporary; the next run takes";
    check(
        volumes::Operation::Replace,
        series,
        &faults,
        &[told, ": no change"],
    );
}

#[rstest]
fn an_image_that_cannot_be_deleted_hides_no_cause(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let faults = [
        "refuse:PUT /images/:500:no change",
        "refuse:DELETE /images/:500:busy",
    ];
    let told = [
        ": no change",
        "warning: cannot delete image `",
        "which is not whole: ",
        STAYS,
    ];
    check(Image::Restore, series, &faults, &told);
}

/// It has the key that it was lent, which whoever backs it up next takes away.
#[rstest]
fn a_bucket_that_cannot_be_deleted_hides_no_cause(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let faults = [
        "refuse:DELETE /keys/:500:no key",
        "refuse:DELETE /buckets/photos$:500:busy",
    ];
    let stays = "warning: cannot delete bucket `tank/photos`, which is not whole: ";
    let told = [
        "no key",
        stays,
        ": busy; delete it before it is restored again",
    ];
    check(Bucket::Lend, series, &faults, &told);
}
