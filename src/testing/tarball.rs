//! Export tars as a 6.0.4 server writes them.
//!
//! `backup/index.yaml` first, snapshots oldest first, then the instance; USTAR headers, PAX records
//! only for what does not fit into one; folders without a trailing slash; two zero blocks at the
//! end and nothing after them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// One member of a tar, without its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file with its content.
    File(Vec<u8>),
    /// A folder.
    Directory,
    /// A symbolic link to this target.
    Symlink(String),
    /// A hard link to this path of the same volume.
    Hardlink(String),
    /// A named pipe.
    Fifo,
}

/// The members of one volume by their path inside it, in the order of a walk.
type Volume = BTreeMap<Vec<String>, Node>;

/// What an export tar will hold; [`Tarball::build`] writes it.
#[derive(Debug, Clone)]
pub struct Tarball {
    virtual_machine: bool,
    optimized: bool,
    pool: String,
    driver: String,
    instance: Map<String, Value>,
    profiles: Value,
    main: Volume,
    disk: Vec<u8>,
    snapshots: Vec<(Map<String, Value>, Volume)>,
}

const MOMENT: &str = "2026-11-23T08:45:43.21305128Z";
const NEVER: &str = "0001-01-01T00:00:00Z";
const METADATA: &[u8] = b"architecture: x86_64\ncreation_date: 1\n";

/// The two zero blocks that end a tar.
pub const END: [u8; 1024] = [0; 1024];

impl Tarball {
    /// A stopped container with an empty root file system, in the pool `default` of driver `dir`.
    pub fn container(name: &str) -> Self {
        Self::new(name, false)
    }

    /// A stopped virtual machine with a disk of one block.
    pub fn virtual_machine(name: &str) -> Self {
        Self::new(name, true)
    }

    fn new(name: &str, virtual_machine: bool) -> Self {
        let kind = if virtual_machine {
            "virtual-machine"
        } else {
            "container"
        };
        let config = json!({ "image.os": "busybox", "image.release": "1",
            "volatile.base_image": "1c9dadc5b4838cd2321e8b5988efee25aa2c583943a7a536c797ffcb07f4c99c",
            "volatile.eth0.hwaddr": "10:66:6a:3b:0c:20", "volatile.last_state.idmap": "[]",
            "volatile.last_state.power": "STOPPED",
            "volatile.uuid": "64e33214-048c-4d45-9f1c-7e2f4c06e5a9" });
        let devices = json!({ "root": { "path": "/", "pool": "default", "type": "disk" } });
        let instance = json!({ "architecture": "x86_64", "config": config, "devices": devices,
            "ephemeral": false, "profiles": ["default"], "stateful": false, "description": "",
            "created_at": MOMENT, "expanded_config": config, "expanded_devices": devices,
            "name": name, "status": "Stopped", "status_code": 102, "last_used_at": MOMENT,
            "location": "none", "type": kind, "project": "default" });
        let profiles = json!([{ "config": {}, "description": "Default Incus profile",
            "devices": devices, "name": "default", "used_by": [], "project": "default" }]);
        Self {
            virtual_machine,
            optimized: false,
            pool: "default".to_owned(),
            driver: "dir".to_owned(),
            instance: object(instance),
            profiles,
            main: Volume::new(),
            disk: vec![0; 512],
            snapshots: Vec::new(),
        }
    }

    /// Puts it into a pool of a driver; its root disk follows.
    #[must_use]
    pub fn pool(mut self, name: &str, driver: &str) -> Self {
        name.clone_into(&mut self.pool);
        driver.clone_into(&mut self.driver);
        for key in ["devices", "expanded_devices"] {
            if let Some(pool) = self
                .instance
                .get_mut(key)
                .and_then(|devices| devices.pointer_mut("/root/pool"))
            {
                *pool = json!(name);
            }
        }
        self
    }

    /// Makes it an optimized export: streams of the driver (`btrfs`, `zfs`) in the place of files.
    #[must_use]
    pub fn optimized(mut self) -> Self {
        self.optimized = true;
        self
    }

    /// Describes it with an API object, as `GET /1.0/instances/NAME` gives it; keys that the object
    /// lacks stay as they are, and what only `recursion=2` gives is left out.
    #[must_use]
    pub fn instance(mut self, described: &Value) -> Self {
        for (key, value) in described.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "state" | "snapshots" | "backups") {
                self.instance.insert(key.clone(), value.clone());
            }
        }
        self
    }

    /// The profiles as `GET /1.0/profiles?recursion=1` gives them.
    #[must_use]
    pub fn profiles(mut self, profiles: Value) -> Self {
        self.profiles = profiles;
        self
    }

    /// Adds a snapshot, newer than those before it.
    #[must_use]
    pub fn snapshot(self, name: &str) -> Self {
        self.snapshot_as(&json!({ "name": name }))
    }

    /// Adds a snapshot described by an API object; its `name` may have the instance's before it.
    #[must_use]
    pub fn snapshot_as(mut self, described: &Value) -> Self {
        let of = |key: &str| self.instance.get(key).cloned().unwrap_or_default();
        let mut snapshot = object(json!({ "expires_at": NEVER,
            "architecture": of("architecture"), "config": of("config"), "created_at": MOMENT,
            "devices": of("devices"), "ephemeral": false, "expanded_config": of("expanded_config"),
            "expanded_devices": of("expanded_devices"), "last_used_at": NEVER, "name": "",
            "profiles": of("profiles"), "stateful": false, "size": -1 }));
        for (key, value) in described.as_object().into_iter().flatten() {
            snapshot.insert(key.clone(), value.clone());
        }
        let name = text(&snapshot, "name");
        let bare = name.rsplit('/').next().unwrap_or_default();
        snapshot.insert("name".to_owned(), json!(bare));
        self.snapshots.push((snapshot, Volume::new()));
        self
    }

    /// Adds a file to the instance's volume (`rootfs/etc/hostname`) and the folders above it.
    #[must_use]
    pub fn file(self, path: &str, content: &[u8]) -> Self {
        self.node(path, Node::File(content.to_vec()))
    }

    /// Adds any kind of member to the instance's volume.
    #[must_use]
    pub fn node(mut self, path: &str, node: Node) -> Self {
        add(&mut self.main, path, node);
        self
    }

    /// Adds a file to the volume of the snapshot that was added last.
    #[must_use]
    pub fn snapshot_file(self, path: &str, content: &[u8]) -> Self {
        self.snapshot_node(path, Node::File(content.to_vec()))
    }

    /// Adds any kind of member to the volume of the snapshot that was added last.
    #[must_use]
    pub fn snapshot_node(mut self, path: &str, node: Node) -> Self {
        if let Some((_, volume)) = self.snapshots.last_mut() {
            add(volume, path, node);
        }
        self
    }

    /// The content of a virtual machine's disk, or of every stream of an optimized export.
    #[must_use]
    pub fn disk(mut self, content: Vec<u8>) -> Self {
        self.disk = content;
        self
    }

    /// The document of `backup.yaml`, which is also `config` of `backup/index.yaml`.
    pub fn document(&self) -> Value {
        let name = text(&self.instance, "name");
        let volume = |name: &str| {
            json!({ "config": {}, "description": "", "name": name,
                "type": self.instance.get("type"), "used_by": [], "location": "none",
                "content_type": if self.virtual_machine { "block" } else { "filesystem" },
                "project": self.instance.get("project"),
                "created_at": self.instance.get("created_at") })
        };
        let mut document = json!({ "container": self.instance });
        if !self.snapshots.is_empty() {
            document["snapshots"] = self.snapshots.iter().map(|(it, _)| json!(it)).collect();
        }
        document["pool"] = json!({ "config": { "source": "/var/lib/incus/storage-pools/default" },
            "description": "", "name": self.pool, "driver": self.driver, "used_by": [],
            "status": "Created", "locations": ["none"] });
        document["profiles"] = self.profiles.clone();
        document["volume"] = volume(&name);
        if !self.snapshots.is_empty() {
            document["volume_snapshots"] = self
                .snapshots
                .iter()
                .map(|(it, _)| {
                    json!({ "description": "", "expires_at": it.get("expires_at"),
                        "name": it.get("name"), "config": {},
                        "content_type": document["volume"]["content_type"],
                        "created_at": it.get("created_at") })
                })
                .collect();
        }
        document
    }

    /// The text of `backup/index.yaml`.
    pub fn index(&self) -> String {
        let header = self.optimized && self.driver == "btrfs";
        let mut index = json!({ "name": self.instance.get("name"), "backend": self.driver,
            "pool": self.pool });
        if !self.snapshots.is_empty() {
            let names = self.snapshots.iter().map(|(it, _)| json!(it.get("name")));
            index["snapshots"] = names.collect();
        }
        index["optimized"] = json!(self.optimized);
        index["optimized_header"] = json!(header);
        index["type"] = json!(self.instance.get("type"));
        index["config"] = self.document();
        yaml(&index)
    }

    /// The whole tar.
    pub fn build(&self) -> Vec<u8> {
        let mut tar = member("backup/index.yaml", &Node::File(self.index().into_bytes()));
        if self.optimized {
            self.streams(&mut tar);
        } else {
            self.volumes(&mut tar);
        }
        tar.extend(END);
        tar
    }

    fn folders(&self) -> (&str, &str) {
        if self.virtual_machine {
            ("virtual-machine", "virtual-machine-snapshots")
        } else {
            ("container", "snapshots")
        }
    }

    fn volumes(&self, tar: &mut Vec<u8>) {
        let (main, snapshots) = self.folders();
        let document = yaml(&self.document()).into_bytes();
        let places = self.snapshots.iter().map(|(it, volume)| {
            let place = format!("backup/{snapshots}/{}", text(it, "name"));
            let older = yaml(&json!({ "container": self.instance })).into_bytes();
            (place, volume, older)
        });
        let place = format!("backup/{main}");
        for (place, volume, document) in places.chain([(place, &self.main, document)]) {
            let mut volume = volume.clone();
            volume.insert(Vec::new(), Node::Directory);
            add(&mut volume, "backup.yaml", Node::File(document));
            add(&mut volume, "metadata.yaml", Node::File(METADATA.to_vec()));
            if !self.virtual_machine {
                add(&mut volume, "rootfs", Node::Directory);
            }
            for (path, node) in &volume {
                let mut full = place.clone();
                for part in path {
                    full.push('/');
                    full.push_str(part);
                }
                let node = match node {
                    Node::Hardlink(target) => Node::Hardlink(format!("{place}/{target}")),
                    other => other.clone(),
                };
                tar.extend(member(&full, &node));
            }
            if self.virtual_machine {
                let image = Node::File(self.disk.clone());
                tar.extend(member(&format!("{place}.img"), &image));
            }
        }
    }

    fn streams(&self, tar: &mut Vec<u8>) {
        let (main, snapshots) = self.folders();
        if self.driver == "btrfs" {
            let mut subvolumes: Vec<Value> = Vec::new();
            for (it, _) in &self.snapshots {
                subvolumes
                    .push(json!({ "path": "/", "snapshot": it.get("name"), "readonly": true }));
            }
            subvolumes.push(json!({ "path": "/", "snapshot": "", "readonly": false }));
            let header = yaml(&json!({ "subvolumes": subvolumes })).into_bytes();
            tar.extend(member("backup/optimized_header.yaml", &Node::File(header)));
        }
        let config: &[&str] = if self.virtual_machine && self.driver == "zfs" {
            &["-config", ""]
        } else {
            &[""]
        };
        for part in config {
            for (it, _) in &self.snapshots {
                let name = text(it, "name");
                let path = format!("backup/{snapshots}/{name}{part}.bin");
                tar.extend(member(&path, &Node::File(self.disk.clone())));
            }
            let path = format!("backup/{main}{part}.bin");
            tar.extend(member(&path, &Node::File(self.disk.clone())));
        }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn text(object: &Map<String, Value>, key: &str) -> String {
    let value = object.get(key).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

#[expect(
    clippy::expect_used,
    reason = "a JSON value is always a YAML document; this is for tests only"
)]
pub(super) fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).expect("a JSON value is a YAML document")
}

fn add(volume: &mut Volume, path: &str, node: Node) {
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    for above in 1..parts.len() {
        volume
            .entry(parts[..above].to_vec())
            .or_insert(Node::Directory);
    }
    volume.insert(parts, node);
}

/// One member as Go's `archive/tar` writes it: PAX records if need be, header, padded content.
pub fn member(path: &str, node: &Node) -> Vec<u8> {
    let (kind, link, content): (u8, &str, &[u8]) = match node {
        Node::File(content) => (b'0', "", content),
        Node::Directory => (b'5', "", b""),
        Node::Symlink(target) => (b'2', target, b""),
        Node::Hardlink(target) => (b'1', target, b""),
        Node::Fifo => (b'6', "", b""),
    };
    let mut records = Vec::new();
    let split = split(path);
    if split.is_none() {
        records.push(("path", path));
    }
    if link.len() > 100 || !link.is_ascii() {
        records.push(("linkpath", link));
    }
    let mut tar = pax(path, &records);
    let (prefix, name) = split.unwrap_or(("", path));
    tar.extend(header(prefix, name, link, kind, content.len() as u64));
    tar.extend(content);
    pad(&mut tar);
    tar
}

/// A PAX extended header that holds some records; nothing when there are none.
pub fn pax(path: &str, records: &[(&str, &str)]) -> Vec<u8> {
    if records.is_empty() {
        return Vec::new();
    }
    let mut body = String::new();
    for (key, value) in records {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length += 1;
        }
        body.extend([&length.to_string(), " ", key, "=", value, "\n"]);
    }
    let (folder, base) = path.rsplit_once('/').unwrap_or(("", path));
    let name = format!("{folder}/PaxHeaders.0/{base}");
    let mut tar = header("", &name, "", b'x', body.len() as u64).to_vec();
    tar.extend(body.as_bytes());
    pad(&mut tar);
    tar
}

/// A USTAR header with its checksum; texts that are too long are cut.
pub fn header(prefix: &str, name: &str, link: &str, kind: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let mode = if kind == b'5' { 0o755 } else { 0o644 };
    put(&mut block, 0..100, name);
    put(&mut block, 100..107, &format!("{mode:07o}"));
    put(&mut block, 108..115, "0000000");
    put(&mut block, 116..123, "0000000");
    put(&mut block, 124..135, &format!("{size:011o}"));
    put(&mut block, 136..147, "15100635467");
    block[156] = kind;
    put(&mut block, 157..257, link);
    put(&mut block, 257..262, "ustar");
    put(&mut block, 263..265, "00");
    put(&mut block, 265..297, "root");
    put(&mut block, 297..329, "root");
    put(&mut block, 329..336, "0000000");
    put(&mut block, 337..344, "0000000");
    put(&mut block, 345..500, prefix);
    seal(&mut block);
    block
}

/// Writes the checksum of a header into it.
pub fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    put(block, 148..154, &format!("{sum:06o}"));
    block[154] = 0;
}

fn put(block: &mut [u8; 512], place: std::ops::Range<usize>, text: &str) {
    let length = text.len().min(place.len());
    block[place.start..place.start + length].copy_from_slice(&text.as_bytes()[..length]);
}

fn pad(tar: &mut Vec<u8>) {
    tar.resize(tar.len().next_multiple_of(512), 0);
}

/// Splits a path into the two name fields of USTAR, when it fits.
fn split(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| prefix.len() <= 155 && (1..=100).contains(&name.len()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_members_of_a_container_come_in_the_order_of_the_server() {
        let long = format!("rootfs/{}", "é".repeat(60));
        let tar = Tarball::container("c1")
            .snapshot("s0")
            .snapshot_file("rootfs/old", b"o")
            .file("rootfs/etc/hostname", b"c1")
            .file(&long, b"")
            .node("rootfs/link", Node::Symlink("etc".into()))
            .build();
        let mut names = Vec::new();
        let mut archive = tar::Archive::new(tar.as_slice());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            names.push(entry.path().unwrap().display().to_string());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
        }
        let expected = [
            "backup/index.yaml",
            "backup/snapshots/s0",
            "backup/snapshots/s0/backup.yaml",
            "backup/snapshots/s0/metadata.yaml",
            "backup/snapshots/s0/rootfs",
            "backup/snapshots/s0/rootfs/old",
            "backup/container",
            "backup/container/backup.yaml",
            "backup/container/metadata.yaml",
            "backup/container/rootfs",
            "backup/container/rootfs/etc",
            "backup/container/rootfs/etc/hostname",
            "backup/container/rootfs/link",
            &format!("backup/container/{long}"),
        ];
        assert_eq!(names, expected);
        assert_eq!(tar.len() % 512, 0);
        assert_eq!(tar[tar.len() - 1024..], END);
    }

    #[test]
    fn the_index_holds_what_was_described() {
        let tarball = Tarball::container("c1")
            .instance(&json!({ "config": { "user.date": "2001-01-01" }, "state": {} }))
            .snapshot_as(&json!({ "name": "c1/s0", "expires_at": "2030-01-01T00:00:00Z" }));
        let index: serde_yaml::Value = serde_yaml::from_str(&tarball.index()).unwrap();
        assert_eq!(index["snapshots"][0], "s0");
        let config = &index["config"];
        assert_eq!(config["container"]["config"]["user.date"], "2001-01-01");
        assert_eq!(config["snapshots"][0]["name"], "s0");
        assert_eq!(config["container"].get("state"), None);
        assert_eq!(
            config["volume_snapshots"][0]["expires_at"],
            "2030-01-01T00:00:00Z"
        );
    }
}
