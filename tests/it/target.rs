//! The targets: the suite that each must pass, and what a failing file system leaves of a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use incus_backup::model::{ResourceId, SourceName};
use incus_backup::target::faults::{Then, fail_at};
use incus_backup::target::{DirectoryTarget, Probe, State, StoredId, Target};
use incus_backup::testing::key_file::KeyFile;
use incus_backup::testing::target_suite::{
    Bench, Damage, all, content, instance, second, server, store,
};
use rstest::rstest;
use tempfile::TempDir;

/// A folder that is a target, and the key that its versions are encrypted to.
struct Folder(TempDir, Option<KeyFile>);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap(), None);
        DirectoryTarget::create(&folder.root()).unwrap();
        folder
    }

    fn encrypted() -> Self {
        Self(Self::new().0, Some(KeyFile::new()))
    }

    fn archive(&self) -> &'static str {
        match self.1 {
            Some(_) => "export.tar.age",
            None => "export.tar",
        }
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("target")
    }

    fn place(&self, source: &SourceName, resource: &ResourceId) -> PathBuf {
        // Only names that stand for themselves are damaged and littered.
        let mut path = self.root().join(source.as_str());
        path.extend(["instances", "default", resource.name().unwrap().as_str()]);
        path
    }
}

fn cut(path: &Path) {
    let length = fs::metadata(path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length / 2).unwrap();
}

/// Everything below a folder, with the folders.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

impl Bench for Folder {
    fn open(&self) -> Box<dyn Target> {
        let target = DirectoryTarget::open(&self.root(), Duration::ZERO).unwrap();
        let encryption = self.1.as_ref().map(KeyFile::encryption);
        Box::new(target.with_encryption(encryption.unwrap_or_default()))
    }

    fn damage(&self, id: &StoredId, damage: Damage) {
        let of = |version: String| self.place(&id.source, &id.resource).join(version);
        let folder = of(id.version.to_string());
        match damage {
            Damage::CutArchive => cut(&folder.join(self.archive())),
            Damage::NoArchive => fs::remove_file(folder.join(self.archive())).unwrap(),
            Damage::CutManifest => cut(&folder.join("manifest.json")),
            Damage::NoManifest => fs::remove_file(folder.join("manifest.json")).unwrap(),
            Damage::ManifestOf(other) => {
                let other = of(other.to_string()).join("manifest.json");
                fs::copy(other, folder.join("manifest.json")).unwrap();
            }
        }
    }

    fn abandon(&self, source: &SourceName, resource: &ResourceId) {
        let partial = self
            .place(source, resource)
            .join(".partial-20260102T030405Z-0badcafe");
        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join("export.tar.zst"), "half").unwrap();
    }

    fn litter(&self, source: &SourceName, resource: &ResourceId) {
        let place = self.place(source, resource);
        for folder in [
            self.root().join("lost+found"),
            self.root().join("Documents"),
            self.root()
                .join("Documents/instances/default/web/20260102T030405Z"),
            place.join("notes"),
            place.join(".snapshot"),
            place.join("20260102T030405"),
            place.join("20260102T030405Z.old"),
            place.join("20261332T030405Z"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        for file in [
            self.root().join("README"),
            place.join("README"),
            place.join("20260102T030406Z"),
            place.parent().unwrap().join("not-a-folder"),
            place.parent().unwrap().join(".DS_Store"),
        ] {
            fs::write(file, "x").unwrap();
        }
        for (link, to) in [
            (
                place.join("20260102T030407Z"),
                place.join("20260102T030401Z"),
            ),
            (place.parent().unwrap().join("linked"), place.clone()),
            (
                self.root().join("linked"),
                self.root().join(source.as_str()),
            ),
        ] {
            std::os::unix::fs::symlink(to, link).unwrap();
        }
        // A name that nothing is encoded to.
        fs::create_dir_all(place.parent().unwrap().join("%zz/20260102T030405Z")).unwrap();
        fs::create_dir_all(place.parent().unwrap().join("%77eb/20260102T030405Z")).unwrap();
    }

    fn left_over(&self) -> Vec<String> {
        let hidden = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
        let all = walk(&self.root());
        all.iter()
            .filter(|path| hidden(path))
            .map(|path| path.display().to_string())
            .collect()
    }
}

mod directory {
    use super::Folder;

    macro_rules! suite {
        ($($case:ident),+ $(,)?) => {
            $(
                #[test]
                fn $case() {
                    incus_backup::testing::target_suite::$case(&Folder::new());
                }
            )+
        };
    }
    incus_backup::for_each_case!(suite);
}

mod encrypted_directory {
    use super::Folder;

    macro_rules! suite {
        ($($case:ident),+ $(,)?) => {
            $(
                #[test]
                fn $case() {
                    incus_backup::testing::target_suite::$case(&Folder::encrypted());
                }
            )+
        };
    }
    incus_backup::for_each_case!(suite);
}

/// Whatever fails while a version is stored, the one before it is as good as it was, nothing that is
/// not whole is listed, and the next run stores its own and clears up.
#[rstest]
fn a_step_that_fails_costs_no_version_but_the_new_one(
    #[values(Then::Recovers, Then::Dies)] then: Then,
    #[values(Folder::new, Folder::encrypted)] folder: fn() -> Folder,
) {
    let (source, web) = (server("here", 1), instance("web"));
    let mut steps = Vec::new();
    loop {
        let folder = folder();
        store(&*folder.open(), &source, (&web, second(1)), b"earlier").unwrap();
        let target = folder.open();
        let large = vec![7; 250_000];
        let version = (&web, second(2));
        let (stored, failed) = fail_at(steps.len(), then, || {
            store(&*target, &source, version, &large)
        });
        let Some(failed) = failed else {
            assert!(stored.is_ok());
            break;
        };
        let what = format!("{failed}, step {}, {then:?}", steps.len());
        steps.push(failed);
        if then == Then::Recovers && failed != "unlink" {
            assert_eq!(folder.left_over(), Vec::<String>::new(), "{what}");
        }
        for listed in all(&*folder.open()) {
            assert_eq!(listed.state, State::Complete, "{what}");
            let expected: &[u8] = match listed.id.version {
                version if version == second(1) => b"earlier",
                _ => &large,
            };
            assert!(content(&*folder.open(), &listed.id) == expected, "{what}");
        }
        let first = &all(&*folder.open())[0];
        assert_eq!(first.id.version, second(1), "{what}");
        let next = store(&*folder.open(), &source, (&web, second(9)), b"next").unwrap();
        assert_eq!(content(&*folder.open(), &next.id), b"next", "{what}");
        assert_eq!(folder.left_over(), Vec::<String>::new(), "{what}");
    }
    // Its folder, the archive, the checksums, the manifest, the rename: all of it was walked through.
    for step in ["mkdir", "create", "write", "fsync", "rename"] {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
    assert!(steps.len() > 15, "{steps:?}");
}

/// The first version of a server makes more folders than those that follow.
#[rstest]
#[case(Then::Recovers)]
#[case(Then::Dies)]
fn a_target_that_could_not_be_made_can_be_made_again(#[case] then: Then) {
    let (source, web) = (server("here", 1), instance("web"));
    let mut number = 0;
    loop {
        let folder = Folder(tempfile::tempdir().unwrap(), None);
        let root = folder.root();
        let (made, failed) = fail_at(number, then, || {
            DirectoryTarget::create(&root)?;
            let target = DirectoryTarget::open(&root, Duration::ZERO)?;
            store(&target, &source, (&web, second(1)), b"first")
        });
        let Some(failed) = failed else {
            assert!(made.is_ok());
            break;
        };
        let what = format!("{failed}, step {number}, {then:?}");
        let probed =
            DirectoryTarget::probe(&root).unwrap_or_else(|error| panic!("{what}: {error}"));
        if probed == Probe::Target {
            let listed = all(&*folder.open());
            assert!(
                listed.iter().all(|it| it.state == State::Complete),
                "{what}"
            );
        }
        DirectoryTarget::create(&root).unwrap_or_else(|error| panic!("{what}: {error}"));
        store(&*folder.open(), &source, (&web, second(9)), b"next").unwrap();
        assert_eq!(folder.left_over(), Vec::<String>::new(), "{what}");
        number += 1;
    }
    assert!(number > 25, "{number} steps");
}

/// A version that is being deleted is there, whole, or it is not there.
#[rstest]
#[case(Then::Recovers)]
#[case(Then::Dies)]
fn a_deletion_that_fails_leaves_a_version_whole_or_not_at_all(#[case] then: Then) {
    let (source, web) = (server("here", 1), instance("web"));
    let mut number = 0;
    loop {
        let folder = Folder::new();
        let mut ids = Vec::new();
        for at in [1, 2] {
            let stored = store(&*folder.open(), &source, (&web, second(at)), b"content");
            ids.push(stored.unwrap().id);
        }
        let target = folder.open();
        let (deleted, failed) = fail_at(number, then, || {
            target.lock(&source.name, &web)?.delete(second(2))
        });
        let Some(failed) = failed else {
            assert!(deleted.is_ok());
            break;
        };
        let what = format!("{failed}, step {number}, {then:?}");
        let listed = all(&*folder.open());
        assert_eq!(listed[0].id, ids[0], "{what}");
        for stored in &listed {
            assert_eq!(stored.state, State::Complete, "{what}");
            assert_eq!(content(&*folder.open(), &stored.id), b"content", "{what}");
        }
        store(&*folder.open(), &source, (&web, second(9)), b"next").unwrap();
        assert_eq!(folder.left_over(), Vec::<String>::new(), "{what}");
        number += 1;
    }
    assert!(number >= 4, "{number} steps");
}
