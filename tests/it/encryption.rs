//! Encrypted versions, against the fake daemon: made, checked, restored and looked into, with the key,
//! with another one and with none, and read by `age` itself.

use std::fs;
use std::path::{Path, PathBuf};

use incus_backup::testing::fake::{FakeImage, Series};
use incus_backup::testing::key_file::KeyFile;
use rstest::rstest;
use serde_json::Value;

use crate::fake::World;
use crate::lab::{Ran, command, variable};

/// A server, and a key that its backups are encrypted to.
pub struct Site {
    pub world: World,
    pub key: KeyFile,
}

/// Words that stand in what is stored and nowhere else.
pub const SECRET: &str = "nobody-may-read-this";

/// What cannot be compressed.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

impl Site {
    /// With the container `web` and its encrypted version.
    pub fn stored() -> (Self, PathBuf) {
        let site = Self {
            world: World::with_web(Series::Lts70, "zfs"),
            key: KeyFile::new(),
        };
        {
            let mut state = site.world.incus.state();
            let web = state.instance("web").unwrap();
            web.set("user.note", SECRET);
            web.files
                .insert("rootfs/etc/hosts".into(), SECRET.as_bytes().to_vec());
            web.files.insert("rootfs/big".into(), vec![9; 5_000_000]);
            web.files.insert("rootfs/noise".into(), noise(400_000));
        }
        let place = site.create();
        (site, place)
    }

    /// Stores a version; gives where it is.
    fn create(&self) -> PathBuf {
        let arguments = ["create", "web", "--yes", "-f", "json", "--recipient"];
        let arguments = [&arguments[..], &[self.key.recipient()]].concat();
        let rows = self.world.run(&arguments).exits(0).rows();
        let web = self.world.root().join("fake/instances/default/web");
        web.join(rows[0]["version"].as_str().unwrap())
    }

    /// With the key.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_for("instance", arguments)
    }

    pub fn run_for(&self, kind: &str, arguments: &[&str]) -> Ran {
        let with = ["--identity", self.key.text()];
        self.world.run_for(kind, &[arguments, &with].concat())
    }

    pub fn is_gone(&self) {
        self.world.incus.state().instances.clear();
    }

    fn verified(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [&["-f", "json"], arguments].concat();
        self.world.run_for("verify", &all).exits(0).rows()
    }
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn is_age(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "age")
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files(folder).iter().map(name).collect()
}

/// What keys are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Right,
    Other,
    None,
}

#[test]
fn nothing_but_names_and_manifest_stays_readable() {
    let (site, place) = Site::stored();
    assert_eq!(
        names(&place),
        [
            "checksums.txt",
            "export.tar.zst.age",
            "instance.json.age",
            "manifest.json",
            "members.jsonl.zst.age"
        ]
    );
    for file in files(&site.world.root()) {
        let bytes = fs::read(&file).unwrap();
        let held = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!held, "{}", file.display());
        let sealed = bytes.starts_with(b"age-encryption.org/v1\n");
        assert_eq!(sealed, is_age(&file), "{}", file.display());
    }
    let sums = command("sha256sum")
        .args(["--check", "--strict", "checksums.txt"])
        .current_dir(&place)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");
    let shown = site.world.run(&["show", "web", "-f", "json"]).exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["encryption"], "age");
    assert_eq!(shown["archive"]["encryption"], "age");
    let shown = site.world.run(&["show", "web"]).exits(0).stdout;
    assert!(shown.contains("encryption: age"), "{shown}");
}

#[test]
fn an_encrypted_instance_comes_back_as_it_was() {
    let (site, _) = Site::stored();
    let before = site.world.incus.state().instance("web").unwrap().clone();
    site.is_gone();
    site.run(&["restore", "web", "--yes"]).exits(0);
    let mut state = site.world.incus.state();
    let after = state.instance("web").unwrap();
    assert_eq!(after.files, before.files);
    assert_eq!(
        after.object["config"]["user.note"],
        before.object["config"]["user.note"]
    );
}

#[test]
fn without_a_key_that_fits_nothing_is_asked_and_nothing_is_touched() {
    let (site, place) = Site::stored();
    site.is_gone();
    let version = place.file_name().unwrap().to_str().unwrap();
    let other = KeyFile::new();
    let none = site.world.run(&["restore", "web"]).exits(12);
    let said = format!("version {version} of `web` is encrypted, and no key is given");
    assert!(none.stderr.contains(&said), "{}", none.stderr);
    assert!(none.stderr.contains("--identity FILE"), "{}", none.stderr);
    let ran = site
        .world
        .run(&["restore", "web", "--identity", other.text()]);
    let ran = ran.exits(12);
    assert!(
        ran.stderr.contains("none of the keys given opens it"),
        "{}",
        ran.stderr
    );
    let missing = ["restore", "web", "--identity", "/nowhere/key.txt"];
    let ran = site.world.run(&missing).exits(12);
    assert!(ran.stderr.contains("/nowhere/key.txt"), "{}", ran.stderr);
    for (kind, arguments) in [
        ("instance", &["restore", "web", "--dry-run"][..]),
        ("instance", &["files", "list", "web"]),
        ("instance", &["files", "get", "web/etc/hosts", "-"]),
        ("all", &["restore", "--yes"]),
    ] {
        site.world.run_for(kind, arguments).exits(12);
    }
    assert!(site.world.incus.state().names().is_empty());
    assert_eq!(site.world.left_over(), Vec::<String>::new());
}

#[rstest]
#[case(Given::Right, "full")]
#[case(Given::Other, "stored")]
#[case(Given::None, "stored")]
fn a_full_check_looks_inside_only_with_the_key_and_says_so(
    #[case] given: Given,
    #[case] level: &str,
) {
    let (site, _) = Site::stored();
    let other = KeyFile::new();
    let with = match given {
        Given::Right => vec!["--identity", site.key.text()],
        Given::Other => vec!["--identity", other.text()],
        Given::None => Vec::new(),
    };
    let quick = site.verified(&["--level", "quick"]);
    assert_eq!(
        (&quick[0]["level"], &quick[0]["verdict"]),
        (&"quick".into(), &"good".into())
    );
    let arguments = [&["-f", "json", "--level", "full"], &with[..]].concat();
    let ran = site.world.run_for("verify", &arguments).exits(0);
    let rows = ran.rows();
    assert_eq!(
        (&rows[0]["level"], &rows[0]["verdict"]),
        (&level.into(), &"good".into())
    );
    assert_eq!(
        ran.stderr.contains("not looked into"),
        given != Given::Right,
        "{}",
        ran.stderr
    );
    // Nothing takes it for more than it was.
    let listed = site.world.run(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed[0]["verified"], level);
    assert_eq!(listed[0]["encryption"], "age");
    let due = [
        "--level",
        "full",
        "--older-than",
        "7d",
        "--identity",
        site.key.text(),
    ];
    assert_eq!(
        site.verified(&due).len(),
        usize::from(given != Given::Right)
    );
    // Whoever has no key is not asked for more every day.
    assert!(
        site.verified(&["--level", "full", "--older-than", "7d"])
            .is_empty()
    );
}

#[rstest]
fn damage_is_found_with_and_without_the_key_and_never_restored(
    #[values(true, false)] with_key: bool,
    #[values("export.tar.zst.age", "instance.json.age", "members.jsonl.zst.age")] file: &str,
    #[values(0, 60, 50_000, 20)] from_end: usize,
) {
    let (site, place) = Site::stored();
    let path = place.join(file);
    let mut bytes = fs::read(&path).unwrap();
    // Somewhere in the middle, the header, and the last chunk; whatever the file's size.
    let at = match from_end {
        0 => bytes.len() / 2,
        60 => 60,
        other => bytes.len() - other.min(bytes.len() / 3),
    };
    bytes[at] ^= 4;
    fs::write(&path, bytes).unwrap();
    let arguments = ["--level", "full", "-f", "json"];
    let ran = if with_key {
        site.run_for("verify", &arguments)
    } else {
        site.world.run_for("verify", &arguments)
    };
    assert_eq!(ran.exits(4).rows()[0]["verdict"], "damaged");
    site.is_gone();
    if file == "export.tar.zst.age" {
        // A version that is known to be damaged is not even tried; as whoever did not check it does.
        fs::remove_file(place.join("checks.json")).unwrap();
        let ran = site.run(&["restore", "web", "--yes"]).exits(4);
        assert!(ran.stderr.contains("is damaged"), "{}", ran.stderr);
        if from_end != 0 {
            // The beginning and the end are looked at before any part of it.
            let get = ["files", "get", "web/etc/hosts", "-"];
            assert_eq!(site.run(&get).exits(4).stdout, "");
        }
        site.run(&["files", "get", "web/noise", "-"]).exits(4);
        assert!(site.world.incus.state().names().is_empty());
    }
}

#[test]
fn an_archive_that_is_cut_at_a_chunk_is_never_restored() {
    let (site, place) = Site::stored();
    let path = place.join("export.tar.zst.age");
    let bytes = fs::read(&path).unwrap();
    // As if somebody had made manifest and checksums right again: what is encrypted knows its own end.
    let mac = bytes.windows(5).position(|part| part == b"\n--- ").unwrap() + 1;
    let line = bytes[mac..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let cut = &bytes[..mac + line + 16 + 3 * (64 * 1024 + 16)];
    assert!(cut.len() + 64 * 1024 < bytes.len(), "{}", bytes.len());
    fs::write(&path, cut).unwrap();
    let sum = |bytes: &[u8]| incus_backup::model::Sha256::of(bytes).to_string();
    for file in ["checksums.txt", "manifest.json"] {
        let text = fs::read_to_string(place.join(file)).unwrap();
        let text = text.replace(&sum(&bytes), &sum(cut));
        let sizes = |bytes: &[u8]| format!("\"stored_size\": {}", bytes.len());
        fs::write(place.join(file), text.replace(&sizes(&bytes), &sizes(cut))).unwrap();
    }
    site.verified(&["--level", "quick"]);
    site.run_for("verify", &["--level", "full"]).exits(4);
    fs::remove_file(place.join("checks.json")).unwrap();
    site.is_gone();
    site.run(&["restore", "web", "--yes"]).exits(4);
    assert!(site.world.incus.state().names().is_empty());
}

#[test]
fn a_drill_needs_the_key() {
    let (site, _) = Site::stored();
    let drill = ["--level", "drill", "--yes", "-f", "json"];
    let ran = site.world.run_for("verify", &drill).exits(12);
    assert_eq!(ran.rows()[0]["verdict"], "failed");
    assert!(ran.stderr.contains("no key is given"), "{}", ran.stderr);
    let rows = site.run_for("verify", &drill).exits(0).rows();
    assert_eq!(
        (&rows[0]["level"], &rows[0]["verdict"]),
        (&"drill".into(), &"good".into())
    );
}

#[test]
fn files_are_listed_and_taken_out_of_an_encrypted_version() {
    let (site, place) = Site::stored();
    let listed = site
        .run(&["files", "list", "web/etc", "-f", "json"])
        .exits(0);
    assert_eq!(listed.rows()[0]["path"], "/etc/hosts");
    let shown = site.run(&["files", "get", "web/etc/hosts", "-"]).exits(0);
    assert_eq!(shown.stdout, SECRET);
    // Without its list all of it is read.
    fs::remove_file(place.join("members.jsonl.zst.age")).unwrap();
    let shown = site.run(&["files", "get", "web/etc/hosts", "-"]).exits(0);
    assert_eq!(shown.stdout, SECRET);
}

#[test]
fn every_kind_is_encrypted_and_comes_back() {
    let world = World::with_web(Series::Lts70, "zfs");
    let (image, unified) = {
        let mut state = world.incus.state();
        state.add_volume("tank", "data");
        state.add_bucket("tank", "photos");
        (
            state.add_image("default", FakeImage::new(Some(b"of it"), b"split")),
            state.add_image("default", FakeImage::new(None, b"unified")),
        )
    };
    let key = KeyFile::new();
    let site = Site { world, key };
    let arguments = ["create", "--yes", "--recipient", site.key.recipient()];
    site.world.run_for("all", &arguments).exits(0);
    // Again: images are not shared with what may be for others.
    site.world.run_for("all", &arguments).exits(0);
    for file in files(&site.world.root().join("fake")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let open = ["checksums.txt", "manifest.json", "source.json"].contains(&name);
        let is_run = file.parent().unwrap().ends_with("runs");
        assert_eq!(is_age(&file), !open && !is_run, "{}", file.display());
    }
    let verified = site
        .run_for("verify", &["--level", "full", "-f", "json"])
        .exits(0);
    assert!(verified.rows().iter().all(|row| row["level"] == "full"));
    {
        let mut state = site.world.incus.state();
        state.instances.clear();
        state.custom.clear();
        state.buckets.clear();
        state.images.clear();
    }
    site.run(&["restore", "web", "--yes"]).exits(0);
    for (kind, name) in [
        ("volume", "tank/data"),
        ("bucket", "tank/photos"),
        ("image", &*image),
        ("image", &*unified),
    ] {
        site.run_for(kind, &["restore", name, "--yes"]).exits(0);
    }
    site.run_for("config", &["diff"]).exits(0);
    site.run_for("config", &["show"]).exits(0);
    site.world.run_for("config", &["diff"]).exits(12);
    let mut state = site.world.incus.state();
    assert_eq!(
        state.volume("tank", "data").unwrap().files["a b"],
        b"content"
    );
    let photos = state.bucket("tank", "photos").unwrap();
    assert_eq!(photos.objects["a/b ü.txt"], b"content");
    let main = |name: &String| {
        state.images[&("default".to_owned(), name.clone())]
            .main
            .clone()
    };
    assert_eq!(
        (main(&image), main(&unified)),
        (b"split".into(), b"unified".into())
    );
}

#[test]
fn a_target_holds_both_and_settings_say_what_becomes_of_new_versions() {
    let (site, _) = Site::stored();
    let settings = format!(
        "targets:\n  both:\n    uri: dir:{}\n    recipients: {}\n    identities: [{}]\n",
        site.world.root().display(),
        site.key.recipient(),
        site.key.text()
    );
    let folder = site.world.folder.path().join("none");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("backup.yml"), settings).unwrap();
    // By its place, of which the settings say nothing: not encrypted.
    let plain = site
        .world
        .run(&["create", "web", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    let named = ["create", "web", "--yes", "-f", "json", "--target", "both"];
    let encrypted = site.world.run(&named).exits(0).rows();
    let sort = |rows: &[Value]| {
        let version = rows[0]["version"].as_str().unwrap();
        let shown = site
            .world
            .run(&["show", "web", "--version", version, "-f", "json"]);
        let shown: Value = serde_json::from_str(&shown.exits(0).stdout).unwrap();
        shown["encryption"].as_str().map(str::to_owned)
    };
    assert_eq!(
        (sort(&plain), sort(&encrypted).as_deref()),
        (None, Some("age"))
    );
    let checked = ["--level", "full", "-f", "json", "--target", "both"];
    let rows = site.world.run_for("verify", &checked).exits(0).rows();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["level"] == "full"), "{rows:?}");
    let mut command = site
        .world
        .command_for("verify", &["--level", "full", "-f", "json"]);
    command.env("INCUS_BACKUP_IDENTITY", site.key.path());
    let rows = Ran::of(&command.output().unwrap()).exits(0).rows();
    assert!(rows.iter().all(|row| row["level"] == "full"), "{rows:?}");
}

#[rstest]
#[case("age1nonsense", "`age1nonsense` is not a recipient")]
#[case(
    "AGE-SECRET-KEY-1QQQSECRETQQQ",
    "a secret key was given as a recipient"
)]
fn what_cannot_be_encrypted_to_is_refused_before_anything_happens(
    #[case] recipient: &str,
    #[case] said: &str,
) {
    let world = World::with_web(Series::Lts70, "zfs");
    for (kind, arguments) in [
        ("instance", vec!["create", "web", "--yes"]),
        ("config", vec!["create", "--yes"]),
        ("all", vec!["create", "--yes"]),
    ] {
        let ran = world.run_for(
            kind,
            &[&arguments[..], &["--recipient", recipient]].concat(),
        );
        let ran = ran.exits(2);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!ran.stderr.contains("QQQSECRETQQQ"), "{}", ran.stderr);
    }
    assert!(!world.root().exists());
    let key = KeyFile::new();
    let to_restic = [
        "create",
        "web",
        "--yes",
        "--target",
        "restic:/nowhere",
        "--recipient",
    ];
    let ran = world
        .run(&[&to_restic[..], &[key.recipient()]].concat())
        .exits(2);
    assert!(ran.stderr.contains("restic"), "{}", ran.stderr);
}

/// Whether the command is there; the scripts say that it must be.
fn has_age() -> bool {
    let there = command("age").arg("--version").output().is_ok();
    assert!(there || variable("TEST_AGE").is_none(), "there is no `age`");
    if !there {
        eprintln!("no age to test with");
    }
    there
}

#[test]
fn the_command_age_opens_what_is_stored() {
    if !has_age() {
        return;
    }
    let (site, place) = Site::stored();
    let opened = |file: &str| {
        let output = command("age")
            .args(["-d", "-i", site.key.text()])
            .arg(place.join(file))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let record = String::from_utf8(opened("instance.json.age")).unwrap();
    assert!(record.contains(SECRET));
    let tar = command("sh")
        .args([
            "-c",
            "age -d -i \"$0\" \"$1\" | tar --zstd -xO backup/container/rootfs/etc/hosts",
        ])
        .arg(site.key.path())
        .arg(place.join("export.tar.zst.age"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&tar.stdout), SECRET, "{tar:?}");
}

#[test]
fn what_the_command_age_encrypts_is_restored() {
    if !has_age() {
        return;
    }
    let (site, place) = Site::stored();
    let files = [
        "export.tar.zst.age",
        "instance.json.age",
        "members.jsonl.zst.age",
    ];
    let sum = |path: &Path| incus_backup::model::Sha256::of(&fs::read(path).unwrap()).to_string();
    for file in files {
        let path = place.join(file);
        let (before, was) = (sum(&path), fs::metadata(&path).unwrap().len());
        let script = "age -d -i \"$0\" \"$1\" | age -r \"$2\" -r \"$3\" > \"$1.new\" && mv \"$1.new\" \"$1\"";
        let other = KeyFile::new();
        let done = command("sh")
            .args(["-c", script])
            .arg(site.key.path())
            .arg(&path)
            .args([other.recipient(), site.key.recipient()])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        let now = fs::metadata(&path).unwrap().len();
        for told in ["checksums.txt", "manifest.json"] {
            let text = fs::read_to_string(place.join(told)).unwrap();
            let text = text.replace(&before, &sum(&path));
            let stored = |size: u64| format!("\"stored_size\": {size}");
            fs::write(place.join(told), text.replace(&stored(was), &stored(now))).unwrap();
        }
    }
    let before = site.world.incus.state().instance("web").unwrap().clone();
    site.is_gone();
    site.run_for("verify", &["--level", "full"]).exits(0);
    site.run(&["restore", "web", "--yes"]).exits(0);
    let mut state = site.world.incus.state();
    assert_eq!(state.instance("web").unwrap().files, before.files);
}
