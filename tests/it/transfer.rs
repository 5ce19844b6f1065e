//! `incus-backup-setup copy`, from either kind of target to either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use incus_backup::testing::fake::{FakeImage, Series};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

use crate::fake::World;
use crate::lab::{Bare as _, Ran, command, program_for};
use crate::restic::{self, Repository};

/// A target that is copied from or to.
pub enum Place {
    Folder(TempDir),
    Restic(Repository),
}

/// What kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Folder,
    Restic,
}
use Sort::{Folder, Restic};

impl Place {
    /// One that is not there yet; nothing where there is no restic to test with.
    pub fn missing(sort: Sort) -> Option<Self> {
        match sort {
            Folder => Some(Self::Folder(tempfile::tempdir().unwrap())),
            Restic => restic::binary().map(|_| Self::Restic(Repository::missing())),
        }
    }

    pub fn uri(&self) -> String {
        match self {
            Self::Folder(_) => format!("dir:{}", self.root().display()),
            Self::Restic(repository) => repository.uri(),
        }
    }

    pub fn root(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join("target"),
            Self::Restic(repository) => repository.path(),
        }
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Restic(repository) => repository.environment(),
        }
    }
}

/// A fake server, and two targets.
pub struct Site {
    pub world: World,
    pub from: Place,
    pub to: Place,
}

impl Site {
    /// With a server that holds something of most kinds, backed up twice: to restic once.
    pub fn new(from: Sort, to: Sort) -> Option<Self> {
        Self::of(World::with_web(Series::Lts70, "zfs"), from, to)
    }

    fn of(world: World, from: Sort, to: Sort) -> Option<Self> {
        let (from, to) = (Place::missing(from)?, Place::missing(to)?);
        let site = Self { world, from, to };
        {
            let mut state = site.world.incus.state();
            state.add_instance("db", "tank", "Stopped", "container");
            let web = state.instance("web").unwrap();
            web.files.insert("rootfs/big".into(), vec![9; 5_000_000]);
        }
        // Each version takes restic some seconds.
        let moments = ["2026-01-01T03:04:05Z", "2026-01-02T03:04:05Z"];
        for moment in &moments[usize::from(matches!(site.from, Place::Restic(_)))..] {
            let mut command = site.command("all", &["create", "--yes", "-q"]);
            command
                .env("INCUS_BACKUP_TARGET", site.from.uri())
                .env("INCUS_BACKUP_TEST_CLOCK", moment);
            Ran::of(&command.output().unwrap()).exits(0);
        }
        Some(site)
    }

    pub fn command(&self, kind: &str, arguments: &[&str]) -> Command {
        let mut command = command(program_for(kind));
        command
            .args(arguments)
            .bare()
            .env("INCUS_DIR", self.world.folder.path())
            .env("INCUS_CONF", self.world.folder.path().join("none"))
            .envs(self.from.environment())
            .envs(self.to.environment());
        command
    }

    pub fn run(&self, kind: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(kind, arguments).output().unwrap())
    }

    pub fn copying(&self, more: &[&str]) -> Command {
        let (from, to) = (self.from.uri(), self.to.uri());
        let mut arguments = vec!["copy", "--from", &from, "--to", &to];
        arguments.extend(more);
        self.command("setup", &arguments)
    }

    pub fn copy(&self, more: &[&str]) -> Ran {
        Ran::of(&self.copying(more).output().unwrap())
    }

    /// What a target lists.
    pub fn listed(&self, place: &Place) -> Vec<Value> {
        let uri = place.uri();
        let ran = self.run("all", &["list", "-f", "json", "--target", &uri]);
        ran.exits(0).rows()
    }

    /// Whether a target is there.
    pub fn is_there(&self, place: &Place) -> bool {
        let uri = place.uri();
        let ran = self.run("all", &["list", "-f", "json", "--target", &uri]);
        ran.code != Some(10)
    }

    /// The same, but for what depends on how the target stores it.
    pub fn told(&self, place: &Place) -> Vec<Value> {
        let mut rows = self.listed(place);
        for row in &mut rows {
            // A copy is verified by itself.
            for key in ["stored_size", "verified", "verified_at"] {
                row.as_object_mut().unwrap().remove(key);
            }
        }
        rows
    }

    /// Fails unless everything that a target lists is what was stored.
    #[track_caller]
    pub fn is_whole(&self, place: &Place) {
        let uri = place.uri();
        let ran = self.run("verify", &["--level", "full", "--target", &uri]);
        ran.exits(0);
    }

    fn manifests(&self, place: &Place) -> Vec<Value> {
        let uri = place.uri();
        let arguments = ["show", "web", "-f", "json", "--target", &uri];
        vec![self.run("instance", &arguments).exits(0).rows_or_object()]
    }
}

impl Ran {
    fn rows_or_object(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect()
}

#[rstest]
#[case(Folder, Folder)]
#[case(Folder, Restic)]
#[case(Restic, Folder)]
#[case(Restic, Restic)]
fn a_copy_is_the_same_versions_and_restores(#[case] from: Sort, #[case] to: Sort) {
    let world = World::with_web(Series::Lts70, "zfs");
    let image = {
        let mut state = world.incus.state();
        state.add_volume("tank", "data");
        state.add_bucket("tank", "photos");
        state.add_image("default", FakeImage::new(Some(b"of it"), b"split"))
    };
    let Some(site) = Site::of(world, from, to) else {
        return;
    };
    let before = site.told(&site.from);
    let plan = site.copy(&["--dry-run", "-f", "json"]).exits(0).rows();
    assert_eq!(plan.len(), before.len());
    assert!(!site.to.root().exists(), "a dry run makes nothing");
    let ran = site.copy(&["--yes", "-f", "json"]).exits(0);
    let rows = ran.rows();
    assert_eq!(actions(&rows), actions(&plan));
    assert!(rows.iter().all(|row| row["status"] == "done"), "{rows:?}");
    site.is_whole(&site.to);
    assert_eq!(site.told(&site.to), before);
    // What is known of an instance is the same, but for how its archive is packed.
    let unpacked = |mut shown: Vec<Value>| {
        for one in &mut shown {
            for key in [
                "archive",
                "stored_size",
                "target",
                "checks",
                "verified_at",
                "verified",
            ] {
                one.as_object_mut().unwrap().remove(key);
            }
        }
        shown
    };
    assert_eq!(
        unpacked(site.manifests(&site.to)),
        unpacked(site.manifests(&site.from))
    );
    let again = site.copy(&["--yes", "-f", "json"]).exits(0).rows();
    assert!(actions(&again).iter().all(|it| *it == "skip"), "{again:?}");
    let kinds: BTreeSet<&str> = before
        .iter()
        .map(|row| row["type"].as_str().unwrap())
        .collect();
    let all = ["bucket", "config", "image", "instance", "volume"];
    assert_eq!(kinds, all.into());
    let uri = site.to.uri();
    let old = std::mem::take(&mut site.world.incus.state().instances);
    let restore = |kind: &str, name: &str| {
        let arguments = ["restore", name, "--yes", "--target", &uri];
        site.run(kind, &arguments).exits(0);
    };
    restore("instance", "web");
    {
        let mut state = site.world.incus.state();
        let key = old.keys().find(|(_, name)| name == "web").unwrap();
        assert_eq!(state.instance("web").unwrap().files, old[key].files);
        state.custom.clear();
        state.buckets.clear();
        state.images.clear();
    }
    restore("volume", "tank/data");
    restore("bucket", "tank/photos");
    restore("image", &image);
    let arguments = ["diff", "--target", &uri];
    site.run("config", &arguments).exits(0);
    let mut state = site.world.incus.state();
    assert_eq!(
        state.volume("tank", "data").unwrap().files["a b"],
        b"content"
    );
    let photos = state.bucket("tank", "photos").unwrap();
    assert_eq!(photos.objects["a/b ü.txt"], b"content");
    let image = &state.images[&("default".to_owned(), image)];
    assert_eq!(image.main, b"split");
    drop(state);
    if to == Folder {
        lists_of_members_are_there(&site.to.root());
    }
}

/// Every archive of files in a folder has a list of its members beside it, wherever it was copied from.
#[track_caller]
fn lists_of_members_are_there(root: &Path) {
    let (mut folders, mut archives) = (vec![root.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            if ["export.tar.zst", "volume.tar.zst"].contains(&name) {
                archives += 1;
                let list = std::fs::File::open(folder.join("members.jsonl.zst")).unwrap();
                let lines = std::io::read_to_string(zstd::Decoder::new(list).unwrap()).unwrap();
                assert!(lines.contains("backup/index.yaml"), "{lines}");
            }
        }
    }
    assert!(archives >= 3, "{archives}");
}

#[rstest]
#[case(Folder)]
#[case(Restic)]
fn a_mark_of_protection_goes_with_its_version_and_after_it(#[case] to: Sort) {
    let Some(site) = Site::new(Folder, to) else {
        return;
    };
    let uri = site.from.uri();
    let protect = |version: &str| {
        let arguments = [
            "protect",
            "web",
            "--version",
            version,
            "--yes",
            "--target",
            &uri,
        ];
        site.run("instance", &arguments).exits(0);
    };
    let protected = |place: &Place| -> Vec<String> {
        let rows = site.listed(place);
        let rows = rows.iter().filter(|row| row["protected"] == true);
        rows.map(|row| row["version"].as_str().unwrap().to_owned())
            .collect()
    };
    let versions: Vec<String> = {
        let rows = site.listed(&site.from);
        let web = rows.iter().filter(|row| row["name"] == "web");
        web.map(|row| row["version"].as_str().unwrap().to_owned())
            .collect()
    };
    let [one, two] = &versions[..] else {
        panic!("{versions:?}")
    };
    protect(one);
    site.copy(&["web", "--yes"]).exits(0);
    assert_eq!(protected(&site.to), std::slice::from_ref(one));
    protect(two);
    let rows = site.copy(&["web", "--yes", "-f", "json"]).exits(0).rows();
    assert_eq!(actions(&rows), ["skip", "update"]);
    assert_eq!(protected(&site.to), versions);
}

/// The archive of the only instance `web` of a day in a folder.
fn archive(root: &Path, day: &str) -> PathBuf {
    let folder = root.join("fake/instances/default/web");
    let mut found = std::fs::read_dir(folder).unwrap();
    let found = found.find_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.starts_with(day).then_some(path)
    });
    found.unwrap().join("export.tar.zst")
}

#[rstest]
#[case(Folder)]
#[case(Restic)]
fn what_is_not_what_was_stored_is_not_copied_and_the_others_are(#[case] to: Sort) {
    let Some(site) = Site::new(Folder, to) else {
        return;
    };
    // One byte of the data, which a look at its size does not tell.
    let archive = archive(&site.from.root(), "20260101");
    let mut bytes = std::fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let count = site.listed(&site.from).len();
    let ran = site.copy(&["--yes", "-f", "json"]).exits(3);
    let failed = ran.rows();
    let failed: Vec<&Value> = failed
        .iter()
        .filter(|row| row["status"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["name"], "web");
    assert!(
        ran.stderr.contains("is not what was stored"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("incus-backup-verify"), "{}", ran.stderr);
    assert_eq!(site.listed(&site.to).len(), count - 1);
    site.is_whole(&site.to);
    if let Place::Restic(repository) = &site.to {
        assert_eq!(repository.orphans(), Vec::<String>::new());
    }
    // Alone it is what a check found wrong.
    site.copy(&["web", "--type", "instance", "--yes"]).exits(3);
    let day = site.listed(&site.from);
    let version = day.iter().find(|row| row["name"] == "web").unwrap();
    let version = version["version"].as_str().unwrap();
    site.copy(&["web", "--version", version, "--yes"]).exits(4);
}

#[test]
fn another_server_or_another_backup_under_the_same_name_is_refused() {
    let site = Site::new(Folder, Folder).unwrap();
    site.copy(&["web", "--latest", "--yes"]).exits(0);
    let source = site.to.root().join("fake/source.json");
    let text = std::fs::read_to_string(&source).unwrap();
    let mut other: Value = serde_json::from_str(&text).unwrap();
    other["fingerprint"] = "0".repeat(64).into();
    std::fs::write(&source, other.to_string()).unwrap();
    let ran = site.copy(&["db", "--yes"]).exits(1);
    assert!(
        ran.stderr.contains("is another server there"),
        "{}",
        ran.stderr
    );
    std::fs::write(&source, text).unwrap();
    let manifest = archive(&site.to.root(), "20260102").with_file_name("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut other: Value = serde_json::from_str(&text).unwrap();
    other["run"] = "another-run".into();
    std::fs::write(&manifest, other.to_string()).unwrap();
    let ran = site.copy(&["web", "--latest", "--yes"]).exits(1);
    assert!(
        ran.stderr.contains("another backup of that second"),
        "{}",
        ran.stderr
    );
    assert!(
        std::fs::read_to_string(&manifest)
            .unwrap()
            .contains("another-run")
    );
}

#[test]
fn what_is_asked_for_is_copied_and_nothing_else() {
    let site = Site::new(Folder, Folder).unwrap();
    let named = |more: &[&str]| -> Vec<(String, String)> {
        let more = [more, &["--dry-run", "-f", "json"]].concat();
        let rows = site.copy(&more).exits(0).rows();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = rows.iter();
        rows.map(|row| (text(&row["type"]), text(&row["name"])))
            .collect()
    };
    let instance = |name: &str| ("instance".to_owned(), name.to_owned());
    let config = || ("config".to_owned(), String::new());
    assert_eq!(named(&["web", "--latest"]), [instance("web")]);
    assert_eq!(named(&["--type", "config"]), [config(), config()]);
    assert_eq!(
        named(&["--type", "instance", "--latest", "--project", "default"]),
        [instance("db"), instance("web")]
    );
    assert_eq!(named(&["--project", "nowhere"]), []);
    assert_eq!(
        named(&["--source", "fake", "db", "--latest"]),
        [instance("db")]
    );
    site.copy(&["nobody", "--yes"]).exits(1);
    site.copy(&["web", "--version", "20200101T000000Z", "--yes"])
        .exits(1);
    site.copy(&["web"]).exits(5);
    let uri = site.from.uri();
    let ran = site
        .run("setup", &["copy", "--from", &uri, "--to", &uri])
        .exits(2);
    assert!(ran.stderr.contains("the same target"), "{}", ran.stderr);
    let nowhere = format!("{}-nowhere", site.from.uri());
    site.run("setup", &["copy", "--from", &nowhere, "--to", &uri])
        .exits(10);
    let ran = site.run(
        "setup",
        &[
            "copy",
            "--from",
            &uri,
            "--to",
            "restic:/x",
            "--compression",
            "zstd",
        ],
    );
    ran.exits(2);
}

#[test]
fn archives_are_compressed_as_asked() {
    let site = Site::new(Folder, Folder).unwrap();
    site.copy(&["web", "--latest", "--compression", "none", "--yes"])
        .exits(0);
    let plain = archive(&site.to.root(), "20260102").with_file_name("export.tar");
    assert!(plain.metadata().unwrap().len() > 5_000_000);
    site.is_whole(&site.to);
    // Whatever it is packed in, it is the same backup.
    let rows = site
        .copy(&["web", "--latest", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(actions(&rows), ["skip"]);
    let back = Site {
        from: site.to,
        to: Place::missing(Folder).unwrap(),
        world: site.world,
    };
    back.copy(&["--yes"]).exits(0);
    let packed = archive(&back.to.root(), "20260102");
    assert!(packed.metadata().unwrap().len() < 1_000_000);
    back.is_whole(&back.to);
}
