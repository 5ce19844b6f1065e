//! Somebody else works on the server meanwhile: before each request in turn something appears, or goes,
//! that the plan did not know. What is theirs is never touched, nothing of ours is left, and the run says
//! what it found.

use incus_backup::testing::fake::{Change, FakeImage, Series, State};
use rstest::rstest;

use crate::cases::{Case, listed};
use crate::cases_kinds::{Bucket, Image};
use crate::fake::World;
use crate::faults::{self, run};
use crate::faults_volumes as volumes;
use crate::kills::ours;
use crate::lab::Ran;

const THEIRS: &[u8] = b"theirs";

/// Runs once for each request before which the change can come; gives each run, its world, and whether
/// the change came.
fn at_each_request(
    case: impl Case,
    series: Series,
    change: Change,
    check: impl Fn(&World, &Ran, &str),
) {
    for number in 0.. {
        let world = case.world(series);
        world.incus.state().requests.clear();
        world.incus.state().meanwhile = Some((number, change));
        let ran = run(&world, case.command(&world), false);
        let over = world.incus.state().meanwhile.take().is_none();
        let what = format!(
            "{case:?}, {series:?}, before request {number}: {:?}\n{}",
            ran.code, ran.stderr
        );
        assert!(!ran.stderr.contains("panicked"), "{what}");
        if !over {
            assert!(number > 4, "{what}");
            return;
        }
        match ran.code {
            Some(0) => {}
            Some(1) => assert!(ran.stderr.contains("error: "), "{what}"),
            _ => panic!("{what}"),
        }
        check(&world, &ran, &what);
    }
}

fn instance_appears(state: &mut State) {
    if state.instance("web").is_none() {
        state.add_instance("web", "tank", "Running", "container");
        let web = state.instance("web").unwrap();
        web.files
            .insert("rootfs/generation".into(), THEIRS.to_vec());
    }
}

fn instance_goes(state: &mut State) {
    let key = ("default".to_owned(), "web".to_owned());
    state.instances.remove(&key);
}

#[rstest]
fn an_instance_that_appears_is_not_overwritten(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    at_each_request(
        faults::Operation::Restore,
        series,
        instance_appears,
        |world, ran, what| {
            let theirs = {
                let mut state = world.incus.state();
                let web = state.instance("web").unwrap();
                web.files["rootfs/generation"] == THEIRS
            };
            assert_eq!(theirs, ran.code != Some(0), "{what}");
            assert_eq!(ours(world), Vec::<String>::new(), "{what}");
            let names = world.incus.state().names();
            assert_eq!(names, ["web"], "{what}");
        },
    );
}

#[rstest]
fn an_instance_that_goes_while_it_is_replaced_is_told_or_the_new_one_is_there(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    at_each_request(
        faults::Operation::Replace,
        series,
        instance_goes,
        |world, ran, what| {
            let names = world.incus.state().names();
            if ran.code == Some(0) {
                // It went after it had been set aside, or the new one after it was there.
                assert!(names.is_empty() || faults::found(world) == "new", "{what}");
            }
            world
                .run(&["restore", "web", "--replace", "--yes", "-q"])
                .exits(0);
            assert_eq!(faults::found(world), "new", "{what}");
            assert_eq!(ours(world), Vec::<String>::new(), "{what}");
        },
    );
}

#[rstest]
fn an_instance_that_goes_while_it_is_backed_up_is_told_and_nothing_is_left(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    at_each_request(
        faults::Operation::Create,
        series,
        instance_goes,
        |world, ran, what| {
            assert_eq!(
                listed(world, "instance"),
                usize::from(ran.code == Some(0)),
                "{what}"
            );
            world
                .incus
                .state()
                .add_instance("web", "tank", "Stopped", "container");
            world.run(&["create", "web", "--yes", "-q"]).exits(0);
            assert_eq!(ours(world), Vec::<String>::new(), "{what}");
            world.run_for("verify", &["-q"]).exits(0);
        },
    );
}

fn volume_appears(state: &mut State) {
    if state.volume("tank", "data").is_none() {
        let data = state.add_volume("tank", "data");
        data.files.insert("generation".into(), THEIRS.to_vec());
    }
}

#[rstest]
fn a_volume_that_appears_is_not_overwritten(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    at_each_request(
        volumes::Operation::Restore,
        series,
        volume_appears,
        |world, ran, what| {
            let theirs = {
                let mut state = world.incus.state();
                state.volume("tank", "data").unwrap().files["generation"] == THEIRS
            };
            assert_eq!(theirs, ran.code != Some(0), "{what}");
            assert_eq!(
                volumes::left_over(world, false),
                Vec::<String>::new(),
                "{what}"
            );
        },
    );
}

fn bucket_appears(state: &mut State) {
    if state.bucket("tank", "photos").is_none() {
        let bucket = state.add_bucket("tank", "photos");
        bucket.objects.insert("theirs".into(), THEIRS.to_vec());
    }
}

#[rstest]
fn a_bucket_that_appears_is_not_overwritten(
    #[values(Bucket::Restore, Bucket::Lend)] operation: Bucket,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    at_each_request(operation, series, bucket_appears, |world, ran, what| {
        let theirs = {
            let mut state = world.incus.state();
            let bucket = state.bucket("tank", "photos").unwrap();
            bucket.objects.contains_key("theirs")
        };
        assert_eq!(theirs, ran.code != Some(0), "{what}");
    });
}

fn image_appears(state: &mut State) {
    let image: FakeImage = Image::image();
    let key = ("default".to_owned(), image.fingerprint());
    if !state.images.contains_key(&key) {
        state.add_image("default", image);
        state.add_image_alias("default", "theirs", &key.1);
    }
}

#[rstest]
fn an_image_that_appears_is_not_changed(#[values(Series::Lts60, Series::Lts70)] series: Series) {
    at_each_request(Image::Restore, series, image_appears, |world, ran, what| {
        let aliases: Vec<String> = {
            let state = world.incus.state();
            let aliases = state.image_aliases.keys();
            aliases.map(|(_, name)| name.clone()).collect()
        };
        if ran.code == Some(0) {
            assert_eq!(aliases, ["d", "debian/12"], "{what}");
        } else {
            assert_eq!(aliases, ["theirs"], "{what}");
        }
    });
}
