//! What the earlier tool left in a repository of restic: listed, shown, verified and restored, and never
//! changed.

use incus_backup::model::Sha256;
use incus_backup::testing::fake::Series;
use incus_backup::testing::tarball::Tarball;
use incus_backup::testing::volume_tar::VolumeTar;
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;
use crate::legacy::manifest;
use crate::restic::{Repository, needs_restic, tag};
use crate::restic_commands::Site;

const VERSION: &str = "20250914T121314Z";
const OLDER: &str = "20250913T121314Z";
/// The snapshot that the earlier tool made for itself and left in its archives.
const OWN: &str = "tmp-incus-backup-20250914T121314Z";

/// A container of that name as the earlier tool exported it, with one file.
fn export(name: &str) -> Vec<u8> {
    let tar = Tarball::container(name)
        .pool("tank", "dir")
        .snapshot("s0")
        .snapshot(OWN)
        .file("rootfs/data", b"of the earlier tool");
    tar.build()
}

/// Makes a snapshot of each file of a version, as the earlier tool did: one after the other, in this order.
pub fn store(repository: &Repository, tags: &[&str], version: &str, files: &[(&str, &str, &[u8])]) {
    for (part, file, bytes) in files {
        let first = ["schema=v1".to_owned(), format!("timestamp={version}")];
        let mut all: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        all.extend(first);
        all.push(format!("part={part}"));
        repository.backup(file, &all, bytes);
    }
}

/// Stores an instance as the earlier tool did.
pub fn store_instance(repository: &Repository, name: &str, version: &str, tar: &[u8]) {
    let named = format!("name={name}");
    let tags = ["type=instance", "project=default", &named, "snapshot=true"];
    let sums = format!("{}  export.tar\n", Sha256::of(tar));
    let described = serde_json::to_string_pretty(&manifest(name)).unwrap();
    let files = [
        ("data", "export.tar", tar),
        ("manifest", "manifest.json", described.as_bytes()),
        ("checksums", "checksums.txt", sums.as_bytes()),
    ];
    store(repository, &tags, version, &files);
}

/// A repository that holds backups of the earlier tool only, and a server with a pool for them.
fn old() -> Site {
    let world = World::new(Series::Lts70);
    world.incus.state().add_pool("tank", "dir");
    let repository = Repository::new();
    store_instance(&repository, "web", VERSION, &export("web"));
    Site { world, repository }
}

/// The ids of all snapshots.
fn ids(repository: &Repository) -> std::collections::BTreeSet<String> {
    let all = repository.snapshots();
    all.iter().map(|it| it["id"].to_string()).collect()
}

/// Forgets the snapshot of a part of a version.
fn forget(repository: &Repository, version: &str, part: &str) {
    for one in repository.snapshots() {
        let is_of = |key: &str, value: &str| tag(&one, key).as_deref() == Some(value);
        if is_of("timestamp", version) && is_of("part", part) {
            repository.restic(&["forget", one["id"].as_str().unwrap()]);
        }
    }
}

#[test]
fn a_repository_of_the_earlier_tool_is_read_and_stays_as_it_is() {
    needs_restic!();
    let site = old();
    let before = ids(&site.repository);
    let rows = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 1);
    let told = ["source", "project", "name", "version", "state"];
    let told = told.map(|key| rows[0][key].as_str().unwrap());
    assert_eq!(told, ["legacy", "default", "web", VERSION, "complete"]);
    assert_eq!(rows[0]["consistency"], "inconsistent");
    let bytes = export("web").len();
    assert_eq!(
        (&rows[0]["size"], &rows[0]["stored_size"]),
        (&json!(bytes), &json!(bytes))
    );
    let shown = site
        .run("instance", &["show", "web", "-f", "json"])
        .exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["format"], 1);
    assert_eq!(shown["created_at"], "2025-09-14T12:13:14.123456789Z");
    assert_eq!(shown["archive"]["file"], "export.tar");
    assert_eq!(shown["archive"]["compression"], "none");
    assert_eq!(shown["archive"]["size"], json!(bytes));
    let sha256 = Sha256::of(&export("web")).to_string();
    assert_eq!(shown["archive"]["sha256"], json!(sha256));
    for level in ["quick", "full"] {
        let ran = site.run("verify", &["--level", level]).exits(0);
        assert!(
            ran.stderr.ends_with("1 version checked, 1 good\n"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("not recorded"), "{}", ran.stderr);
    }
    site.run("instance", &["restore", "web", "--from", "legacy", "--yes"])
        .exits(0);
    let mut state = site.world.incus.state();
    let web = state.instance("web").unwrap();
    let content = web.files.get("rootfs/data").unwrap();
    assert_eq!(content.as_slice(), b"of the earlier tool");
    let snapshots: Vec<&Value> = web.snapshots.iter().map(|it| &it.object["name"]).collect();
    assert_eq!(snapshots, ["s0"]);
    drop(state);
    assert_eq!(ids(&site.repository), before);
}

#[test]
fn nothing_of_it_is_deleted_protected_or_pruned_and_new_versions_stand_beside_it() {
    needs_restic!();
    let site = old();
    store_instance(&site.repository, "web", OLDER, &export("web"));
    let before = ids(&site.repository);
    for arguments in [
        &["delete", "web", "--all-versions", "--force", "--yes"][..],
        &["protect", "web", "--yes"],
        &["unprotect", "web", "--yes"],
    ] {
        let ran = site.run("instance", arguments).exits(1);
        let text = "it was made by the earlier tool, whose backups are only read";
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    let prune = ["--keep-last", "1", "--yes", "-f", "json"];
    let rows = site.run("prune", &prune).exits(0).rows();
    assert!(rows.iter().all(|row| row["action"] == "keep"), "{rows:?}");
    assert_eq!(ids(&site.repository), before);
    let added = |site: &Site| {
        let mut state = site.world.incus.state();
        state.add_instance("web", "tank", "Stopped", "container");
    };
    added(&site);
    site.create();
    assert!(ids(&site.repository).is_superset(&before));
    let rows = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let sources: Vec<_> = rows
        .iter()
        .map(|row| row["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["fake", "legacy", "legacy"]);
}

/// `checksums.txt` was written last: without it nobody knows what was stored.
#[rstest]
#[case("checksums", "incomplete")]
#[case("manifest", "damaged")]
#[case("data", "damaged")]
fn what_lacks_a_part_is_not_used(#[case] part: &str, #[case] state: &str) {
    needs_restic!();
    let site = old();
    store_instance(&site.repository, "web", OLDER, &export("web"));
    forget(&site.repository, VERSION, part);
    let rows = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&row["version"], &row["state"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!(OLDER), &json!("complete")),
            (&json!(VERSION), &json!(state))
        ]
    );
    let plan = [
        "restore",
        "web",
        "--from",
        "legacy",
        "--dry-run",
        "-f",
        "json",
    ];
    let plan = site.run("instance", &plan).exits(0).rows();
    assert_eq!(plan[0]["version"], OLDER);
    let ran = site.run("verify", &["--level", "full"]).exits(4);
    assert!(
        ran.stderr
            .contains(&format!("version {OLDER} of it is complete")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_stream_that_is_not_what_its_checksum_says_is_damaged_and_never_arrives() {
    needs_restic!();
    let site = old();
    let other = export("other");
    forget(&site.repository, VERSION, "data");
    let tags = [
        "type=instance",
        "project=default",
        "name=web",
        "snapshot=true",
    ];
    store(
        &site.repository,
        &tags,
        VERSION,
        &[("data", "export.tar", &other)],
    );
    site.run("verify", &["--level", "quick"]).exits(0);
    site.run("verify", &["--level", "full"]).exits(4);
    site.run("instance", &["restore", "web", "--from", "legacy", "--yes"])
        .exits(4);
    assert_eq!(site.world.flag("web"), "gone");
}

#[test]
fn a_manifest_of_another_is_damage() {
    needs_restic!();
    let site = old();
    forget(&site.repository, VERSION, "manifest");
    let tags = ["type=instance", "project=default", "name=web"];
    let described = manifest("db").to_string();
    store(
        &site.repository,
        &tags,
        VERSION,
        &[("manifest", "manifest.json", described.as_bytes())],
    );
    let ran = site.run("verify", &["--level", "quick"]).exits(4);
    assert!(
        ran.stdout
            .contains("belongs to version 20250914T121314Z of `db`"),
        "{}",
        ran.stdout
    );
}

/// restic makes two tags of one with a comma in it; Incus takes commas in the names of projects.
#[test]
fn a_project_with_a_comma_is_found() {
    needs_restic!();
    let site = old();
    let tar = export("db");
    let sums = format!("{}  export.tar\n", Sha256::of(&tar));
    let mut described = manifest("db");
    described["project"] = json!("a,b");
    let described = described.to_string();
    let tags = ["type=instance", "schema=v1", "project=a,b", "name=db"];
    let files = [
        ("data", "export.tar", &tar[..]),
        ("manifest", "manifest.json", described.as_bytes()),
        ("checksums", "checksums.txt", sums.as_bytes()),
    ];
    store(&site.repository, &tags, VERSION, &files);
    let list = ["list", "--project", "a,b", "--from", "legacy", "-f", "json"];
    let rows = site.run("instance", &list).exits(0).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["project"], &rows[0]["name"]),
        (&json!("a,b"), &json!("db"))
    );
    site.run("verify", &["--level", "quick"]).exits(0);
}

#[test]
fn a_volume_comes_back() {
    needs_restic!();
    let site = old();
    let tar = VolumeTar::filesystem("data").file("x", b"y").build();
    let described = json!({ "type": "volume", "project": "default", "pool": "tank", "name": "data",
        "createdAt": "2025-09-14T12:13:14Z", "options": { "optimized": "false" } });
    let sums = format!("{}  volume.tar\n", Sha256::of(&tar));
    let tags = ["type=volume", "project=default", "pool=tank", "name=data"];
    let files = [
        ("data", "volume.tar", &tar[..]),
        (
            "manifest",
            "manifest.json",
            described.to_string().as_bytes(),
        ),
        ("checksums", "checksums.txt", sums.as_bytes()),
    ]
    .map(|(part, file, bytes)| (part, file, bytes.to_vec()));
    let files: Vec<_> = files
        .iter()
        .map(|(part, file, bytes)| (*part, *file, &bytes[..]))
        .collect();
    store(&site.repository, &tags, VERSION, &files);
    let rows = site.run("volume", &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(
        (&rows[0]["pool"], &rows[0]["state"]),
        (&json!("tank"), &json!("complete"))
    );
    site.run("verify", &["--level", "full", "--type", "volume"])
        .exits(0);
    let restore = [
        "restore",
        "tank/data",
        "--from",
        "legacy",
        "--yes",
        "-f",
        "json",
    ];
    let rows = site.run("volume", &restore).exits(0).rows();
    assert_eq!(rows[0]["status"], "done");
}

#[test]
fn a_configuration_is_listed_shown_verified_and_restored() {
    needs_restic!();
    let site = old();
    let described = json!({ "type": "config", "createdAt": "2025-09-14T12:13:14.5Z",
        "includes": ["projects", "profiles"] });
    let projects = json!([{ "Name": "default", "Config": {} }]);
    let profiles = json!([{ "Name": "web", "Description": "of web",
        "Config": { "limits.cpu": "2" }, "Devices": null }]);
    let texts = [&projects, &profiles, &described].map(Value::to_string);
    let names = ["projects.json", "profiles.json", "manifest.json"];
    let lines = names.iter().zip(&texts);
    let sums: Vec<String> = lines
        .map(|(name, text)| format!("{}  {name}", Sha256::of(text.as_bytes())))
        .collect();
    let sums = sums.join("\n");
    let files = [
        ("projects", "projects.json", texts[0].as_bytes()),
        ("profiles", "profiles.json", texts[1].as_bytes()),
        ("manifest", "manifest.json", texts[2].as_bytes()),
        ("checksums", "checksums.txt", sums.as_bytes()),
    ];
    store(&site.repository, &["type=config"], VERSION, &files);
    let rows = site.run("config", &["list", "-f", "json"]).exits(0).rows();
    let told = ["source", "version", "state"].map(|key| rows[0][key].as_str().unwrap());
    assert_eq!(told, ["legacy", VERSION, "complete"]);
    assert_eq!(rows[0]["size"], json!(texts[0].len() + texts[1].len()));
    let shown = site.run("config", &["show", "-f", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["created_at"], "2025-09-14T12:13:14.5Z");
    assert_eq!(shown["config"]["files"][1]["objects"], 1, "{shown}");
    let shown = ["show", "--kind", "profiles", "-f", "json"];
    let shown = site.run("config", &shown).exits(0).stdout;
    assert!(shown.contains("limits.cpu"), "{shown}");
    site.run("verify", &["--level", "full", "--type", "config"])
        .exits(0);
    let restore = ["restore", "--from", "legacy", "--kind", "profiles", "--yes"];
    site.run("config", &restore).exits(0);
    let requests = site.world.incus.state().requests.clone();
    assert!(
        requests.contains(&"POST /1.0/profiles".to_owned()),
        "{requests:?}"
    );
}
