//! Buckets on a real Incus: what comes back of them, and a server that does not serve them.
//!
//! Up to 6.0 the server serves buckets by way of `minio`, which Debian does not have; there only what is
//! refused can be seen.

use std::path::PathBuf;

use incus_backup::testing::fake::Series;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::fake::World;
use crate::lab::{Lab, Ran, command, lab, unique, variable};
use crate::s3::S3;

const LARGE: usize = 3_000_000;

/// Has the lab's server serve its buckets.
fn serve(lab: &Lab) {
    let folder = PathBuf::from(variable("INCUS_CONF").expect("the lab has a client's folder"));
    let lock = std::fs::File::create(folder.join("buckets.lock")).unwrap();
    lock.lock().unwrap();
    let key = "core.storage_buckets_address";
    if lab.incus(&["config", "get", key]).trim().is_empty() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        drop(port);
        lab.incus(&["config", "set", key, &address]);
    }
}

/// A bucket that is deleted at the end of the test.
pub struct Made {
    pub pool: String,
    pub name: String,
}

impl Drop for Made {
    fn drop(&mut self) {
        let delete = ["storage", "bucket", "delete", &self.pool, &self.name];
        let _ = command("incus").args(delete).output();
    }
}

impl Made {
    fn new(pool: &str) -> Self {
        Self {
            pool: pool.to_owned(),
            name: unique("bucket"),
        }
    }

    pub fn path(&self) -> String {
        format!("{}/{}", self.pool, self.name)
    }

    pub fn delete(&self, lab: &Lab) {
        lab.incus(&["storage", "bucket", "delete", &self.pool, &self.name]);
    }

    fn place(&self) -> String {
        format!("/1.0/storage-pools/{}/buckets/{}", self.pool, self.name)
    }

    fn described(&self, lab: &Lab) -> Value {
        lab.query(&self.place())
    }

    fn keys(&self, lab: &Lab) -> Value {
        lab.query(&format!("{}/keys?recursion=1", self.place()))
    }

    pub fn s3(&self, lab: &Lab) -> S3 {
        let keys = self.keys(lab);
        let mut keys = keys.as_array().unwrap().iter();
        let admin = keys.find(|key| key["role"] == "admin").unwrap();
        S3::new(&self.described(lab), admin)
    }
}

/// A bucket on a server that serves them, or nothing where it cannot.
pub fn make(lab: &Lab, pool: &str, options: &[&str]) -> Option<Made> {
    serve(lab);
    let made = Made::new(pool);
    let mut arguments = vec!["storage", "bucket", "create", pool, &made.name];
    arguments.extend(options);
    let ran = lab.try_incus(&arguments);
    if ran.stderr.contains("Couldn't find the MinIO") {
        eprintln!("left out: this server needs MinIO, which is not there");
        return None;
    }
    ran.exits(0);
    Some(made)
}

fn run(lab: &Lab, arguments: &[&str]) -> Ran {
    lab.backup_of("bucket", arguments)
}

fn random(size: usize) -> Vec<u8> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let source = std::fs::File::open("/dev/urandom").unwrap();
    source.take(size as u64).read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_bucket_comes_back_with_its_objects_and_the_secrets_of_its_keys() {
    let Some(lab) = lab() else { return };
    let pool = lab.pool_btrfs();
    let options = ["size=50MiB", "--description", "bücket: \"one\""];
    let Some(made) = make(&lab, &pool, &options) else {
        return;
    };
    let key = [
        "storage", "bucket", "key", "create", &pool, &made.name, "reader",
    ];
    lab.incus(&[&key[..], &["--role", "read-only"]].concat());
    let s3 = made.s3(&lab);
    let long = format!("{}/{}", "n".repeat(200), "m".repeat(200));
    let names = [
        "plain",
        "dir/of/it",
        "with space & + = ?",
        "ünïcödé-文",
        "empty",
        &long,
    ];
    for name in names {
        let content = if name == "empty" {
            Vec::new()
        } else {
            name.as_bytes().to_vec()
        };
        assert_eq!(s3.put(name, &content).await, 200, "{name}");
    }
    assert_eq!(s3.put("large", &random(LARGE)).await, 200);
    let (bucket, keys, objects) = (made.described(&lab), made.keys(&lab), s3.objects().await);
    assert_eq!((objects.len(), keys.as_array().unwrap().len()), (7, 2));

    run(&lab, &["create", &made.path(), "--yes"]).exits(0);
    // What was stored is a tar of the server's own, whatever it was packed with on the way.
    let list = "tar --zstd -tf */buckets/default/*/*/*/bucket.tar.zst | wc -l";
    let listed = command("sh")
        .args(["-ec", list])
        .current_dir(lab.root())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "8\n");
    made.delete(&lab);
    run(&lab, &["restore", &made.path(), "--yes"]).exits(0);
    assert_eq!(
        (made.described(&lab), made.keys(&lab)),
        (bucket, keys.clone())
    );
    assert_eq!(made.s3(&lab).objects().await, objects);

    // Beside it, in a pool that has no limits, with keys of its own.
    let copy = Made::new(&lab.pool_dir());
    let map = format!("{pool}={}", copy.pool);
    let path = made.path();
    let arguments = [
        "restore",
        &path,
        "--target-name",
        &copy.name,
        "--pool-map",
        &map,
        "--yes",
    ];
    run(&lab, &arguments).exits(0);
    assert_eq!(copy.s3(&lab).objects().await, objects);
    let others = copy.keys(&lab);
    for (one, other) in keys
        .as_array()
        .unwrap()
        .iter()
        .zip(others.as_array().unwrap())
    {
        assert_eq!(
            (&one["name"], &one["role"]),
            (&other["name"], &other["role"])
        );
        assert_ne!(one["access-key"], other["access-key"]);
        assert_ne!(one["secret-key"], other["secret-key"]);
    }
}

#[tokio::test]
async fn a_bucket_that_nobody_may_write_to_comes_back_so() {
    let Some(lab) = lab() else { return };
    let pool = lab.pool_dir();
    let Some(made) = make(&lab, &pool, &[]) else {
        return;
    };
    assert_eq!(made.s3(&lab).put("a", b"content").await, 200);
    let key = ["storage", "bucket", "key"];
    let reader = [
        &key[..],
        &["create", &pool, &made.name, "reader", "--role", "read-only"],
    ];
    lab.incus(&reader.concat());
    lab.incus(&[&key[..], &["delete", &pool, &made.name, "admin"]].concat());
    let keys = made.keys(&lab);
    run(&lab, &["create", &made.path(), "--yes"]).exits(0);
    made.delete(&lab);
    run(&lab, &["restore", &made.path(), "--yes"]).exits(0);
    assert_eq!(made.keys(&lab), keys);
    let s3 = S3::new(&made.described(&lab), &keys[0]);
    assert_eq!(s3.objects().await["a"], b"content");
}

#[tokio::test]
async fn a_damaged_archive_leaves_no_bucket() {
    let Some(lab) = lab() else { return };
    let Some(made) = make(&lab, &lab.pool_dir(), &[]) else {
        return;
    };
    assert_eq!(made.s3(&lab).put("large", &random(LARGE)).await, 200);
    run(&lab, &["create", &made.path(), "--yes"]).exits(0);
    made.delete(&lab);
    let find = "echo */buckets/default/*/*/*/bucket.tar.zst";
    let found = command("sh")
        .args(["-ec", find])
        .current_dir(lab.root())
        .output()
        .unwrap();
    let archive = lab
        .root()
        .join(String::from_utf8(found.stdout).unwrap().trim());
    let mut bytes = std::fs::read(&archive).unwrap();
    let at = bytes.len() - 10_000;
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).unwrap();
    let ran = run(&lab, &["restore", &made.path(), "--yes"]).exits(4);
    assert!(
        ran.stderr.contains("is damaged; nothing was imported"),
        "{}",
        ran.stderr
    );
    assert!(lab.try_incus(&["query", &made.place()]).code != Some(0));
}

#[test]
fn a_server_that_does_not_serve_buckets_lives_on() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script("storage create tank dir");
    // What another server's bucket left in a target.
    let world = World::new(Series::Lts70);
    world.incus.state().add_pool("tank", "dir");
    world.incus.state().add_bucket("tank", "photos");
    world.run_for("bucket", &["create", "--yes"]).exits(0);
    let target = format!("dir:{}", world.root().display());
    let program = crate::lab::program_for("bucket");
    let run = |arguments: &[&str]| {
        let mut command = daemon.command(program.to_str().unwrap());
        command.args(arguments).env("INCUS_BACKUP_TARGET", &target);
        Ran::of(&command.output().unwrap())
    };
    let ran = run(&["restore", "--from", "fake", "--yes"]).exits(1);
    let how = "incus config set core.storage_buckets_address ADDRESS:PORT";
    assert!(ran.stderr.contains(how), "{}", ran.stderr);
    let ran = run(&["create", "tank/photos", "--yes"]).exits(1);
    assert!(ran.stderr.contains("it does not exist"), "{}", ran.stderr);
    assert_eq!(
        daemon.query("/1.0/storage-pools/tank/buckets"),
        Value::Array(Vec::new())
    );
}
