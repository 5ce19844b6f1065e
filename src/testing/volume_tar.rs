//! Export tars of custom volumes and buckets, as a 6.0.4 server writes them.

use serde_json::{Map, Value, json};

use super::tarball::{END, Node, member, yaml};

const MOMENT: &str = "2026-11-23T08:45:44.970949963Z";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Filesystem,
    Block,
    Bucket,
}

/// What an export tar of a volume or a bucket will hold; [`VolumeTar::build`] writes it.
#[derive(Debug, Clone)]
pub struct VolumeTar {
    sort: Sort,
    pool: String,
    driver: String,
    optimized: bool,
    described: Map<String, Value>,
    snapshots: Vec<Map<String, Value>>,
    keys: Vec<Value>,
    members: Vec<(String, Node)>,
    disk: Vec<u8>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl VolumeTar {
    /// An empty volume of files, in the pool `default` of driver `dir`.
    pub fn filesystem(name: &str) -> Self {
        Self::new(name, Sort::Filesystem)
    }

    /// A volume that is a disk of one block.
    pub fn block(name: &str) -> Self {
        Self::new(name, Sort::Block)
    }

    /// An empty bucket.
    pub fn bucket(name: &str) -> Self {
        Self::new(name, Sort::Bucket)
    }

    fn new(name: &str, sort: Sort) -> Self {
        let mut described = object(json!({ "config": {}, "description": "", "name": name,
            "location": "none", "project": "default" }));
        if sort != Sort::Bucket {
            described.insert("created_at".to_owned(), json!(MOMENT));
            let content = if sort == Sort::Block {
                "block"
            } else {
                "filesystem"
            };
            described.extend(object(
                json!({ "type": "custom", "used_by": [], "content_type": content }),
            ));
        }
        Self {
            sort,
            pool: "default".to_owned(),
            driver: "dir".to_owned(),
            optimized: false,
            described,
            snapshots: Vec::new(),
            keys: Vec::new(),
            members: Vec::new(),
            disk: vec![0; 512],
        }
    }

    /// Puts it into a pool of a driver.
    #[must_use]
    pub fn pool(mut self, name: &str, driver: &str) -> Self {
        name.clone_into(&mut self.pool);
        driver.clone_into(&mut self.driver);
        self
    }

    /// Makes it an optimized export: streams of the driver in the place of files.
    #[must_use]
    pub fn optimized(mut self) -> Self {
        self.optimized = true;
        self
    }

    /// Describes it with an API object; keys that the object lacks stay as they are.
    #[must_use]
    pub fn described(mut self, described: &Value) -> Self {
        self.described.extend(object(described.clone()));
        self
    }

    /// Adds a snapshot described by an API object, newer than those before it; its `name` may have
    /// the volume's before it. It holds what the volume holds so far.
    #[must_use]
    pub fn snapshot(mut self, described: &Value) -> Self {
        let mut snapshot = object(
            json!({ "description": "", "expires_at": "0001-01-01T00:00:00Z",
            "config": {}, "content_type": self.described.get("content_type"),
            "created_at": MOMENT }),
        );
        snapshot.extend(object(described.clone()));
        let name = text(&snapshot, "name");
        let bare = name.rsplit('/').next().unwrap_or_default();
        snapshot.insert("name".to_owned(), json!(bare));
        self.snapshots.push(snapshot);
        self
    }

    /// The keys of a bucket, as the API gives them.
    #[must_use]
    pub fn keys(mut self, keys: &[Value]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// Adds a file, or the object of a bucket.
    #[must_use]
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.members
            .push((path.to_owned(), Node::File(content.to_vec())));
        self
    }

    /// The content of a disk, or of every stream of an optimized export.
    #[must_use]
    pub fn disk(mut self, content: Vec<u8>) -> Self {
        self.disk = content;
        self
    }

    /// The text of `backup/index.yaml`.
    pub fn index(&self) -> String {
        let bucket = self.sort == Sort::Bucket;
        let mut index = json!({ "name": self.described.get("name"), "backend": self.driver,
            "pool": self.pool });
        if !self.snapshots.is_empty() {
            let names = self.snapshots.iter().map(|it| json!(it.get("name")));
            index["snapshots"] = names.collect();
        }
        index["optimized"] = json!(self.optimized);
        index["optimized_header"] = json!(self.optimized && self.driver == "btrfs");
        index["type"] = json!(if bucket { "bucket" } else { "custom" });
        let key = if bucket { "bucket" } else { "volume" };
        index["config"] = json!({ key: self.described });
        if bucket {
            index["config"]["bucket_keys"] = json!(self.keys);
        }
        if !self.snapshots.is_empty() {
            index["config"]["volume_snapshots"] = json!(self.snapshots);
        }
        yaml(&index)
    }

    /// The whole tar.
    pub fn build(&self) -> Vec<u8> {
        let mut tar = member("backup/index.yaml", &Node::File(self.index().into_bytes()));
        if self.optimized && self.driver == "btrfs" {
            let header = Node::File(b"subvolumes: []\n".to_vec());
            tar.extend(member("backup/optimized_header.yaml", &header));
        }
        for snapshot in &self.snapshots {
            let place = format!("backup/volume-snapshots/{}", text(snapshot, "name"));
            self.volume(&place, &mut tar);
        }
        let main = if self.sort == Sort::Bucket {
            "bucket"
        } else {
            "volume"
        };
        self.volume(&format!("backup/{main}"), &mut tar);
        tar.extend(END);
        tar
    }

    fn volume(&self, place: &str, tar: &mut Vec<u8>) {
        let disk = Node::File(self.disk.clone());
        match self.sort {
            _ if self.optimized => tar.extend(member(&format!("{place}.bin"), &disk)),
            Sort::Block => tar.extend(member(&format!("{place}.img"), &disk)),
            Sort::Filesystem | Sort::Bucket => {
                if self.sort == Sort::Filesystem {
                    tar.extend(member(place, &Node::Directory));
                }
                for (path, node) in &self.members {
                    tar.extend(member(&format!("{place}/{path}"), node));
                }
            }
        }
    }
}

fn text(object: &Map<String, Value>, key: &str) -> String {
    let value = object.get(key).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}
