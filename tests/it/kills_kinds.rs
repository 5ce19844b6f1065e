//! SIGKILL at any moment of what is done with images, buckets, configurations and whole servers.

use incus_backup::testing::fake::Series;
use rstest::rstest;

use crate::cases_kinds::{Bucket, Config, Image, Whole};
use crate::kills::killed_at_any_moment;
use crate::seed::times;

/// How often each operation is killed, on each series.
const TIMES: usize = 8;

#[rstest]
fn an_image_survives_a_kill_at_any_moment(
    #[values(Image::Create, Image::Restore, Image::Update)] operation: Image,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "image", times("FAULT_KILLS", TIMES));
}

#[rstest]
fn a_bucket_survives_a_kill_at_any_moment(
    #[values(Bucket::Create, Bucket::Restore, Bucket::Lend)] operation: Bucket,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "bucket", times("FAULT_KILLS", TIMES));
}

#[rstest]
fn a_configuration_survives_a_kill_at_any_moment(
    #[values(Config::Create, Config::Restore)] operation: Config,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "config", times("FAULT_KILLS", TIMES));
}

#[rstest]
fn a_whole_server_survives_a_kill_at_any_moment(
    #[values(Whole::Create, Whole::Restore)] operation: Whole,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    killed_at_any_moment(operation, series, "all", times("FAULT_KILLS", TIMES));
}
