//! Operations on images, buckets, configurations and whole servers.

use std::process::Command;

use incus_backup::testing::fake::{FakeImage, Series, bucket_key};
use serde_json::{Map, Value, json};

use crate::cases::{Case, listed};
use crate::fake::World;
use crate::faults_volumes as volumes;
use crate::kills::ours;

/// What an operation asks for with `--yes -q`.
fn asks(verb: &'static [&'static str]) -> Vec<&'static str> {
    [verb, &["--yes", "-q"]].concat()
}

/// Runs the program of a kind, which must do its work.
fn must(world: &World, program: &str, verb: &'static [&'static str], what: &str) {
    let ran = world.run_for(program, &asks(verb));
    assert_eq!(ran.code, Some(0), "after {what}\n{}", ran.stderr);
}

/// What is done with an image, which has properties and two aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// It is backed up.
    Create,
    /// It is gone, and restored.
    Restore,
    /// It is there without what is said of it, and brought into line.
    Update,
}

impl Image {
    /// The image.
    pub fn image() -> FakeImage {
        let content = |seed: u8, size| -> Vec<u8> {
            let bytes = (0..251u8).cycle().take(size);
            bytes.map(|byte| byte ^ seed).collect()
        };
        let mut image = FakeImage::new(Some(&content(1, 700)), &content(2, 100_000));
        let properties = json!({ "description": "Debian", "os": "Debian" });
        image.object.insert("properties".into(), properties);
        image.object.insert("public".into(), json!(true));
        image
    }

    /// What the server has of the image: `said`, whole with what is said of it; `bare`; or nothing.
    fn there(world: &World) -> &'static str {
        let image = Self::image();
        let fingerprint = image.fingerprint();
        let state = world.incus.state();
        let Some(found) = state
            .images
            .get(&("default".to_owned(), fingerprint.clone()))
        else {
            return "nothing";
        };
        assert_eq!(
            (&found.metadata, &found.main),
            (&image.metadata, &image.main)
        );
        let aliases = state.image_aliases.iter();
        let aliases = aliases.filter(|(_, (of, _))| *of == fingerprint).count();
        let same = |key: &str| found.object.get(key) == image.object.get(key);
        if aliases == 2 && same("properties") && same("public") {
            "said"
        } else {
            "bare"
        }
    }
}

impl Case for Image {
    fn world(self, series: Series) -> World {
        let world = World::new(series);
        let fingerprint = {
            let mut state = world.incus.state();
            state.images.clear();
            state.image_aliases.clear();
            let fingerprint = state.add_image("default", Self::image());
            for name in ["debian/12", "d"] {
                state.add_image_alias("default", name, &fingerprint);
            }
            fingerprint
        };
        if self != Self::Create {
            must(&world, "image", &["create"], "nothing");
        }
        let mut state = world.incus.state();
        match self {
            Self::Create => {}
            Self::Restore => {
                state.images.clear();
                state.image_aliases.clear();
            }
            Self::Update => {
                state.image_aliases.clear();
                let key = ("default".to_owned(), fingerprint);
                let image = state.images.get_mut(&key).unwrap();
                image.object.insert("properties".into(), json!({}));
            }
        }
        drop(state);
        world
    }

    fn command(self, world: &World) -> Command {
        let verb: &[&str] = match self {
            Self::Create => &["create"],
            Self::Restore => &["restore"],
            Self::Update => &["restore", "--replace"],
        };
        world.command_for("image", &asks(verb))
    }

    fn found(self, world: &World) -> &'static str {
        Self::there(world)
    }

    fn may_be(self) -> &'static [&'static str] {
        &["said"]
    }

    fn must_be(self) -> &'static str {
        "said"
    }

    fn versions(self, world: &World) -> usize {
        listed(world, "image")
    }

    fn stores(self) -> usize {
        usize::from(self == Self::Create)
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        match self {
            Self::Create => must(world, "image", &["create"], what),
            // What was killed between the files and what is said of them is no image yet.
            Self::Restore => must(world, "image", &["restore", "--skip-existing"], what),
            // What was brought into line by half is brought into line.
            Self::Update => must(world, "image", &["restore", "--replace"], what),
        }
        ours(world)
    }
}

/// What is done with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// It is backed up.
    Create,
    /// It is gone, and restored.
    Restore,
    /// The same of one whose only key may not write, so that it is lent one.
    Lend,
}

impl Bucket {
    fn keys(self) -> Vec<Value> {
        match self {
            Self::Lend => vec![bucket_key("photos", "reader", "read-only")],
            _ => vec![
                bucket_key("photos", "admin", "admin"),
                bucket_key("photos", "reader", "read-only"),
            ],
        }
    }

    fn left_over(world: &World) -> Vec<String> {
        let mut found = ours(world);
        for bucket in world.incus.state().buckets.values() {
            found.extend(bucket.backups.keys().cloned());
            let keys = bucket.keys.iter().map(|key| key["name"].to_string());
            found.extend(keys.filter(|name| name.contains("incus-backup")));
        }
        found
    }
}

impl Case for Bucket {
    fn world(self, series: Series) -> World {
        let world = World::new(series);
        {
            let mut state = world.incus.state();
            state.add_pool("tank", "btrfs");
            let bucket = state.add_bucket("tank", "photos");
            bucket.keys = self.keys();
            bucket.objects.insert("large".into(), vec![7; 100_000]);
        }
        if self != Self::Create {
            must(&world, "bucket", &["create"], "nothing");
            world.incus.state().buckets.clear();
        }
        world
    }

    fn command(self, world: &World) -> Command {
        let verb: &[&str] = match self {
            Self::Create => &["create"],
            Self::Restore | Self::Lend => &["restore", "tank/photos"],
        };
        world.command_for("bucket", &asks(verb))
    }

    fn found(self, world: &World) -> &'static str {
        let mut state = world.incus.state();
        let Some(bucket) = state.bucket("tank", "photos") else {
            return "nothing";
        };
        assert_eq!(bucket.keys, self.keys());
        assert_eq!(bucket.objects["large"], vec![7; 100_000]);
        assert_eq!(bucket.objects.len(), 2);
        assert_eq!(bucket.object["config"], json!({ "size": "1GiB" }));
        "whole"
    }

    fn may_be(self) -> &'static [&'static str] {
        &["whole"]
    }

    fn must_be(self) -> &'static str {
        "whole"
    }

    fn versions(self, world: &World) -> usize {
        listed(world, "bucket")
    }

    fn stores(self) -> usize {
        usize::from(self == Self::Create)
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        let there = world.incus.state().bucket("tank", "photos").is_some();
        if there {
            must(world, "bucket", &["create"], what);
        } else {
            must(world, "bucket", &["restore"], what);
        }
        Self::left_over(world)
    }
}

/// What is done with the configuration: two profiles and a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Config {
    /// It is backed up.
    Create,
    /// One profile and the project are gone, another profile is not as it was, and one is too many.
    Restore,
}

impl Config {
    fn profile(note: &str) -> Value {
        json!({ "config": { "user.note": note }, "description": "", "devices": {} })
    }

    fn shop() -> Map<String, Value> {
        let shop = json!({ "features.images": "true", "features.profiles": "true",
            "features.storage.buckets": "true", "features.storage.volumes": "true",
            "user.note": "stored" });
        shop.as_object().unwrap().clone()
    }
}

impl Case for Config {
    fn world(self, series: Series) -> World {
        let world = World::new(series);
        {
            let mut state = world.incus.state();
            for name in ["one", "two"] {
                state.profiles.push(name.to_owned());
                let content = Self::profile("stored");
                state.profile_contents.insert(name.to_owned(), content);
            }
            state.projects.insert("shop".to_owned(), Self::shop());
        }
        if self == Self::Restore {
            must(&world, "config", &["create"], "nothing");
            let mut state = world.incus.state();
            state.profiles = ["default", "two", "three"].map(str::to_owned).to_vec();
            state.profile_contents.remove("one");
            for name in ["two", "three"] {
                let content = Self::profile("later");
                state.profile_contents.insert(name.to_owned(), content);
            }
            state.projects.remove("shop");
        }
        world
    }

    fn command(self, world: &World) -> Command {
        let verb: &[&str] = match self {
            Self::Create => &["create"],
            Self::Restore => &["restore", "--force"],
        };
        world.command_for("config", &asks(verb))
    }

    fn found(self, world: &World) -> &'static str {
        let state = world.incus.state();
        let note = |name: &str| match state.profile_contents.get(name) {
            Some(content) => content["config"]["user.note"].as_str().unwrap().to_owned(),
            None => "nothing".to_owned(),
        };
        let notes = ["one", "two", "three"].map(note);
        let shop = state.projects.get("shop");
        if notes == ["stored", "stored", "nothing"] && shop == Some(&Self::shop()) {
            "stored"
        } else {
            panic!("{notes:?}, {shop:?}")
        }
    }

    fn may_be(self) -> &'static [&'static str] {
        &["stored"]
    }

    fn must_be(self) -> &'static str {
        "stored"
    }

    fn versions(self, world: &World) -> usize {
        listed(world, "config")
    }

    fn stores(self) -> usize {
        usize::from(self == Self::Create)
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        match self {
            Self::Create => must(world, "config", &["create"], what),
            Self::Restore => must(world, "config", &["restore", "--force"], what),
        }
        ours(world)
    }
}

/// What is done with a whole server: an instance that mounts a volume, an image, a bucket and a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// All of it is backed up.
    Create,
    /// All of it is gone, and restored.
    Restore,
}

impl Case for Whole {
    fn world(self, series: Series) -> World {
        // The instance runs, and is copied with its volume while it is paused.
        let world = volumes::Operation::Create.world(series);
        {
            let mut state = world.incus.state();
            state.add_bucket("tank", "photos");
            state.profiles.push("one".to_owned());
            let content = Config::profile("stored");
            state.profile_contents.insert("one".to_owned(), content);
        }
        if self == Self::Restore {
            must(&world, "all", &["create"], "nothing");
            let mut state = world.incus.state();
            state.instances.clear();
            state.custom.clear();
            state.buckets.clear();
            state.images.clear();
            state.image_aliases.clear();
            state.profiles.retain(|name| name == "default");
            state.profile_contents.remove("one");
        }
        world
    }

    fn command(self, world: &World) -> Command {
        let verb: &[&str] = match self {
            Self::Create => &["create"],
            Self::Restore => &["restore"],
        };
        world.command_for("all", &asks(verb))
    }

    fn found(self, world: &World) -> &'static str {
        assert_eq!(volumes::found(world), "old", "the volume");
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        assert_eq!(web.files["rootfs/data/y"], vec![7; 70_000]);
        assert_eq!(web.snapshots.len(), 1);
        assert_eq!(web.object["config"]["user.note"], "x");
        assert_eq!(web.object["devices"]["data"]["source"], "data");
        let status = if self == Self::Create {
            "Running"
        } else {
            "Stopped"
        };
        assert_eq!(web.status, status);
        let bucket = state.bucket("tank", "photos").unwrap();
        assert_eq!(bucket.objects["a/b ü.txt"], b"content");
        assert_eq!(state.images.len(), 1);
        assert_eq!(state.image_aliases.len(), 1);
        let one = &state.profile_contents["one"];
        assert_eq!(one["config"]["user.note"], "stored");
        "whole"
    }

    fn may_be(self) -> &'static [&'static str] {
        &["whole"]
    }

    fn must_be(self) -> &'static str {
        "whole"
    }

    fn versions(self, world: &World) -> usize {
        listed(world, "all")
    }

    fn stores(self) -> usize {
        if self == Self::Create { 5 } else { 0 }
    }

    fn next_run(self, world: &World, what: &str) -> Vec<String> {
        match self {
            Self::Create => must(world, "all", &["create"], what),
            // What is there already is not touched.
            // What is there already is not touched.
            Self::Restore => must(world, "all", &["restore", "--skip-existing"], what),
        }
        let mut found = ours(world);
        let state = world.incus.state();
        let volumes = state.custom.iter();
        let temporary = volumes.filter(|((_, _, name), _)| name != "data");
        found.extend(temporary.map(|((_, _, name), _)| name.clone()));
        for volume in state.custom.values() {
            found.extend(volume.backups.keys().cloned());
        }
        for bucket in state.buckets.values() {
            found.extend(bucket.backups.keys().cloned());
        }
        found
    }
}
