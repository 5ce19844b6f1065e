//! What the earlier tool left in a folder: listed, shown, verified and restored, and never changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use incus_backup::model::Sha256;
use incus_backup::testing::fake::Series;
use incus_backup::testing::tarball::Tarball;
use incus_backup::testing::volume_tar::VolumeTar;
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::lab::{Bare as _, Ran, command};

const VERSION: &str = "20250914T121314Z";
const OLDER: &str = "20250913T121314Z";
/// The snapshot that the earlier tool made for itself and left in its archives.
const OWN: &str = "tmp-incus-backup-20250914T121314Z";

/// What the server's `gzip` makes of an export.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A container of that name as the earlier tool exported it, with one file.
fn export(name: &str) -> Tarball {
    Tarball::container(name)
        .pool("tank", "dir")
        .snapshot("s0")
        .snapshot(OWN)
        .file("rootfs/data", b"of the earlier tool")
}

/// Writes a version as the earlier tool did: data, `manifest.json`, `checksums.txt`.
pub fn write(folder: &Path, manifest: &Value, (file, data): (&str, &[u8])) {
    fs::create_dir_all(folder).unwrap();
    let text = serde_json::to_string_pretty(manifest).unwrap() + "\n";
    let sums = format!(
        "{}  {file}\n{}  manifest.json\n",
        Sha256::of(data),
        Sha256::of(text.as_bytes())
    );
    fs::write(folder.join(file), data).unwrap();
    fs::write(folder.join("manifest.json"), text).unwrap();
    fs::write(folder.join("checksums.txt"), sums).unwrap();
}

/// The manifest of an instance as the earlier tool wrote it.
pub fn manifest(name: &str) -> Value {
    json!({ "type": "instance", "project": "default", "name": name,
        "createdAt": "2025-09-14T12:13:14.123456789Z",
        "options": { "optimized": "false", "snapshot": "true" } })
}

/// A folder that holds backups of the earlier tool only, and a server with a pool for them.
struct Old {
    world: World,
}

impl Old {
    fn new() -> Self {
        let world = World::new(Series::Lts70);
        world.incus.state().add_pool("tank", "dir");
        let old = Self { world };
        let tar = export("web").build();
        old.add("web", VERSION, &gzip(&tar));
        old
    }

    fn folder(&self, name: &str, version: &str) -> PathBuf {
        let instances = self.world.root().join("instances/default");
        instances.join(name).join(version)
    }

    fn add(&self, name: &str, version: &str, data: &[u8]) {
        let folder = self.folder(name, version);
        write(&folder, &manifest(name), ("export.tar.xz", data));
    }

    fn verify(&self, arguments: &[&str]) -> Ran {
        let mut command = command(env!("CARGO_BIN_EXE_incus-backup-verify"));
        let target = format!("dir:{}", self.world.root().display());
        command
            .args(arguments)
            .bare()
            .env("INCUS_CONF", self.world.folder.path().join("conf"))
            .env("INCUS_BACKUP_TARGET", target);
        Ran::of(&command.output().unwrap())
    }

    /// Every file below the target, with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.world.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

#[test]
fn a_folder_of_the_earlier_tool_alone_is_read_and_stays_as_it_is() {
    let old = Old::new();
    let before = old.files();
    let listed = old.world.run(&["list", "-f", "json"]).exits(0);
    let rows = listed.rows();
    assert_eq!(rows.len(), 1);
    let told = [
        "source",
        "project",
        "name",
        "version",
        "consistency",
        "state",
    ];
    let told = told.map(|key| rows[0][key].as_str().unwrap());
    assert_eq!(
        told,
        [
            "legacy",
            "default",
            "web",
            VERSION,
            "inconsistent",
            "complete"
        ]
    );
    assert_eq!(rows[0]["size"], Value::Null, "nobody measured it");
    let shown = old.world.run(&["show", "web", "-f", "json"]).exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["format"], 1);
    assert_eq!(shown["archive"]["compression"], "gzip");
    assert_eq!(shown["method"], "live");
    for level in ["quick", "full"] {
        let ran = old.verify(&["--level", level]).exits(0);
        assert!(
            ran.stderr.ends_with("1 version checked, 1 good\n"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("not recorded"), "{}", ran.stderr);
    }
    old.world
        .run(&["restore", "web", "--from", "legacy", "--yes"])
        .exits(0);
    assert_eq!(old.files(), before);
}

#[rstest]
#[case::gzip(gzip)]
#[case::zstd(|tar: &[u8]| zstd::encode_all(tar, 1).unwrap())]
#[case::none(|tar: &[u8]| tar.to_vec())]
fn an_instance_comes_back_without_the_snapshot_that_was_not_its_own(
    #[case] pack: fn(&[u8]) -> Vec<u8>,
) {
    let old = Old::new();
    old.add("web", VERSION, &pack(&export("web").build()));
    old.verify(&["--level", "full"]).exits(0);
    old.world
        .run(&["restore", "web", "--from", "legacy", "--yes"])
        .exits(0);
    let mut state = old.world.incus.state();
    let web = state.instance("web").unwrap();
    let content = web.files.get("rootfs/data").unwrap();
    assert_eq!(content.as_slice(), b"of the earlier tool");
    let snapshots: Vec<&Value> = web.snapshots.iter().map(|it| &it.object["name"]).collect();
    assert_eq!(snapshots, ["s0"]);
}

#[test]
fn the_archive_says_which_pool_it_needs_and_another_one_is_taken() {
    let old = Old::new();
    {
        let mut state = old.world.incus.state();
        state.pools.clear();
        state.add_pool("other", "dir");
    }
    let restore = ["restore", "web", "--from", "legacy", "--yes"];
    let ran = old.world.run(&restore).exits(1);
    assert!(
        ran.stderr.contains("missing pool: `tank`"),
        "{}",
        ran.stderr
    );
    old.world
        .run(&[&restore[..], &["--pool-map", "tank=other"]].concat())
        .exits(0);
    let mut state = old.world.incus.state();
    let devices = &state.instance("web").unwrap().object["devices"];
    assert_eq!(devices["root"]["pool"], "other");
}

#[rstest]
#[case::flipped(|folder: &Path| {
    let path = folder.join("export.tar.xz");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
})]
#[case::shorter(|folder: &Path| {
    let path = folder.join("export.tar.xz");
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() - 9]).unwrap();
})]
#[case::another_manifest(|folder: &Path| {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text + " ").unwrap();
})]
#[case::gone(|folder: &Path| fs::remove_file(folder.join("export.tar.xz")).unwrap())]
#[case::leading_elsewhere(|folder: &Path| {
    let path = folder.join("checksums.txt");
    let text = fs::read_to_string(&path).unwrap().replace("manifest.json", "/etc/hostname");
    fs::write(path, text).unwrap();
})]
fn damage_is_told_with_the_version_that_is_good(#[case] damage: fn(&Path)) {
    let old = Old::new();
    old.add("web", OLDER, &gzip(&export("web").build()));
    damage(&old.folder("web", VERSION));
    let ran = old.verify(&["--level", "full"]).exits(4);
    assert!(
        ran.stderr
            .contains(&format!("version {OLDER} of it is complete")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_damaged_archive_leaves_nothing_on_the_server() {
    let old = Old::new();
    let path = old.folder("web", VERSION).join("export.tar.xz");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    old.world
        .run(&["restore", "web", "--from", "legacy", "--yes"])
        .exits(4);
    assert_eq!(old.world.flag("web"), "gone");
}

#[test]
fn what_is_compressed_in_a_way_that_is_not_undone_is_named_and_not_called_damaged() {
    let old = Old::new();
    old.add("web", VERSION, b"\xfd7zXZ\0 and more");
    let ran = old.verify(&["--level", "full"]).exits(1);
    let text = "it is compressed with xz, which this program does not read";
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
}

#[test]
fn what_is_no_version_is_not_listed_and_what_was_not_completed_is_not_used() {
    let old = Old::new();
    let folder = old.folder("web", "zz2");
    fs::create_dir_all(folder).unwrap();
    let begun = old.folder("web", "20250915T000000Z");
    fs::create_dir_all(&begun).unwrap();
    fs::write(begun.join("export.tar.xz"), b"half").unwrap();
    // A name of another, and a link to another's folder.
    let other = old.folder("db", VERSION);
    write(&other, &manifest("web"), ("export.tar.xz", &gzip(b"x")));
    let outside = old.world.folder.path().join("outside");
    fs::create_dir_all(outside.join(VERSION)).unwrap();
    std::os::unix::fs::symlink(&outside, old.folder("", "link")).unwrap();
    let listed = old.world.run(&["list", "-f", "json"]).exits(0);
    let told: Vec<(String, String)> = listed
        .rows()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("name") + "/" + &text("version"), text("state"))
        })
        .collect();
    let expected = [
        (format!("db/{VERSION}"), "damaged".to_owned()),
        (format!("web/{VERSION}"), "complete".to_owned()),
        ("web/20250915T000000Z".to_owned(), "incomplete".to_owned()),
    ];
    assert_eq!(told, expected);
    let plan = [
        "restore",
        "web",
        "--from",
        "legacy",
        "--dry-run",
        "-f",
        "json",
    ];
    let plan = old.world.run(&plan).exits(0);
    assert_eq!(plan.rows()[0]["version"], VERSION);
}

#[test]
fn nothing_of_it_is_deleted_protected_or_added_to() {
    let old = Old::new();
    let before = old.files();
    for arguments in [
        &["delete", "web", "--all-versions", "--force", "--yes"][..],
        &["protect", "web", "--yes"],
        &["unprotect", "web", "--yes"],
    ] {
        let ran = old.world.run(arguments).exits(1);
        let text = "it was made by the earlier tool, whose backups are only read";
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    old.world
        .incus
        .state()
        .add_instance("web", "tank", "Stopped", "container");
    let ran = old.world.run(&["create", "web", "--yes"]);
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.stderr
            .contains("holds backups of the earlier tool only"),
        "{}",
        ran.stderr
    );
    assert_eq!(old.files(), before);
}

#[test]
fn a_volume_is_listed_shown_and_verified() {
    let old = Old::new();
    let folder = old
        .world
        .root()
        .join("volumes/default/tank/data")
        .join(VERSION);
    let tar = VolumeTar::filesystem("data").file("x", b"y").build();
    let manifest = json!({ "type": "volume", "project": "default", "pool": "tank", "name": "data",
        "createdAt": "2025-09-14T12:13:14Z", "options": { "optimized": "false" } });
    write(&folder, &manifest, ("volume.tar.xz", &gzip(&tar)));
    let listed = old
        .world
        .run_for("volume", &["list", "-f", "json"])
        .exits(0);
    let rows = listed.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0]["pool"].as_str(), rows[0]["name"].as_str()),
        (Some("tank"), Some("data"))
    );
    let shown = old
        .world
        .run_for("volume", &["show", "tank/data", "-f", "json"]);
    let shown: Value = serde_json::from_str(&shown.exits(0).stdout).unwrap();
    assert_eq!(shown["archive"]["file"], "volume.tar.xz");
    old.verify(&["--level", "full", "--type", "volume"])
        .exits(0);
    let path = folder.join("volume.tar.xz");
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    old.verify(&["--level", "full", "--type", "volume"])
        .exits(4);
}

#[test]
fn both_layouts_stand_side_by_side() {
    let world = World::with_web(Series::Lts70, "dir");
    world.run(&["create", "web", "--yes"]).exits(0);
    let old = Old { world };
    let tar = export("web").build();
    for version in [OLDER, VERSION] {
        old.add("web", version, &gzip(&tar));
    }
    let of = |source: &str| {
        let listed = old.world.run(&["list", "-f", "json"]).exits(0);
        let rows = listed.rows();
        rows.iter().filter(|row| row["source"] == source).count()
    };
    assert_eq!((of("fake"), of("legacy")), (1, 2));
    old.verify(&["--level", "full"]).exits(0);
    let mut prune = command(env!("CARGO_BIN_EXE_incus-backup-prune"));
    prune
        .args(["--keep-last", "1", "--yes", "-f", "json"])
        .bare()
        .env("INCUS_CONF", old.world.folder.path().join("conf"))
        .env(
            "INCUS_BACKUP_TARGET",
            format!("dir:{}", old.world.root().display()),
        );
    let pruned = Ran::of(&prune.output().unwrap()).exits(0);
    let rows = pruned.rows();
    let older = rows.iter().find(|row| row["version"] == OLDER).unwrap();
    assert_eq!(
        (older["action"].as_str(), older["reason"].as_str()),
        (Some("keep"), Some("protected"))
    );
    old.world
        .run(&[
            "delete",
            "web",
            "--from",
            "fake",
            "--all-versions",
            "--force",
            "--yes",
        ])
        .exits(0);
    assert_eq!((of("fake"), of("legacy")), (0, 2));
}

#[test]
fn what_the_earlier_tool_left_is_not_copied_and_says_where_it_can_be_restored_from() {
    let old = Old::new();
    let before = old.files();
    let from = format!("dir:{}", old.world.root().display());
    let to = old.world.folder.path().join("to");
    let arguments = [
        "copy",
        "--from",
        &from,
        "--to",
        &format!("dir:{}", to.display()),
        "--yes",
    ];
    let ran = old.world.run_for("setup", &arguments).exits(1);
    let reason = "whose backups are restored from where they are";
    assert!(ran.stderr.contains(reason), "{}", ran.stderr);
    assert!(!to.exists());
    assert_eq!(old.files(), before);
}

/// A configuration as the earlier tool wrote it.
fn configuration(root: &Path) -> PathBuf {
    let folder = root.join("config").join(VERSION);
    fs::create_dir_all(&folder).unwrap();
    let manifest = json!({ "type": "config", "createdAt": "2025-09-14T12:13:14.5Z",
        "includes": ["projects", "profiles", "networks", "storage_pools"] });
    let files = [
        (
            "projects.json",
            json!([{ "Name": "default", "Config": {} }, { "Name": "shop",
            "Config": { "features.images": "true", "user.note": "x" } }]),
        ),
        (
            "profiles.json",
            json!([{ "Name": "web", "Description": "of web", "Config":
            { "limits.cpu": "2" }, "Devices": null }]),
        ),
        (
            "networks.json",
            json!([{ "Name": "lo", "Description": "", "Managed": false,
            "Type": "loopback", "Config": {} }]),
        ),
        (
            "storage_pools.json",
            json!([{ "Name": "tank", "Driver": "dir", "Description": "",
            "Config": { "source": "/var/lib/incus/storage-pools/tank" } }]),
        ),
        ("manifest.json", manifest),
    ];
    let mut sums = String::new();
    for (name, content) in files {
        let text = serde_json::to_string_pretty(&content).unwrap() + "\n";
        fs::write(folder.join(name), &text).unwrap();
        sums.extend([
            Sha256::of(text.as_bytes()).to_string(),
            format!("  {name}\n"),
        ]);
    }
    fs::write(folder.join("checksums.txt"), sums).unwrap();
    folder
}

#[test]
fn a_configuration_is_listed_shown_verified_and_restored() {
    let old = Old::new();
    let folder = configuration(&old.world.root());
    let before = old.files();
    let config = |arguments: &[&str]| old.world.run_for("config", arguments);
    let rows = config(&["list", "-f", "json"]).exits(0).rows();
    assert_eq!(rows.len(), 1);
    let told = ["source", "version", "state"].map(|key| rows[0][key].as_str().unwrap());
    assert_eq!(told, ["legacy", VERSION, "complete"]);
    let shown = config(&[
        "show", "--kind", "profiles", "--kind", "networks", "-f", "json",
    ])
    .exits(0)
    .stdout;
    assert!(
        shown.contains("limits.cpu") && !shown.contains("loopback"),
        "{shown}"
    );
    old.verify(&["--level", "full", "--type", "config"])
        .exits(0);
    let arguments = [
        "restore", "--from", "legacy", "--kind", "profiles", "-f", "json",
    ];
    let plan = config(&[&arguments[..], &["--dry-run"]].concat())
        .exits(0)
        .rows();
    let planned: Vec<(&str, &str)> = plan
        .iter()
        .map(|row| {
            (
                row["action"].as_str().unwrap(),
                row["object"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(planned, [("create", "web")], "and nothing is deleted");
    config(&[&arguments[..], &["--yes"]].concat()).exits(0);
    let requests = old.world.incus.state().requests.clone();
    assert!(
        requests.contains(&"POST /1.0/profiles".to_owned()),
        "{requests:?}"
    );
    assert_eq!(old.files(), before);

    let path = folder.join("profiles.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("limits.cpu", "limits.cpv")).unwrap();
    let ran = old
        .verify(&["--level", "full", "--type", "config"])
        .exits(4);
    assert!(ran.stdout.contains("profiles.json"), "{}", ran.stdout);
    config(&[&arguments[..], &["--yes"]].concat()).exits(4);
}

#[test]
fn older_builds_stored_fewer_kinds_and_a_missing_one_is_told() {
    let old = Old::new();
    let folder = configuration(&old.world.root());
    let manifest = json!({ "type": "config", "createdAt": "2025-09-14T12:13:14Z",
        "includes": ["projects"] });
    let text = manifest.to_string();
    fs::write(folder.join("manifest.json"), &text).unwrap();
    let sum = |name: &str, bytes: &[u8]| format!("{}  {name}\n", Sha256::of(bytes));
    let projects = fs::read(folder.join("projects.json")).unwrap();
    let sums = sum("projects.json", &projects) + &sum("manifest.json", text.as_bytes());
    fs::write(folder.join("checksums.txt"), sums).unwrap();
    old.verify(&["--level", "full", "--type", "config"])
        .exits(0);
    fs::remove_file(folder.join("projects.json")).unwrap();
    let ran = old
        .verify(&["--level", "quick", "--type", "config"])
        .exits(4);
    assert!(ran.stdout.contains("projects.json"), "{}", ran.stdout);
}

/// One that is damaged is no less the earlier tool's: nobody is told to unprotect it first.
#[test]
fn what_is_damaged_of_it_is_refused_for_whose_it_is() {
    let old = Old::new();
    fs::write(old.folder("web", VERSION).join("manifest.json"), "{").unwrap();
    for verb in ["delete", "protect", "unprotect"] {
        let ran = old
            .world
            .run(&[verb, "web", "--version", VERSION, "--yes"])
            .exits(1);
        let text = "it was made by the earlier tool, whose backups are only read";
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
        assert!(!ran.stderr.contains("lets it go"), "{}", ran.stderr);
    }
}
