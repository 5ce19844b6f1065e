//! Every request of every operation fails in turn: refused, dropped while it is sent, done and never
//! answered, done and answered by half. Whatever comes of the run, what is on the server is the old one
//! or the new one, whole; what was stored is whole; and the next run leaves nothing.

use incus_backup::testing::fake::{Fault, Series, Strike};
use rstest::rstest;

use crate::cases::Case;
use crate::cases_kinds::{Bucket, Config, Image, Whole};
use crate::faults::{Operation, run};
use crate::faults_volumes as volumes;

const STRIKES: [Strike; 4] = [Strike::Refused, Strike::Cut, Strike::Lost, Strike::Dropped];

/// Has each request fail in one way, the next one in the next way; on the other series in another.
fn each_request_fails(case: impl Case, series: Series) {
    requests_fail(case, series, 1);
}

/// The same of every request that is this far from the one before; the series begin elsewhere.
fn requests_fail(case: impl Case, series: Series, every: usize) {
    let first = if series == Series::Lts60 { 0 } else { 2 };
    for number in (first % every..).step_by(every) {
        let strike = STRIKES[(first + number / every) % STRIKES.len()];
        if !is_survived(case, series, (number, strike)) {
            return;
        }
    }
}

/// Refuses every other request: those that are struck above in ways that are all tried again.
fn other_requests_are_refused(case: impl Case) {
    for number in (1..).step_by(2) {
        if !is_survived(case, Series::Lts70, (number, Strike::Refused)) {
            return;
        }
    }
}

/// Has one request fail, looks at what came of it, and runs again; tells whether there was such a request.
fn is_survived(case: impl Case, series: Series, (number, strike): (usize, Strike)) -> bool {
    let world = case.world(series);
    let before = case.versions(&world);
    world.incus.state().requests.clear();
    world.incus.inject(Fault::At(number, strike));
    let ran = run(&world, case.command(&world), false);
    let struck = world.incus.state().faults.is_empty();
    world.incus.state().faults.clear();
    let asked = world.incus.state().requests.get(number).cloned();
    let what = format!(
        "{case:?}, {series:?}, request {number} {strike:?} ({asked:?}): {:?} {}",
        ran.code, ran.stderr
    );
    for never in ["panicked", "Some(", "Err("] {
        assert!(!ran.stderr.contains(never), "{what}");
    }
    match ran.code {
        Some(0) => {
            assert_eq!(case.versions(&world), before + case.stores(), "{what}");
        }
        Some(1 | 3) => {
            assert!(ran.stderr.contains("error: "), "{what}");
            assert!(case.versions(&world) >= before, "{what}");
        }
        _ => panic!("{what}"),
    }
    let left = case.next_run(&world, &what);
    assert_eq!(left, Vec::<String>::new(), "after {what}");
    // What was cut off between two names is put right by whoever comes next.
    let now = case.found(&world);
    let done = ran.code == Some(0) && now == case.must_be();
    let fits = done || (ran.code != Some(0) && case.may_be().contains(&now));
    assert!(fits, "after {what}: {now}");
    let verified = world.run_for("verify", &["--level", "full", "-q"]);
    assert_eq!(verified.code, Some(0), "{what}: {}", verified.stderr);
    assert!(struck || number > 4, "only {number} requests: {what}");
    struck
}

#[rstest]
fn an_instance_survives_that_any_request_fails(
    #[values(Operation::Create, Operation::Restore, Operation::Replace)] operation: Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

#[rstest]
fn a_volume_survives_that_any_request_fails(
    #[values(
        volumes::Operation::Create,
        volumes::Operation::Restore,
        volumes::Operation::Replace
    )]
    operation: volumes::Operation,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

#[rstest]
fn an_image_survives_that_any_request_fails(
    #[values(Image::Create, Image::Restore, Image::Update)] operation: Image,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

#[rstest]
fn a_bucket_survives_that_any_request_fails(
    #[values(Bucket::Create, Bucket::Restore, Bucket::Lend)] operation: Bucket,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

#[rstest]
fn a_configuration_survives_that_any_request_fails(
    #[values(Config::Create, Config::Restore)] operation: Config,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    each_request_fails(operation, series);
}

/// What befalls each kind is seen above; here it is that the others go on.
#[rstest]
fn a_whole_server_survives_that_any_request_fails(
    #[values(Whole::Create, Whole::Restore)] operation: Whole,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    requests_fail(operation, series, 3);
}

#[rstest]
fn an_instance_survives_that_any_other_request_is_refused(
    #[values(Operation::Create, Operation::Restore, Operation::Replace)] operation: Operation,
) {
    other_requests_are_refused(operation);
}

#[rstest]
fn a_volume_survives_that_any_other_request_is_refused(
    #[values(
        volumes::Operation::Create,
        volumes::Operation::Restore,
        volumes::Operation::Replace
    )]
    operation: volumes::Operation,
) {
    other_requests_are_refused(operation);
}

#[rstest]
fn an_image_survives_that_any_other_request_is_refused(
    #[values(Image::Create, Image::Restore, Image::Update)] operation: Image,
) {
    other_requests_are_refused(operation);
}

#[rstest]
fn a_bucket_survives_that_any_other_request_is_refused(
    #[values(Bucket::Create, Bucket::Restore, Bucket::Lend)] operation: Bucket,
) {
    other_requests_are_refused(operation);
}
