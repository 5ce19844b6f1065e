//! Copies of encrypted versions, and encrypted copies.

use std::fs;
use std::path::Path;

use incus_backup::testing::fake::{FakeImage, Series};
use incus_backup::testing::key_file::KeyFile;
use serde_json::Value;

use crate::encryption::{Site, files, is_age};
use crate::fake::World;
use crate::lab::Ran;
use crate::restic::{Repository, needs_restic};

/// What a target needs.
fn environment(target: &str) -> Vec<(String, String)> {
    if target.starts_with("restic:") {
        Repository::new().environment()
    } else {
        Vec::new()
    }
}

/// How a copy of the instance is encrypted, and what its archive is called.
fn encryptions(site: &Site, uri: &str) -> Vec<Value> {
    let arguments = ["show", "web", "-f", "json", "--target", uri];
    let shown = site.world.run(&arguments).exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    vec![
        shown["encryption"].clone(),
        shown["archive"]["file"].clone(),
    ]
}

impl Site {
    /// A server with something of every kind, all of it encrypted.
    fn whole() -> Self {
        let world = World::with_web(Series::Lts70, "zfs");
        {
            let mut state = world.incus.state();
            state.add_volume("tank", "data");
            state.add_bucket("tank", "photos");
            state.add_image("default", FakeImage::new(Some(b"of it"), b"split"));
        }
        let key = KeyFile::new();
        let site = Self { world, key };
        let arguments = ["create", "--yes", "--recipient", site.key.recipient()];
        site.world.run_for("all", &arguments).exits(0);
        site
    }

    fn copy(&self, to: &str, more: &[&str]) -> Ran {
        let from = format!("dir:{}", self.world.root().display());
        let arguments = ["copy", "--yes", "-f", "json", "--from", &from, "--to", to];
        let mut command = self
            .world
            .command_for("setup", &[&arguments, more].concat());
        command.envs(environment(to));
        Ran::of(&command.output().unwrap())
    }

    /// How thoroughly everything in a target can be checked with a key.
    fn levels(&self, target: &str, key: &KeyFile) -> Vec<String> {
        let arguments = ["--level", "full", "-f", "json", "--target", target];
        let with = ["--identity", key.text()];
        let mut command = self
            .world
            .command_for("verify", &[&arguments[..], &with].concat());
        command.envs(environment(target));
        let rows = Ran::of(&command.output().unwrap()).exits(0).rows();
        assert_eq!(rows.len(), 6, "{rows:?}");
        let mut levels: Vec<String> = rows
            .iter()
            .map(|row| row["level"].as_str().unwrap().to_owned())
            .collect();
        levels.dedup();
        levels
    }
}

#[test]
fn a_copy_of_what_is_encrypted_needs_no_key_and_stays_as_it_is() {
    let site = Site::whole();
    let to = site.world.folder.path().join("copy");
    let uri = format!("dir:{}", to.display());
    let rows = site.copy(&uri, &[]).exits(0).rows();
    assert!(rows.iter().all(|row| row["status"] == "done"), "{rows:?}");
    let whole = |root: &Path| -> Vec<Vec<u8>> {
        let found = files(&root.join("fake"));
        let age = found.iter().filter(|file| is_age(file));
        age.map(|file| fs::read(file).unwrap()).collect()
    };
    assert_eq!(whole(&to), whole(&site.world.root()));
    assert_eq!(site.levels(&uri, &site.key), ["full"]);
    assert_eq!(site.levels(&uri, &KeyFile::new()), ["stored"]);
    let again = site.copy(&uri, &[]).exits(0).rows();
    assert!(again.iter().all(|row| row["action"] == "skip"), "{again:?}");
}

#[test]
fn a_copy_is_encrypted_to_the_recipients_of_its_target_where_the_key_is_given() {
    let site = Site::whole();
    let other = KeyFile::new();
    let to = site.world.folder.path().join("copy");
    let uri = format!("dir:{}", to.display());
    let more = [
        "--identity",
        site.key.text(),
        "--recipient",
        other.recipient(),
    ];
    site.copy(&uri, &more).exits(0);
    assert_eq!(site.levels(&uri, &other), ["full"]);
    assert_eq!(site.levels(&uri, &site.key), ["stored"]);
    let again = site.copy(&uri, &more).exits(0).rows();
    assert!(again.iter().all(|row| row["action"] == "skip"), "{again:?}");
    // Without the key it stays as it is, and its row says so.
    let second = format!("dir:{}", site.world.folder.path().join("second").display());
    let rows = site
        .copy(&second, &["--recipient", other.recipient()])
        .exits(0)
        .rows();
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(reason.contains("stays encrypted as it is"), "{reason}");
    assert_eq!(site.levels(&second, &site.key), ["full"]);
    let files = files(&to.join("fake"));
    assert!(
        !files
            .iter()
            .any(|file| file.to_string_lossy().ends_with(".age.age"))
    );
}

#[test]
fn what_is_not_encrypted_is_where_it_is_copied_to() {
    let world = World::with_web(Series::Lts70, "zfs");
    world.incus.state().add_volume("tank", "data");
    world.incus.state().add_bucket("tank", "photos");
    world
        .incus
        .state()
        .add_image("default", FakeImage::new(Some(b"of it"), b"split"));
    world.run_for("all", &["create", "--yes"]).exits(0);
    let key = KeyFile::new();
    let site = Site { world, key };
    let to = format!("dir:{}", site.world.folder.path().join("copy").display());
    let more = ["--recipient", site.key.recipient()];
    site.copy(&to, &more).exits(0);
    assert_eq!(site.levels(&to, &site.key), ["full"]);
    assert_eq!(encryptions(&site, &to), ["age", "export.tar.zst.age"]);
    let again = site.copy(&to, &more).exits(0).rows();
    assert!(again.iter().all(|row| row["action"] == "skip"), "{again:?}");
    site.is_gone();
    site.run(&["restore", "web", "--yes", "--target", &to])
        .exits(0);
}

#[test]
fn a_repository_takes_what_is_encrypted_only_with_the_key() {
    needs_restic!();
    let site = Site::whole();
    let repository = Repository::new();
    let rows = site.copy(&repository.uri(), &[]).rows();
    assert!(rows.iter().all(|row| row["action"] == "refuse"), "{rows:?}");
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(reason.contains("no key is given that opens it"), "{reason}");
    site.copy(&repository.uri(), &["--identity", site.key.text()])
        .exits(0);
    assert_eq!(site.levels(&repository.uri(), &KeyFile::new()), ["full"]);
}
