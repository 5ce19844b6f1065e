//! What the fake server holds.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::exec::Execution;
use super::rights::Rights;
use super::{FakeBucket, FakeCommand, FakeImage, FakeInstance, FakeVolume, Fault, Series, Strike};

/// The files of a volume, by their path: `rootfs/data/x`.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A project and a name.
pub(super) type Key = (String, String);

/// What somebody does to a server.
pub type Change = fn(&mut State);

/// Everything that the server holds.
#[derive(Debug)]
pub struct State {
    /// The projects and their configuration.
    pub projects: BTreeMap<String, Map<String, Value>>,
    /// The pools: driver and configuration.
    pub pools: BTreeMap<String, (String, Map<String, Value>)>,
    /// How much the pools hold and how much of it is used, where they say it.
    pub space: BTreeMap<String, (u64, u64)>,
    /// The profiles of every project.
    pub profiles: Vec<String>,
    /// What is in the profiles that have anything in them.
    pub profile_contents: BTreeMap<String, Value>,
    /// The networks of every project.
    pub networks: Vec<String>,
    /// Custom volumes of which only the names matter, as `POOL/NAME`.
    pub volumes: Vec<String>,
    /// The other custom volumes, by project, pool and name.
    pub custom: BTreeMap<(String, String, String), FakeVolume>,
    /// The buckets, by project, pool and name.
    pub buckets: BTreeMap<(String, String, String), FakeBucket>,
    /// API extensions that it has beside those of its series.
    pub extensions: Vec<&'static str>,
    /// The server serves its buckets: `core.storage_buckets_address` is set.
    pub serves_buckets: bool,
    /// How many requests were not answered.
    pub unanswered: u64,
    /// The daemon was asked for what kills it.
    pub died: bool,
    /// The fingerprint of its certificate.
    pub fingerprint: String,
    /// The images, by project and fingerprint.
    pub images: BTreeMap<(String, String), FakeImage>,
    /// What the aliases of images stand for and what is said of them, by project and name.
    pub image_aliases: BTreeMap<(String, String), (String, String)>,
    /// The instances, by project and name.
    pub instances: BTreeMap<(String, String), FakeInstance>,
    /// Whoever asks may not change projects.
    pub no_administrator: bool,
    /// The access token that alone is taken, and who issues others, where clients log in by OIDC.
    pub login: Option<(String, String)>,
    /// What whoever asks may use.
    pub rights: Rights,
    /// The faults that wait.
    pub faults: Vec<Fault>,
    /// What somebody else does once so many requests have been answered.
    pub meanwhile: Option<(usize, Change)>,
    /// What was asked, as `METHOD PATH`; and `EXEC INSTANCE COMMAND` and `SIGNAL NUMBER`.
    pub requests: Vec<String>,
    /// How many connections were open at a time, at most.
    pub most_connections: isize,
    connections: isize,
    /// What the commands do that instances know.
    pub commands: BTreeMap<String, FakeCommand>,
    pub(super) series: Series,
    pub(super) executions: BTreeMap<String, Execution>,
    pub(super) operations: BTreeMap<String, Value>,
    /// When operations ended, in their order.
    pub(super) ended: Vec<(Instant, String)>,
    pub(super) next: u64,
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The default profile has the root disk and a NIC.
fn default_profile() -> Value {
    json!({ "config": {}, "devices": {
        "root": { "type": "disk", "path": "/", "pool": "default" },
        "eth0": { "type": "nic", "name": "eth0", "network": "incusbr0" } } })
}

impl State {
    /// A server with a project, a profile and a pool called `default`, on the driver `dir`, and the
    /// image `busybox`.
    pub(super) fn new(series: Series) -> Self {
        let mut state = Self {
            projects: BTreeMap::from([("default".to_owned(), Map::new())]),
            pools: BTreeMap::new(),
            space: BTreeMap::new(),
            profiles: vec!["default".to_owned()],
            no_administrator: false,
            login: None,
            rights: Rights::default(),
            profile_contents: BTreeMap::from([("default".to_owned(), default_profile())]),
            networks: vec!["incusbr0".to_owned()],
            volumes: Vec::new(),
            custom: BTreeMap::new(),
            buckets: BTreeMap::new(),
            extensions: Vec::new(),
            serves_buckets: true,
            unanswered: 0,
            died: false,
            images: BTreeMap::new(),
            image_aliases: BTreeMap::new(),
            instances: BTreeMap::new(),
            faults: Vec::new(),
            meanwhile: None,
            requests: Vec::new(),
            most_connections: 0,
            connections: 0,
            commands: BTreeMap::new(),
            series,
            executions: BTreeMap::new(),
            fingerprint: "a".repeat(64),
            operations: BTreeMap::new(),
            ended: Vec::new(),
            next: 0,
        };
        state.add_pool("default", "dir");
        let busybox = state.add_image("default", FakeImage::new(None, b"an image"));
        state.add_image_alias("default", "busybox", &busybox);
        state
    }

    /// Adds a pool.
    pub fn add_pool(&mut self, name: &str, driver: &str) {
        self.pools.insert(name.into(), (driver.into(), Map::new()));
    }

    /// Adds an instance of the default project, in a pool, with its root disk of its own.
    pub fn add_instance(&mut self, name: &str, pool: &str, status: &'static str, kind: &str) {
        let root = json!({ "root": { "type": "disk", "path": "/", "pool": pool } });
        let config = json!({ "user.note": "x", "volatile.uuid": format!("uuid-{name}"),
            "volatile.cloud-init.instance-id": format!("cloud-{name}"),
            "volatile.last_state.power": if status == "Running" { "RUNNING" } else { "STOPPED" },
            "volatile.eth0.hwaddr": format!("10:66:6a:00:00:{:02x}", self.instances.len()) });
        let described = object(json!({ "name": name, "project": "default", "type": kind,
            "architecture": "x86_64", "location": "none", "profiles": ["default"],
            "config": config, "expanded_config": config, "devices": root, "expanded_devices": root,
            "created_at": "2026-01-02T03:04:05Z", "last_used_at": "2026-01-02T03:04:06Z",
            "description": format!("the {name}"), "ephemeral": false, "stateful": false }));
        let path = if kind == "container" {
            "rootfs/data/x"
        } else {
            "disk"
        };
        let mut instance = FakeInstance::new(described);
        instance.status = status;
        let content = format!("content of {name}").into_bytes();
        instance.files.insert(path.to_owned(), content);
        self.instances
            .insert(("default".into(), name.into()), instance);
    }

    /// An instance of the default project.
    pub fn instance(&mut self, name: &str) -> Option<&mut FakeInstance> {
        self.instances.get_mut(&("default".into(), name.into()))
    }

    /// The names of the instances of every project.
    pub fn names(&self) -> Vec<String> {
        self.instances
            .keys()
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Takes the first fault that fits.
    pub(super) fn take_fault(&mut self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(fits)?;
        if let Fault::Unavailable(count @ 2..) = &mut self.faults[at] {
            *count -= 1;
            return Some(Fault::Unavailable(*count));
        }
        Some(self.faults.remove(at))
    }

    /// Counts connections that are there, or are there no more.
    pub(super) fn connected(&mut self, change: isize) {
        self.connections += change;
        self.most_connections = self.most_connections.max(self.connections);
    }

    /// Whether a request is not answered, and whether it is done all the same.
    pub(super) fn silence(&mut self) -> Option<bool> {
        let silent = self.faults.iter_mut().find_map(|fault| match fault {
            Fault::Silent(left, done) => Some((left, done)),
            _ => None,
        });
        let (left, done) = silent?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let done = std::mem::take(done);
        self.unanswered += 1;
        Some(done)
    }

    /// What befalls this request.
    pub(super) fn strike(&mut self) -> Option<Strike> {
        let mut counted = self.faults.iter_mut().enumerate();
        let (at, left, strike) = counted.find_map(|(at, fault)| match fault {
            Fault::At(left, strike) => Some((at, left, *strike)),
            _ => None,
        })?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.faults.remove(at);
        Some(strike)
    }

    /// Has somebody else do what waits, if its time has come.
    pub(super) fn move_on(&mut self) {
        if let Some((_, change)) = self.meanwhile.take_if(|(at, _)| self.requests.len() >= *at) {
            change(self);
        }
    }

    /// Forgets what a daemon keeps in memory only.
    pub(super) fn restart(&mut self) {
        self.operations.clear();
        self.executions.clear();
        self.ended.clear();
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
