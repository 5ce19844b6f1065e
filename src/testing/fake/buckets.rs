//! Buckets: what is listed, exported and imported.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Asked};
use super::import::unpack_files;
use super::server::Series;
use super::state::{Files, State, object};
use crate::testing::volume_tar::VolumeTar;

/// A bucket.
#[derive(Debug, Clone)]
pub struct FakeBucket {
    /// What the API gives of it, but for where it is served.
    pub object: Map<String, Value>,
    /// Its keys, as the API gives them.
    pub keys: Vec<Value>,
    /// Its objects.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// The backups of it that the server keeps.
    pub backups: BTreeMap<String, Vec<u8>>,
}

/// Project, pool and name.
type BucketKey = (String, String, String);

impl State {
    /// Adds a bucket of the default project, with a key that may write.
    pub fn add_bucket(&mut self, pool: &str, name: &str) -> &mut FakeBucket {
        let object = object(json!({ "name": name, "description": format!("the {name}"),
            "config": { "size": "1GiB" }, "location": "none", "project": "default" }));
        let bucket = FakeBucket {
            object,
            keys: vec![key(name, "admin", "admin")],
            objects: Files::from([("a/b ü.txt".to_owned(), b"content".to_vec())]),
            backups: BTreeMap::new(),
        };
        let place = ("default".to_owned(), pool.to_owned(), name.to_owned());
        self.buckets.entry(place).or_insert(bucket)
    }

    /// A bucket of the default project.
    pub fn bucket(&mut self, pool: &str, name: &str) -> Option<&mut FakeBucket> {
        let place = ("default".to_owned(), pool.to_owned(), name.to_owned());
        self.buckets.get_mut(&place)
    }

    fn shown_bucket(&self, place: &BucketKey) -> Value {
        let mut shown = self.buckets[place].object.clone();
        let url = if self.serves_buckets {
            format!("https://127.0.0.1:9000/{}", place.2)
        } else {
            String::new()
        };
        shown.insert("s3_url".into(), json!(url));
        Value::Object(shown)
    }

    fn home_of_buckets(&self, project: &str) -> String {
        let config = self.projects.get(project);
        let own = config.and_then(|config| config.get("features.storage.buckets"));
        let own = own.is_some_and(|value| value == "true");
        if own { project } else { "default" }.to_owned()
    }
}

/// A key of a bucket, with secrets that no other has.
pub fn key(bucket: &str, name: &str, role: &str) -> Value {
    json!({ "name": name, "description": "", "role": role,
        "access-key": format!("ACCESS-{bucket}-{name}"),
        "secret-key": format!("secret of {bucket} {name}") })
}

/// `/1.0/storage-pools/POOL/buckets`.
pub(super) fn answer(state: &mut State, asked: &Asked, pool: &str, rest: &[&str]) -> Answer {
    let driver = state.pools.get(pool).map(|(driver, _)| driver.as_str());
    if !matches!(driver, Some("dir" | "btrfs" | "zfs" | "lvm" | "cephobject")) {
        return Answer::error(400, "Storage pool does not support buckets");
    }
    let home = state.home_of_buckets(&asked.project);
    match (asked.method.as_str(), rest) {
        ("GET", []) => {
            let places = state.buckets.keys();
            let places = places.filter(|(project, of, _)| *project == home && of == pool);
            let all = places.map(|place| (place.2.as_str(), state.shown_bucket(place)));
            asked.list(&format!("/1.0/storage-pools/{pool}/buckets"), all)
        }
        ("POST", []) => import(state, asked, (home, pool.to_owned())),
        (method, [name, rest @ ..]) => {
            let place = (home, pool.to_owned(), (*name).to_owned());
            if !state.buckets.contains_key(&place) {
                return Answer::error(404, "Storage bucket not found");
            }
            one(state, asked, &place, (method, rest))
        }
        _ => Answer::error(404, "not found"),
    }
}

fn one(
    state: &mut State,
    asked: &Asked,
    place: &BucketKey,
    (method, rest): (&str, &[&str]),
) -> Answer {
    let Some(bucket) = state.buckets.get_mut(place) else {
        return Answer::error(404, "Storage bucket not found");
    };
    match (method, rest) {
        ("GET", []) => Answer::tagged(state.shown_bucket(place)),
        ("DELETE", []) => {
            state.buckets.remove(place);
            Answer::sync(json!({}))
        }
        ("GET", ["keys"]) => {
            let keys = bucket.keys.iter();
            let keys = keys.map(|key| (key["name"].as_str().unwrap_or_default(), key.clone()));
            asked.list("/keys", keys)
        }
        ("DELETE", ["keys", name]) => {
            bucket.keys.retain(|key| key["name"] != *name);
            Answer::sync(json!({}))
        }
        ("GET", ["backups"]) => {
            let names = bucket.backups.keys().map(String::as_str);
            asked.list(
                "/backups",
                names.map(|name| (name, json!({ "name": name }))),
            )
        }
        ("POST", ["backups"]) => export(state, asked, place),
        ("GET", ["backups", name, "export"]) => {
            let range = asked
                .header("range")
                .and_then(|it| it.strip_prefix("bytes="));
            let from = range.and_then(|range| range.trim_end_matches('-').parse().ok());
            match bucket.backups.get(*name) {
                Some(bytes) => Answer::File(bytes.clone(), from.unwrap_or(0), Vec::new()),
                None => Answer::error(404, "Storage bucket backup not found"),
            }
        }
        ("DELETE", ["backups", name]) => {
            Answer::accepted(&state.operate("Deleting bucket backup", &place.2, |state| {
                let bucket = state.buckets.get_mut(place).ok_or("gone")?;
                let removed = bucket.backups.remove(*name);
                removed.map(drop).ok_or_else(|| "not found".to_owned())
            }))
        }
        _ => Answer::error(404, "not found"),
    }
}

/// The wish for a compression is not passed on: it is always gzip.
fn packed(state: &State, place: &BucketKey) -> std::io::Result<Vec<u8>> {
    let bucket = &state.buckets[place];
    let driver = state.pools.get(&place.1).map(|(driver, _)| driver.clone());
    let mut tar = VolumeTar::bucket(&place.2)
        .pool(&place.1, &driver.unwrap_or_default())
        .described(&Value::Object(bucket.object.clone()))
        .keys(&bucket.keys);
    for (name, content) in &bucket.objects {
        tar = tar.file(name, content);
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar.build())?;
    encoder.finish()
}

fn export(state: &mut State, asked: &Asked, place: &BucketKey) -> Answer {
    if !state.serves_buckets {
        if asked.series == Series::Lts60 {
            // An address that is not there is used: the daemon is gone (lxc/incus#2185).
            state.died = true;
            return Answer::Reset;
        }
        return Answer::error(
            500,
            "The server is lacking a storage buckets listener address",
        );
    }
    if state.buckets[place].keys.is_empty() {
        return Answer::error(404, "Storage bucket key not found");
    }
    let Ok(bytes) = packed(state, place) else {
        return Answer::error(500, "gzip");
    };
    let body = asked.json();
    let url = json!([format!(
        "/1.0/storage-pools/{}/buckets/{}",
        place.1, place.2
    )]);
    if asked.series == Series::Lts70 && asked.header("accept") == Some("application/octet-stream") {
        let mut operation = state.operate("Creating bucket backup", &place.2, |_| Ok(()));
        state.amend(&mut operation, "storage_buckets", url);
        let id = operation["id"].as_str().unwrap_or_default();
        let ended = state.operations.get(id).cloned();
        return Answer::Stream(bytes, ended.unwrap_or(operation));
    }
    let name = body["name"].as_str().unwrap_or("backup0").to_owned();
    Answer::accepted(&state.operate("Creating bucket backup", &place.2, |state| {
        let bucket = state.buckets.get_mut(place).ok_or("gone")?;
        bucket.backups.insert(name, bytes);
        Ok(())
    }))
}

fn import(state: &mut State, asked: &Asked, (home, pool): (String, String)) -> Answer {
    if asked.series == Series::Lts60 && !asked.body.ends_with(&[0; 1024]) {
        // CVE-2026-41647.
        state.died = true;
        return Answer::Reset;
    }
    let Some((index, objects)) = unpack_files("backup/bucket/", &asked.body) else {
        return Answer::error(400, "Unexpected EOF in archive");
    };
    let described = index["name"].as_str().unwrap_or_default().to_owned();
    let name = asked
        .header("x-incus-name")
        .map_or(described, str::to_owned);
    let place = (home.clone(), pool, name.clone());
    Answer::accepted(&state.operate("Restoring bucket backup", &name, |state| {
        let failed = |text: &str| Err(format!("Create storage bucket from backup: {text}"));
        if !state.serves_buckets {
            return failed("The server is lacking a storage buckets listener address");
        }
        if state.buckets.contains_key(&place) {
            return failed("A bucket for that name already exists");
        }
        let mut object = object(index["config"]["bucket"].clone());
        let on_dir = state
            .pools
            .get(&place.1)
            .is_some_and(|(driver, _)| driver == "dir");
        if on_dir && !object["config"]["size"].is_null() {
            return failed("Size cannot be specified for buckets");
        }
        let mut keys = index["config"]["bucket_keys"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for new in &mut keys {
            let access = new["access-key"].clone();
            if access == "" {
                let own = new["name"].as_str().unwrap_or_default();
                *new = key(&name, own, new["role"].as_str().unwrap_or_default());
            } else if state
                .buckets
                .values()
                .any(|other| other.keys.iter().any(|it| it["access-key"] == access))
            {
                return failed("A bucket key using that access key already exists on this server");
            }
        }
        if !keys.iter().any(|key| key["role"] == "admin") {
            return failed("Storage bucket key not found");
        }
        object.insert("name".into(), json!(name));
        object.insert("project".into(), json!(home));
        let bucket = FakeBucket {
            object,
            keys,
            objects,
            backups: BTreeMap::new(),
        };
        state.buckets.insert(place, bucket);
        Ok(())
    }))
}
