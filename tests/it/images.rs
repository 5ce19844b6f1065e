//! Images on the fake daemon: what comes back, what is stored once, and what faults must not do.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use incus_backup::testing::fake::{FakeImage, Fault, Series, Strike};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::{Ran, until};
use crate::real_bad_days::signal;

/// Large enough that the beginning of it is sent before its end is known.
const LARGE: usize = 3 * 1024 * 1024;

fn content(seed: u8, size: usize) -> Vec<u8> {
    (0..251u8)
        .cycle()
        .take(size)
        .map(|byte| byte ^ seed)
        .collect()
}

fn image(seed: u8) -> FakeImage {
    let metadata = content(seed, 700);
    FakeImage::new(Some(&metadata), &content(seed, LARGE))
}

/// A server with a split image `debian/12` of everything that an image has.
fn world() -> (World, String) {
    let world = World::new(Series::Lts60);
    let mut image = image(1);
    for (key, value) in [
        (
            "properties",
            json!({ "description": "Debian \"12\"", "os": "Debian" }),
        ),
        ("public", json!(true)),
        ("auto_update", json!(true)),
        (
            "update_source",
            json!({ "server": "https://images.example", "alias": "debian/12" }),
        ),
        ("expires_at", json!("2077-01-02T03:04:05Z")),
        ("filename", json!("root \"fs\".squashfs")),
    ] {
        image.object.insert(key.into(), value);
    }
    empty(&world);
    let fingerprint = {
        let mut state = world.incus.state();
        let fingerprint = state.add_image("default", image);
        state.add_image_alias("default", "debian/12", &fingerprint);
        state.add_image_alias("default", "d", &fingerprint);
        fingerprint
    };
    (world, fingerprint)
}

fn run(world: &World, arguments: &[&str]) -> Ran {
    world.run_for("image", arguments)
}

/// Removes every image from the server.
fn empty(world: &World) {
    let mut state = world.incus.state();
    state.images.clear();
    state.image_aliases.clear();
    state.requests.clear();
}

/// What the server says of an image, but for when it came.
fn described(world: &World, project: &str, fingerprint: &str) -> Value {
    let mut shown = world
        .incus
        .state()
        .shown_image(project, fingerprint)
        .unwrap();
    for gone in ["uploaded_at", "update_source"] {
        shown.as_object_mut().unwrap().remove(gone);
    }
    shown
}

fn files(world: &World, project: &str, fingerprint: &str) -> (Option<Vec<u8>>, Vec<u8>) {
    let state = world.incus.state();
    let image = &state.images[&(project.to_owned(), fingerprint.to_owned())];
    (image.metadata.clone(), image.main.clone())
}

/// The folders of the versions of an image, oldest first.
fn versions(world: &World, project: &str, fingerprint: &str) -> Vec<PathBuf> {
    let folder = world
        .root()
        .join("fake/images")
        .join(project)
        .join(fingerprint);
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn reason(ran: &Ran) -> String {
    ran.rows()[0]["reason"].as_str().unwrap().to_owned()
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

#[test]
fn an_image_comes_back_as_it_was() {
    let (world, split) = world();
    let unified = world
        .incus
        .state()
        .add_image("default", FakeImage::new(None, b"whole"));
    let mut machine = image(3);
    machine
        .object
        .insert("type".into(), json!("virtual-machine"));
    let machine = world.incus.state().add_image("default", machine);
    let all = [&split, &unified, &machine];
    let before = all.map(|it| {
        (
            described(&world, "default", it),
            files(&world, "default", it),
        )
    });
    let rows = run(&world, &["create", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 3);
    let names = |of: &str| {
        let folder = versions(&world, "default", of).remove(0);
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let common = ["checksums.txt", "image.json"];
    assert_eq!(
        names(&unified),
        [common[0], common[1], "image.tar.gz", "manifest.json"]
    );
    assert_eq!(
        names(&split),
        [
            common[0],
            common[1],
            "manifest.json",
            "metadata.tar.xz",
            "rootfs.squashfs"
        ]
    );
    empty(&world);
    let ran = run(&world, &["restore", "--yes"]).exits(0);
    let after = all.map(|it| {
        (
            described(&world, "default", it),
            files(&world, "default", it),
        )
    });
    assert_eq!(after, before);
    assert!(
        ran.stderr
            .contains("cannot be told where it is updated from"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn an_image_is_found_by_alias_and_by_the_beginning_of_its_fingerprint() {
    let (world, fingerprint) = world();
    for name in ["debian/12", "d", &fingerprint[..12], &fingerprint] {
        run(&world, &["create", name, "--yes"]).exits(0);
    }
    let listed = |name: &str| {
        run(&world, &["list", name, "-f", "json"])
            .exits(0)
            .rows()
            .len()
    };
    assert_eq!(
        (
            listed("debian/12"),
            listed(&fingerprint[..6]),
            listed("nope")
        ),
        (4, 4, 0)
    );
    let shown = run(&world, &["show", "debian/12", "-f", "json"]).exits(0);
    let manifest: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["name"], fingerprint.as_str());
    assert_eq!(manifest["image"]["aliases"], json!(["d", "debian/12"]));
    let ran = run(&world, &["create", "no/such", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("`no/such` is neither an alias nor the beginning of a fingerprint")
    );
    let ran = run(&world, &["restore", "no/such", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("no image with the alias or fingerprint `no/such`")
    );
    run(&world, &["create", "..", "--yes"]).exits(1);
    run(
        &world,
        &["delete", "debian/12", "--all-versions", "--force", "--yes"],
    )
    .exits(0);
    assert_eq!(listed("debian/12"), 0);
}

#[test]
fn a_name_that_means_two_stored_images_deletes_neither() {
    let (world, _) = world();
    // Of seventeen fingerprints two begin alike.
    for seed in 20..37 {
        world
            .incus
            .state()
            .add_image("default", FakeImage::new(None, &[seed; 9]));
    }
    run(&world, &["create", "--yes"]).exits(0);
    let rows = run(&world, &["list", "-f", "json"]).exits(0).rows();
    let digits: Vec<&str> = rows
        .iter()
        .map(|row| &row["name"].as_str().unwrap()[..1])
        .collect();
    let twice = digits
        .iter()
        .find(|digit| digits.iter().filter(|it| it == digit).count() > 1);
    let twice = twice.unwrap();
    for arguments in [
        ["delete", twice, "--all-versions", "--yes"],
        ["show", twice, "-f", "json"],
    ] {
        let ran = run(&world, &arguments).exits(2);
        assert!(
            ran.stderr.contains("stored images; say which"),
            "{}",
            ran.stderr
        );
    }
    let ran = run(&world, &["restore", twice, "--yes"]).exits(1);
    assert!(ran.stderr.contains("stored fingerprints"), "{}", ran.stderr);
    assert_eq!(
        run(&world, &["list", "-f", "json"]).rows().len(),
        rows.len()
    );
}

#[test]
fn the_same_data_is_stored_once_whatever_the_version_and_project() {
    let (world, fingerprint) = world();
    {
        let mut state = world.incus.state();
        for (project, own) in [("own", "true"), ("shares", "false")] {
            let config = json!({ "features.images": own });
            state
                .projects
                .insert(project.into(), config.as_object().unwrap().clone());
        }
        let mut copy = image(1);
        copy.object.insert("filename".into(), json!("other"));
        state.add_image("own", copy);
    }
    let rows = run(&world, &["create", "--all-projects", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let told: Vec<(&str, u64)> = rows
        .iter()
        .map(|row| {
            (
                row["project"].as_str().unwrap(),
                row["stored_size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("default", LARGE as u64 + 700), ("own", 0)]);
    world.incus.state().requests.clear();
    let ran = run(&world, &["create", "--all-projects", "--yes", "-f", "json"]).exits(0);
    assert!(
        reason(&ran).ends_with("nothing new was stored"),
        "{}",
        reason(&ran)
    );
    let asked = world.incus.state().requests.clone();
    assert!(
        !asked.iter().any(|request| request.ends_with("/export")),
        "{asked:?}"
    );
    // Another name for the server, and so another source, shares it too.
    let folders = [
        versions(&world, "default", &fingerprint),
        versions(&world, "own", &fingerprint),
    ];
    let folders = folders.concat();
    assert_eq!(folders.len(), 4);
    for file in ["metadata.tar.xz", "rootfs.squashfs"] {
        let inodes: Vec<u64> = folders
            .iter()
            .map(|folder| inode(&folder.join(file)))
            .collect();
        assert!(
            inodes.iter().all(|it| *it == inodes[0]),
            "{file}: {inodes:?}"
        );
    }
    // Each project's record is its own, and whichever is deleted leaves the others whole.
    run(
        &world,
        &["delete", &fingerprint, "--all-versions", "--force", "--yes"],
    )
    .exits(0);
    assert_eq!(
        versions(&world, "default", &fingerprint),
        Vec::<PathBuf>::new()
    );
    empty(&world);
    run(
        &world,
        &["restore", &fingerprint, "--project", "own", "--yes"],
    )
    .exits(0);
    assert_eq!(
        files(&world, "own", &fingerprint),
        (Some(content(1, 700)), content(1, LARGE))
    );
    assert_eq!(described(&world, "own", &fingerprint)["filename"], "other");
}

#[test]
fn a_project_without_images_of_its_own_has_those_of_default() {
    let (world, fingerprint) = world();
    world
        .incus
        .state()
        .projects
        .insert("shares".into(), serde_json::Map::new());
    let ran = run(
        &world,
        &["create", "--project", "shares", "--yes", "-f", "json"],
    )
    .exits(0);
    assert_eq!(ran.rows()[0]["project"], "default");
    assert!(
        reason(&ran).contains("project `shares` has no images of its own"),
        "{}",
        reason(&ran)
    );
    empty(&world);
    let ran = run(
        &world,
        &["restore", "d", "--project", "shares", "--yes", "-f", "json"],
    )
    .exits(0);
    assert_eq!(ran.rows()[0]["project"], "default");
    files(&world, "default", &fingerprint);
    let ran = run(&world, &["create", "--project", "nowhere", "--yes"]).exits(1);
    assert!(
        ran.stderr.contains("project `nowhere` does not exist"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_stored_and_damaged_is_stored_again() {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    let first = versions(&world, "default", &fingerprint).remove(0);
    flip(&first.join("rootfs.squashfs"), LARGE / 2);
    let ran = run(&world, &["create", "--yes", "-f", "json"]).exits(0);
    assert!(reason(&ran).ends_with("stored again, because what is stored cannot be shared"));
    empty(&world);
    run(&world, &["restore", "--yes"]).exits(0);
    assert_eq!(files(&world, "default", &fingerprint).1, content(1, LARGE));
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// Whatever goes wrong, no version appears and nothing is left, and then it goes right.
#[rstest]
#[case::flipped(Fault::FlipBit(LARGE / 2), "has the fingerprint")]
#[case::flipped_in_the_metadata(Fault::FlipBit(500), "has the fingerprint")]
#[case::cut(Fault::CutBody(LARGE / 2), "broke off")]
#[case::cut_in_the_headers(Fault::CutBody(90), "broke off")]
#[case::ends_early(Fault::ErrorInBody(LARGE / 2), "is not a split image")]
#[case::refused(Fault::Refuse("GET", "/export", 500, "not today"), "not today")]
fn a_failed_download_leaves_nothing(#[case] fault: Fault, #[case] says: &str) {
    let (world, _) = world();
    world.incus.inject(fault);
    let ran = run(&world, &["create", "--yes", "--retries", "0"]).exits(1);
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert_eq!(
        run(&world, &["list", "-f", "json"]).exits(0).rows(),
        Vec::<Value>::new()
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    run(&world, &["create", "--yes"]).exits(0);
}

#[test]
fn a_download_that_breaks_off_is_tried_again() {
    let (world, _) = world();
    world.incus.inject(Fault::CutBody(LARGE / 2));
    run(&world, &["create", "--yes"]).exits(0);
    assert!(world.incus.state().faults.is_empty());
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[rstest]
#[case::upload(Fault::Refuse("POST", "/1.0/images", 500, "not today"))]
#[case::operation(Fault::Fail("Downloading image", "no space left on device"))]
#[case::properties(Fault::Refuse("PUT", "/1.0/images/", 500, "not today"))]
#[case::alias(Fault::Refuse("POST", "/1.0/images/aliases", 500, "not today"))]
fn a_failed_restore_leaves_no_image(#[case] fault: Fault) {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    empty(&world);
    world.incus.inject(fault);
    run(&world, &["restore", "--yes"]).exits(1);
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    assert!(world.incus.state().images.is_empty());
    assert!(world.incus.state().image_aliases.is_empty());
    run(&world, &["restore", "--yes"]).exits(0);
    files(&world, "default", &fingerprint);
}

/// However often the connection breaks: once, and more often than is tried.
#[rstest]
#[case(1, true)]
#[case(5, true)]
#[case(6, false)]
fn an_upload_whose_connection_breaks_is_sent_again(#[case] breaks: usize, #[case] comes: bool) {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    empty(&world);
    for _ in 0..breaks {
        world.incus.inject(Fault::Reset("POST", "/1.0/images"));
    }
    run(&world, &["restore", "--yes"]).exits(i32::from(!comes));
    assert!(world.incus.state().faults.is_empty());
    if comes {
        files(&world, "default", &fingerprint);
    } else {
        assert!(world.incus.state().images.is_empty());
        assert!(world.incus.state().image_aliases.is_empty());
        run(&world, &["restore", "--yes"]).exits(0);
        files(&world, "default", &fingerprint);
    }
    let state = world.incus.state();
    let mut aliases = state.image_aliases.keys();
    assert!(!aliases.any(|alias| format!("{alias:?}").contains("incus-backup-tmp")));
}

/// Where only the answer is lost, what has come is not sent again.
#[test]
fn an_image_that_came_without_an_answer_is_there_once() {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    let uploads = |world: &World| -> Vec<usize> {
        let asked = world.incus.state().requests.clone();
        let asked = asked.iter().enumerate();
        let asked = asked.filter(|(_, request)| *request == "POST /1.0/images");
        asked.map(|(at, _)| at).collect()
    };
    empty(&world);
    run(&world, &["restore", "--yes"]).exits(0);
    let at = uploads(&world);
    assert_eq!(at.len(), 1);
    empty(&world);
    world.incus.inject(Fault::At(at[0], Strike::Lost));
    run(&world, &["restore", "--yes"]).exits(0);
    assert_eq!(uploads(&world).len(), 1);
    files(&world, "default", &fingerprint);
}

#[rstest]
#[case::root_file_system("rootfs.squashfs", LARGE - 1)]
#[case::metadata("metadata.tar.xz", 3)]
#[case::record("image.json", 40)]
#[case::checksums("checksums.txt", 40)]
fn a_damaged_image_never_comes_to_be(#[case] file: &str, #[case] at: usize) {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    flip(&versions(&world, "default", &fingerprint)[0].join(file), at);
    empty(&world);
    let ran = run(&world, &["restore", "--yes"]).exits(4);
    assert!(
        ran.stderr.contains("is damaged; nothing was imported"),
        "{}",
        ran.stderr
    );
    assert!(world.incus.state().images.is_empty());
}

#[test]
fn a_stored_image_that_lacks_a_file_is_told_before_anything_is_sent() {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    let version = versions(&world, "default", &fingerprint).remove(0);
    std::fs::remove_file(version.join("metadata.tar.xz")).unwrap();
    assert_eq!(
        run(&world, &["list", "-f", "json"]).rows()[0]["state"],
        "damaged"
    );
    empty(&world);
    run(&world, &["restore", "--yes"]).exits(4);
    let asked = world.incus.state().requests.clone();
    assert!(
        !asked.iter().any(|request| request.starts_with("POST")),
        "{asked:?}"
    );
}

#[test]
fn an_image_that_exists_is_refused_skipped_or_brought_into_line() {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    let before = described(&world, "default", &fingerprint);
    let ran = run(&world, &["restore", "--yes", "-f", "json"]).exits(1);
    assert!(
        reason(&ran).starts_with("it exists; --replace"),
        "{}",
        reason(&ran)
    );
    run(&world, &["restore", "--skip-existing", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        let key = ("default".to_owned(), fingerprint.clone());
        let object = &mut state.images.get_mut(&key).unwrap().object;
        object.insert("properties".into(), json!({}));
        object.insert("public".into(), json!(false));
        state.image_aliases.clear();
        state.add_image_alias("default", "new", &fingerprint);
        state.requests.clear();
    }
    let ran = run(&world, &["restore", "--replace", "--yes", "-f", "json"]).exits(0);
    assert_eq!(ran.rows()[0]["action"], "update");
    let mut after = described(&world, "default", &fingerprint);
    // Aliases that the backup does not have stay.
    let aliases = after["aliases"].as_array_mut().unwrap();
    let at = aliases
        .iter()
        .position(|alias| alias["name"] == "new")
        .unwrap();
    aliases.remove(at);
    assert_eq!(after, before);
    let asked = world.incus.state().requests.clone();
    assert!(!asked.contains(&"POST /1.0/images".to_owned()), "{asked:?}");
}

#[test]
fn an_alias_of_another_image_stays_there_unless_forced() {
    let (world, fingerprint) = world();
    run(&world, &["create", "--yes"]).exits(0);
    empty(&world);
    let other = {
        let mut state = world.incus.state();
        let other = state.add_image("default", FakeImage::new(None, b"other"));
        state.add_image_alias("default", "debian/12", &other);
        other
    };
    let target = |world: &World, name: &str| {
        let key = ("default".to_owned(), name.to_owned());
        world.incus.state().image_aliases[&key].0.clone()
    };
    let ran = run(&world, &["restore", "--yes", "-f", "json"]).exits(0);
    let stays = format!(
        "alias `debian/12` stays with {}; --force moves it",
        &other[..12]
    );
    assert!(reason(&ran).contains(&stays), "{}", reason(&ran));
    assert_eq!(
        (target(&world, "debian/12"), target(&world, "d")),
        (other, fingerprint.clone())
    );
    run(&world, &["restore", "--replace", "--force", "--yes"]).exits(0);
    assert_eq!(target(&world, "debian/12"), fingerprint);
}

#[test]
fn an_alias_that_went_from_image_to_image_is_that_of_its_time() {
    let (world, old) = world();
    run(&world, &["create", "--yes"]).exits(0);
    let moment = run(&world, &["list", "-f", "json"]).rows()[0]["created_at"].clone();
    // Versions are named by their second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let new = {
        let mut state = world.incus.state();
        let new = state.add_image("default", image(9));
        state.image_aliases.clear();
        state.add_image_alias("default", "debian/12", &new);
        new
    };
    run(&world, &["create", "debian/12", "--yes"]).exits(0);
    empty(&world);
    run(
        &world,
        &[
            "restore",
            "debian/12",
            "--as-of",
            moment.as_str().unwrap(),
            "--yes",
        ],
    )
    .exits(0);
    files(&world, "default", &old);
    empty(&world);
    run(&world, &["restore", "debian/12", "--yes"]).exits(0);
    files(&world, "default", &new);
    // Of all that had it, the newest gets it.
    empty(&world);
    let rows = run(&world, &["restore", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let told = rows.iter().find(|row| row["name"] == old.as_str()).unwrap();
    let says = told["reason"].as_str().unwrap();
    assert!(
        says.contains(&format!("alias `debian/12` goes to {}", &new[..12])),
        "{says}"
    );
    let key = ("default".to_owned(), "debian/12".to_owned());
    assert_eq!(world.incus.state().image_aliases[&key].0, new);
}

#[test]
fn profiles_that_the_server_lacks_are_left_out_and_told() {
    let (world, fingerprint) = world();
    {
        let mut state = world.incus.state();
        state.profiles.push("special".into());
        let key = ("default".to_owned(), fingerprint.clone());
        let object = &mut state.images.get_mut(&key).unwrap().object;
        object.insert("profiles".into(), json!(["default", "special"]));
    }
    run(&world, &["create", "--yes"]).exits(0);
    empty(&world);
    world.incus.state().profiles.pop();
    let ran = run(&world, &["restore", "--yes", "-f", "json"]).exits(0);
    assert!(
        reason(&ran).contains("without missing profiles: special"),
        "{}",
        reason(&ran)
    );
    assert_eq!(
        described(&world, "default", &fingerprint)["profiles"],
        json!(["default"])
    );
    world.incus.state().profiles.push("other".into());
    let map = [
        "restore",
        "--replace",
        "--profile-map",
        "special=other",
        "--yes",
    ];
    run(&world, &map).exits(0);
    let profiles = described(&world, "default", &fingerprint)["profiles"].clone();
    assert_eq!(profiles, json!(["default", "other"]));
}

#[test]
fn an_image_goes_to_another_project() {
    let (world, fingerprint) = world();
    let own = json!({ "features.images": "true" });
    world
        .incus
        .state()
        .projects
        .insert("own".into(), own.as_object().unwrap().clone());
    run(&world, &["create", "--yes"]).exits(0);
    run(&world, &["restore", "d", "--to-project", "own", "--yes"]).exits(0);
    assert_eq!(
        files(&world, "own", &fingerprint),
        files(&world, "default", &fingerprint)
    );
    let map = ["restore", "d", "--project-map", "default=own", "--yes"];
    let ran = run(&world, &map).exits(1);
    assert!(
        ran.stderr.contains("it exists; --replace"),
        "{}",
        ran.stderr
    );
    let ran = run(
        &world,
        &["restore", "d", "--to-project", "nowhere", "--yes"],
    )
    .exits(1);
    assert!(
        ran.stderr
            .contains("project `nowhere` does not exist on the server"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_cached_image_is_backed_up_only_by_its_name() {
    let (world, fingerprint) = world();
    let key = ("default".to_owned(), fingerprint.clone());
    let cached = json!(true);
    world
        .incus
        .state()
        .images
        .get_mut(&key)
        .unwrap()
        .object
        .insert("cached".into(), cached);
    let rows = run(&world, &["create", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows[0]["action"], "skip");
    run(&world, &["create", &fingerprint[..8], "--yes"]).exits(0);
    assert_eq!(versions(&world, "default", &fingerprint).len(), 1);
}

#[test]
fn an_image_made_from_oci_is_stored_unchecked_and_says_so() {
    let (world, _) = world();
    empty(&world);
    let content = image(5).fingerprint();
    let named = "5".repeat(64);
    {
        let mut oci = image(5);
        oci.object.insert("fingerprint".into(), json!(named));
        oci.object
            .insert("properties".into(), json!({ "type": "oci" }));
        world.incus.state().add_image("default", oci);
    }
    let ran = run(&world, &["create", "--yes", "-f", "json"]).exits(0);
    assert!(
        ran.stderr.contains("its fingerprint cannot be checked"),
        "{}",
        ran.stderr
    );
    // The same copy of the same server is shared; one that came anew may be another.
    let ran = run(&world, &["create", "--yes", "-f", "json"]).exits(0);
    assert!(
        reason(&ran).ends_with("nothing new was stored"),
        "{}",
        reason(&ran)
    );
    let key = ("default".to_owned(), named.clone());
    let anew = json!("2026-09-09T09:09:09Z");
    world
        .incus
        .state()
        .images
        .get_mut(&key)
        .unwrap()
        .object
        .insert("uploaded_at".into(), anew);
    let ran = run(&world, &["create", "--yes", "-f", "json"]).exits(0);
    assert!(ran.rows()[0]["stored_size"].as_u64().unwrap() > 0);
    empty(&world);
    let ran = run(&world, &["restore", &named, "--yes", "-f", "json"]).exits(0);
    assert!(
        reason(&ran).contains(&format!("it comes back as {content}")),
        "{}",
        reason(&ran)
    );
    files(&world, "default", &content);
    // What does not have the fingerprint and is not one of those is damaged on the way.
    run(&world, &["restore", &named, "--skip-existing", "--yes"]).exits(0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (world, _) = world();
    run(&world, &["create", "--dry-run"]).exits(0);
    assert!(!world.root().exists());
    run(&world, &["create", "--yes"]).exits(0);
    empty(&world);
    run(&world, &["restore", "--dry-run"]).exits(0);
    assert!(world.incus.state().images.is_empty());
    let ran = run(&world, &["restore"]).exits(5);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    let (world, _) = world();
    world.incus.inject(Fault::Stall(LARGE / 2));
    let mut child = world
        .command_for("image", &["create", "--yes"])
        .spawn()
        .unwrap();
    let begun = || {
        let state = world.incus.state();
        state.requests.iter().any(|it| it.ends_with("/export")) && state.faults.is_empty()
    };
    until(30, "the download", begun);
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(world.left_over(), Vec::<String>::new());
    let rows = run(&world, &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(rows, Vec::<Value>::new());
    run(&world, &["create", "--yes"]).exits(0);
}
