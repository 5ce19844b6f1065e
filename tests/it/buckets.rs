//! Buckets on the fake daemon: what comes back, what is refused, and what faults must not do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use incus_backup::testing::fake::{FakeBucket, Fault, Series, bucket_key};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

const LARGE: usize = 3 * 1024 * 1024;

/// A server with the bucket `tank/photos`, which has two keys and two objects.
fn world(series: Series) -> World {
    let world = World::new(series);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", "btrfs");
        let bucket = state.add_bucket("tank", "photos");
        bucket
            .keys
            .push(bucket_key("photos", "reader", "read-only"));
        // What compression does not make small.
        let mut seed = 7u32;
        let random = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        let content = random.take(LARGE).collect();
        bucket.objects.insert("dir/large".into(), content);
    }
    world
}

fn run(world: &World, arguments: &[&str]) -> Ran {
    world.run_for("bucket", arguments)
}

fn bucket(world: &World, pool: &str, name: &str) -> Option<FakeBucket> {
    world.incus.state().bucket(pool, name).cloned()
}

/// What of a bucket must come back.
type Kept = (Value, Vec<Value>, BTreeMap<String, Vec<u8>>);

fn kept(world: &World, pool: &str, name: &str) -> Kept {
    let bucket = bucket(world, pool, name).unwrap();
    (Value::Object(bucket.object), bucket.keys, bucket.objects)
}

fn version(world: &World) -> PathBuf {
    let folder = world.root().join("fake/buckets/default/tank/photos");
    let mut entries = std::fs::read_dir(folder).unwrap();
    entries.next().unwrap().unwrap().path()
}

fn left_over(world: &World) -> Vec<String> {
    let mut found = world.left_over();
    let state = world.incus.state();
    let backups = state
        .buckets
        .values()
        .flat_map(|bucket| bucket.backups.keys().cloned());
    found.extend(backups);
    found
}

fn reason(ran: &Ran) -> String {
    ran.rows()[0]["reason"].as_str().unwrap().to_owned()
}

#[rstest]
fn a_bucket_comes_back_with_its_objects_and_the_secrets_of_its_keys(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
    #[values("zstd", "none")] compression: &str,
) {
    let world = world(series);
    let before = kept(&world, "tank", "photos");
    let arguments = [
        "create",
        "tank/photos",
        "--compression",
        compression,
        "--yes",
        "-f",
        "json",
    ];
    let ran = run(&world, &arguments).exits(0);
    assert_eq!(ran.rows()[0]["consistency"], "inconsistent");
    assert_eq!(left_over(&world), Vec::<String>::new());
    world.incus.state().buckets.clear();
    run(&world, &["restore", "tank/photos", "--yes"]).exits(0);
    assert_eq!(kept(&world, "tank", "photos"), before);
}

#[test]
fn secrets_are_in_files_that_only_their_owner_reads_and_nowhere_else() {
    let world = world(Series::Lts70);
    run(&world, &["create", "--yes"]).exits(0);
    let version = version(&world);
    let record = std::fs::read_to_string(version.join("bucket.json")).unwrap();
    assert!(record.contains("secret of photos admin"));
    let manifest = std::fs::read_to_string(version.join("manifest.json")).unwrap();
    let shown = run(&world, &["show", "tank/photos", "-f", "json"])
        .exits(0)
        .stdout;
    let ran = run(&world, &["create", "--yes", "--debug"]).exits(0);
    for text in [&manifest, &shown, &ran.stdout, &ran.stderr] {
        assert!(
            !text.contains("secret of") && !text.contains("ACCESS-"),
            "{text}"
        );
    }
    for entry in std::fs::read_dir(version).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[rstest]
fn a_server_that_does_not_serve_buckets_is_never_asked_to_export_or_import_one(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = world(series);
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().serves_buckets = false;
    world.incus.state().requests.clear();
    let ran = run(&world, &["create", "tank/photos", "--yes"]).exits(1);
    let how = "incus config set core.storage_buckets_address ADDRESS:PORT";
    assert!(ran.stderr.contains(how), "{}", ran.stderr);
    world.incus.state().buckets.clear();
    let ran = run(&world, &["restore", "tank/photos", "--yes"]).exits(1);
    assert!(ran.stderr.contains(how), "{}", ran.stderr);
    let state = world.incus.state();
    let posted = state
        .requests
        .iter()
        .any(|request| request.starts_with("POST"));
    assert!(!posted && !state.died, "{:?}", state.requests);
}

#[test]
fn a_bucket_beside_the_one_it_is_of_has_its_own_secrets() {
    let world = world(Series::Lts70);
    run(&world, &["create", "--yes"]).exits(0);
    let arguments = [
        "restore",
        "tank/photos",
        "--target-name",
        "copy",
        "--yes",
        "-f",
        "json",
    ];
    let ran = run(&world, &arguments).exits(0);
    assert!(
        reason(&ran).contains("with new secrets for admin, reader"),
        "{}",
        reason(&ran)
    );
    let (one, other) = (kept(&world, "tank", "photos"), kept(&world, "tank", "copy"));
    assert_eq!(one.2, other.2);
    for (one, other) in one.1.iter().zip(&other.1) {
        assert_eq!(
            (&one["name"], &one["role"]),
            (&other["name"], &other["role"])
        );
        assert_ne!(one["access-key"], other["access-key"]);
    }
}

#[test]
fn a_bucket_that_exists_is_refused_or_skipped_and_never_replaced() {
    let world = world(Series::Lts70);
    run(&world, &["create", "--yes"]).exits(0);
    let before = kept(&world, "tank", "photos");
    for (flag, code, says) in [
        (None, 1, "it exists; --skip-existing leaves it"),
        (Some("--skip-existing"), 0, "it exists"),
        (Some("--replace"), 1, "Incus cannot rename buckets"),
    ] {
        let mut arguments = vec!["restore", "tank/photos", "--yes", "-f", "json"];
        arguments.extend(flag);
        let ran = run(&world, &arguments).exits(code);
        assert!(reason(&ran).contains(says), "{}", reason(&ran));
        assert_eq!(kept(&world, "tank", "photos"), before);
    }
}

#[test]
fn a_bucket_goes_to_another_pool_and_loses_a_limit_that_it_cannot_have_there() {
    let world = world(Series::Lts70);
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().buckets.clear();
    world.incus.state().pools.remove("tank");
    let ran = run(&world, &["restore", "tank/photos", "--yes", "-f", "json"]).exits(1);
    assert!(
        reason(&ran).contains("--pool-map tank=POOL"),
        "{}",
        reason(&ran)
    );
    world.incus.state().add_pool("far", "ceph");
    let map = [
        "restore",
        "tank/photos",
        "--pool-map",
        "tank=far",
        "--yes",
        "-f",
        "json",
    ];
    let ran = run(&world, &map).exits(1);
    assert!(
        reason(&ran).contains("is of ceph, which has no buckets"),
        "{}",
        reason(&ran)
    );
    let map = [
        "restore",
        "tank/photos",
        "--pool-map",
        "tank=default",
        "--yes",
        "-f",
        "json",
    ];
    let ran = run(&world, &map).exits(0);
    assert!(
        reason(&ran).contains("without its size limit"),
        "{}",
        reason(&ran)
    );
    assert_eq!(
        bucket(&world, "default", "photos").unwrap().object["config"],
        json!({})
    );
}

#[test]
fn a_bucket_that_nobody_may_write_to_is_lent_a_key_for_its_restore() {
    let world = world(Series::Lts70);
    let reader = bucket_key("photos", "reader", "read-only");
    world.incus.state().bucket("tank", "photos").unwrap().keys = vec![reader.clone()];
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().buckets.clear();
    run(&world, &["restore", "--yes"]).exits(0);
    assert_eq!(bucket(&world, "tank", "photos").unwrap().keys, [reader]);
    // One without any key cannot be read at all.
    world
        .incus
        .state()
        .bucket("tank", "photos")
        .unwrap()
        .keys
        .clear();
    let ran = run(&world, &["create", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("incus storage bucket key create tank photos"),
        "{}",
        ran.stderr
    );
}

/// Whatever goes wrong, no version appears and nothing is left, and then it goes right.
#[rstest]
#[case::flipped(Series::Lts70, Fault::FlipBit(LARGE / 2))]
#[case::cut(Series::Lts70, Fault::CutBody(LARGE / 2))]
#[case::ends_early(Series::Lts70, Fault::ErrorInBody(LARGE / 2))]
#[case::ends_at_once(Series::Lts70, Fault::ErrorInBody(0))]
#[case::refused(Series::Lts70, Fault::Refuse("POST", "/backups", 500, "not today"))]
#[case::fails(
    Series::Lts60,
    Fault::Fail("Creating bucket backup", "no space left on device")
)]
fn a_failed_create_leaves_nothing(#[case] series: Series, #[case] fault: Fault) {
    let world = world(series);
    world.incus.inject(fault);
    run(&world, &["create", "--yes", "--retries", "0"]).exits(1);
    assert_eq!(
        run(&world, &["list", "-f", "json"]).exits(0).rows(),
        Vec::<Value>::new()
    );
    assert_eq!(left_over(&world), Vec::<String>::new());
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    run(&world, &["create", "--yes"]).exits(0);
}

#[rstest]
#[case::refused(Fault::Refuse("POST", "/buckets", 500, "not today"))]
#[case::fails(Fault::Fail("Restoring bucket backup", "no space left on device"))]
fn a_failed_restore_leaves_no_bucket(#[case] fault: Fault) {
    let world = world(Series::Lts60);
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().buckets.clear();
    world.incus.inject(fault);
    run(&world, &["restore", "--yes"]).exits(1);
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    assert!(world.incus.state().buckets.is_empty());
    run(&world, &["restore", "--yes"]).exits(0);
}

#[test]
fn an_import_whose_connection_breaks_is_sent_again() {
    let world = world(Series::Lts60);
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().buckets.clear();
    world.incus.inject(Fault::Reset("POST", "/buckets"));
    run(&world, &["restore", "--yes"]).exits(0);
    assert_eq!(world.incus.state().faults, []);
    assert!(!world.incus.state().buckets.is_empty());
}

#[test]
fn a_lent_key_that_cannot_be_taken_back_takes_the_bucket_along() {
    let world = world(Series::Lts70);
    let reader = bucket_key("photos", "reader", "read-only");
    world.incus.state().bucket("tank", "photos").unwrap().keys = vec![reader];
    run(&world, &["create", "--yes"]).exits(0);
    world.incus.state().buckets.clear();
    world
        .incus
        .inject(Fault::Refuse("DELETE", "/keys/", 500, "not today"));
    run(&world, &["restore", "--yes"]).exits(1);
    assert!(world.incus.state().buckets.is_empty());
}

#[rstest]
fn a_damaged_archive_never_reaches_its_end_on_a_server(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
    #[values(100, LARGE / 2)] at: usize,
) {
    let world = world(series);
    run(&world, &["create", "--yes"]).exits(0);
    let archive = version(&world).join("bucket.tar.zst");
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes[at] ^= 1;
    std::fs::write(archive, bytes).unwrap();
    world.incus.state().buckets.clear();
    let ran = run(&world, &["restore", "--yes"]).exits(4);
    assert!(
        ran.stderr.contains("is damaged; nothing was imported"),
        "{}",
        ran.stderr
    );
    let state = world.incus.state();
    assert!(state.buckets.is_empty() && !state.died);
}

#[rstest]
#[case(&["create", "photos", "--yes"], 2, "write POOL/NAME")]
#[case(&["create", "tank/none", "--yes"], 1, "it does not exist")]
#[case(&["create", "nowhere/photos", "--yes"], 1, "it does not exist")]
#[case(&["create", "--project", "nowhere", "--yes"], 1, "project `nowhere` does not exist")]
#[case(&["restore", "tank/none", "--yes"], 10, "there is no backup target")]
fn bad_input_names_the_thing_and_the_cause(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] text: &str,
) {
    let world = world(Series::Lts60);
    let ran = run(&world, arguments).exits(code);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
}

#[test]
fn a_project_without_buckets_of_its_own_has_those_of_default() {
    let world = world(Series::Lts70);
    let own = json!({ "features.storage.buckets": "true" });
    {
        let mut state = world.incus.state();
        state
            .projects
            .insert("shares".into(), serde_json::Map::new());
        state
            .projects
            .insert("own".into(), own.as_object().unwrap().clone());
    }
    let rows = run(&world, &["create", "--all-projects", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!((rows.len(), &rows[0]["project"]), (1, &json!("default")));
    let ran = run(
        &world,
        &["create", "--project", "shares", "--yes", "-f", "json"],
    )
    .exits(0);
    assert_eq!(ran.rows()[0]["project"], "default");
    let arguments = [
        "restore",
        "tank/photos",
        "--to-project",
        "own",
        "--yes",
        "-f",
        "json",
    ];
    let ran = run(&world, &arguments).exits(0);
    assert!(
        reason(&ran).contains("to project `own`"),
        "{}",
        reason(&ran)
    );
    let place = ("own".to_owned(), "tank".to_owned(), "photos".to_owned());
    assert!(world.incus.state().buckets.contains_key(&place));
}

#[rstest]
fn an_interrupted_export_leaves_nothing(#[values(Series::Lts60, Series::Lts70)] series: Series) {
    let world = world(series);
    world.incus.inject(Fault::Stall(LARGE / 2));
    let mut child = world
        .command_for("bucket", &["create", "--yes"])
        .spawn()
        .unwrap();
    until(30, "the export", || world.incus.state().faults.is_empty());
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left_over(&world), Vec::<String>::new());
    let rows = run(&world, &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(rows, Vec::<Value>::new());
    run(&world, &["create", "--yes"]).exits(0);
}
