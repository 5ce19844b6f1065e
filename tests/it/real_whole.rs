//! A whole server, backed up and brought back onto an empty one: two real daemons side by side.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::lab::{Ran, kill, until};

const ALL: &str = env!("CARGO_BIN_EXE_incus-backup-all");
const CONFIG: &str = env!("CARGO_BIN_EXE_incus-backup-config");

/// Two pools of different drivers, a network with an ACL and a forward, three projects (one with
/// images, profiles and volumes of its own, one that shares the default's, one that is limited and
/// restricted), a profile that names a volume.
const FILL: &str = "
    storage create default dir
    storage create tank btrfs size=512MiB
    project create own
    project create shared -c features.images=false -c features.profiles=false
    project set shared features.storage.volumes=false
    project create limited -c features.images=false
    storage volume create default data
    network acl create web --description=x
    network acl rule add web ingress action=allow source=10.1.0.0/16 protocol=tcp destination_port=22
    network create br0 ipv4.address=10.166.7.1/24 ipv6.address=none security.acls=web
    network forward create br0 10.166.9.9 target_address=10.166.7.20
    profile device add default root disk path=/ pool=default
    profile device add default eth0 nic network=br0
    profile create vols
    profile device add vols data disk pool=default source=data path=/mnt
    --project own profile device add default root disk path=/ pool=tank
    --project own storage volume create tank private
    --project limited profile device add default root disk path=/ pool=default
    config set user.note=hello
";

/// What is limited once its instances are there.
const LIMIT: &str = "
    project set limited limits.instances=5
    project set limited restricted=true
    project set limited restricted.backups=allow
    project set limited restricted.snapshots=allow
";

/// Writes something into an instance that tells it from every other, with times that are whole seconds:
/// the server's tar rounds others.
const WORK: &str = "mkdir -p /data; dd if=/dev/urandom of=/data/work bs=1k count=100 2>/dev/null; \
                    ln /data/work /data/again; touch '/data/a b\nc'; \
                    touch -d '2001-02-03 04:05:06' /data/*";
/// The state of everything that was written.
const STATE: &str = "cd /; find data mnt -type f -exec sha256sum {} + | sort; ls -ln data mnt";

/// An instance of a project.
const INSTANCES: [(&str, &str); 4] = [
    ("default", "web"),
    ("own", "db"),
    ("shared", "mail"),
    ("limited", "jail"),
];

impl Daemon {
    pub fn image(&self, project: &str, alias: &str) {
        let image = self.folder().join(format!("{alias}.tar.gz"));
        let script = format!(
            ". {}/scripts/lib.sh; busybox_image {}",
            env!("CARGO_MANIFEST_DIR"),
            image.display()
        );
        self.run("bash", &["-c", &script]).exits(0);
        let image = image.to_str().unwrap();
        self.incus(&[
            "--project",
            project,
            "image",
            "import",
            image,
            "--alias",
            alias,
            "--quiet",
        ]);
    }

    pub fn sh(&self, (project, name): (&str, &str), script: &str) -> String {
        self.incus(&["--project", project, "exec", name, "--", "sh", "-c", script])
    }

    /// A server with something of everything, running.
    pub fn full() -> Option<Self> {
        let daemon = Self::start()?;
        daemon.script(FILL);
        daemon.image("default", "busybox");
        daemon.image("own", "own-busybox");
        daemon.script(
            "launch busybox web --profile default --profile vols --quiet
             --project own launch own-busybox db --quiet
             --project own storage volume attach tank private db mnt /mnt
             --project shared launch busybox mail --quiet
             --project limited launch busybox jail --quiet",
        );
        for instance in INSTANCES {
            daemon.sh(instance, WORK);
        }
        daemon.sh(
            ("default", "web"),
            "echo of the volume > /mnt/note; touch -d '2001-02-03 04:05:06' /mnt/*",
        );
        daemon.sh(
            ("own", "db"),
            "echo of another > /mnt/note; echo x > /mnt/'a b'; \
             touch -d '2001-02-03 04:05:06' /mnt/*",
        );
        daemon.script(
            "snapshot create web s0
             --project own config set db snapshots.expiry=30d
             --project own snapshot create db s1
             storage volume snapshot create default data v0",
        );
        daemon.sh(
            ("default", "web"),
            "echo later > /data/later; echo later >> /mnt/note; \
             touch -d '2002-03-04 05:06:07' /data/later /mnt/note",
        );
        daemon.script(LIMIT);
        Some(daemon)
    }

    /// What each instance holds.
    pub fn states(&self) -> Vec<String> {
        INSTANCES.map(|instance| self.sh(instance, STATE)).to_vec()
    }

    pub fn stop_all(&self) {
        for (project, name) in INSTANCES {
            self.incus(&["--project", project, "stop", name, "--force"]);
        }
    }

    pub fn start_all(&self) {
        for (project, name) in INSTANCES {
            self.incus(&["--project", project, "start", name]);
        }
    }
}

/// What differs between the newest stored configuration and a server.
fn differences(daemon: &Daemon, target: &str, source: &str) -> serde_json::Value {
    let ran = daemon.run(
        CONFIG,
        &["diff", "--target", target, "--from", source, "-f", "json"],
    );
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// What each row is about, in their order.
fn subjects(ran: &Ran) -> Vec<String> {
    let subject = |row: &serde_json::Value| {
        let keys = [
            "action", "type", "project", "pool", "name", "object", "version", "reason",
        ];
        keys.map(|key| row[key].to_string()).join(" ")
    };
    ran.rows().iter().map(subject).collect()
}

pub fn rows(ran: &Ran, status: &str) -> Vec<String> {
    ran.rows()
        .iter()
        .filter(|row| row["status"] == status)
        .map(|row| {
            format!(
                "{} {} {}: {} {}",
                row["action"], row["type"], row["name"], row["reason"], row["error"]
            )
        })
        .collect()
}

#[test]
fn real_whole_a_server_comes_back_onto_an_empty_one() {
    let Some(old) = Daemon::full() else { return };
    let before = old.states();
    old.stop_all();
    let ran = old.run(ALL, &["create", "--yes", "-f", "json"]).exits(0);
    assert_eq!(rows(&ran, "failed"), [""; 0]);
    let target = old.target();
    let source = std::fs::read_dir(old.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| old.root().join(name).join("source.json").exists())
        .unwrap();

    let Some(new) = Daemon::start() else { return };
    let restore = |more: &[&str]| {
        let arguments = [
            "restore", "--target", &target, "--from", &source, "-f", "json",
        ];
        new.run(ALL, &[&arguments[..], more].concat())
    };
    let plan = restore(&["--dry-run"]).exits(0);
    assert_eq!(new.query("/1.0/instances").as_array().unwrap().len(), 0);
    let ran = restore(&["--yes"]).exits(0);
    assert_eq!(rows(&ran, "failed"), [""; 0]);
    assert_eq!(
        subjects(&plan),
        subjects(&ran),
        "what was shown is what was done"
    );
    assert_eq!(differences(&new, &target, &source), serde_json::json!([]));
    // A second run finds nothing to do.
    let again = restore(&["--yes"]).exits(0);
    assert_eq!(rows(&again, "done"), [""; 0]);

    new.start_all();
    assert_eq!(new.states(), before);
    new.script(
        "snapshot restore web s0
         stop web --force
         --project own snapshot restore db s1",
    );
    drop(old);
}

#[test]
fn real_whole_a_restore_that_is_interrupted_goes_on_where_it_stopped() {
    let Some(old) = Daemon::full() else { return };
    let before = old.states();
    old.stop_all();
    old.run(ALL, &["create", "--yes"]).exits(0);
    let target = old.target();
    let Some(new) = Daemon::start() else { return };
    let source = old.query("/1.0")["environment"]["server_name"]
        .as_str()
        .unwrap()
        .to_owned();
    let arguments = [
        "restore", "--target", &target, "--from", &source, "--yes", "-f", "json",
    ];
    for pause in [400, 1200, 2500] {
        let mut child = new.command(ALL).args(arguments).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        kill(child.id(), "INT");
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 130)), "{code:?}");
    }
    let ran = new.run(ALL, &arguments).exits(0);
    assert_eq!(rows(&ran, "failed"), [""; 0]);
    assert_eq!(differences(&new, &target, &source), serde_json::json!([]));
    new.start_all();
    assert_eq!(new.states(), before);
    for (project, _) in INSTANCES {
        let path = format!("/1.0/instances?project={project}&recursion=1");
        for instance in new.query(&path).as_array().unwrap() {
            let name = instance["name"].as_str().unwrap();
            assert!(!name.starts_with("incus-backup-tmp"), "{name} is left");
        }
    }
}

/// What is another on the new server, and where it goes to.
const MAPS: [&str; 10] = [
    "--pool-map",
    "tank=fast",
    "--network-map",
    "br0=lan",
    "--profile-map",
    "vols=with-data",
    "--project-map",
    "own=mine",
    "--project-map",
    "limited=jailed",
];

#[test]
fn real_whole_a_server_comes_back_where_things_have_other_names() {
    let Some(old) = Daemon::full() else { return };
    let before = old.states();
    old.stop_all();
    old.run(ALL, &["create", "--yes"]).exits(0);
    let target = old.target();
    let source = old.query("/1.0")["environment"]["server_name"]
        .as_str()
        .unwrap()
        .to_owned();
    let Some(new) = Daemon::start() else { return };
    // A pool of another driver, a network of another address.
    new.script(
        "storage create fast dir
         network create lan ipv4.address=10.177.7.1/24 ipv6.address=none",
    );
    let arguments = [
        "restore", "--target", &target, "--from", &source, "--yes", "-f", "json",
    ];
    let restore = || new.run(ALL, &[&arguments[..], &MAPS].concat());
    let ran = restore().exits(0);
    assert_eq!(rows(&ran, "failed"), [""; 0]);
    let pools: Vec<String> = new
        .query("/1.0/storage-pools?recursion=1")
        .as_array()
        .unwrap()
        .iter()
        .map(|pool| format!("{} {}", pool["name"], pool["driver"]))
        .collect();
    assert_eq!(pools, [r#""default" "dir""#, r#""fast" "dir""#]);
    let networks = new.query("/1.0/networks/lan");
    assert_eq!(networks["config"]["ipv4.address"], "10.177.7.1/24");
    assert!(new.run("incus", &["network", "show", "br0"]).code != Some(0));
    let profile = new.query("/1.0/profiles/with-data");
    assert_eq!(profile["devices"]["data"]["source"], "data");
    let web = new.query("/1.0/instances/web");
    assert_eq!(web["profiles"], serde_json::json!(["default", "with-data"]));
    let db = new.query("/1.0/instances/db?project=mine");
    assert_eq!(db["expanded_devices"]["root"]["pool"], "fast");
    assert_eq!(db["devices"]["mnt"]["pool"], "fast");
    let jailed = new.query("/1.0/projects/jailed");
    assert_eq!(jailed["config"]["restricted"], "true");
    // A second run finds nothing to do.
    let again = restore().exits(0);
    assert_eq!(rows(&again, "done"), [""; 0]);
    let named = [
        ("default", "web"),
        ("mine", "db"),
        ("shared", "mail"),
        ("jailed", "jail"),
    ];
    for (at, state) in named.iter().zip(&before) {
        let (project, name) = *at;
        new.incus(&["--project", project, "start", name]);
        assert_eq!(new.sh(*at, STATE), *state);
    }
}

#[test]
fn real_whole_what_exists_and_differs_is_treated_alike_at_every_level() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(
        "storage create default dir
         profile device add default root disk path=/ pool=default
         profile create p
         profile set p limits.cpu=1
         storage volume create default data user.note=then",
    );
    daemon.image("default", "busybox");
    daemon.script("init busybox web --quiet");
    daemon.run(ALL, &["create", "--yes"]).exits(0);
    daemon.script(
        "profile set p limits.cpu=2
         storage volume set default data user.note=now
         config set web user.note=now",
    );
    let restore = |flag: &[&str], code| {
        let arguments = [&["restore", "--yes", "-f", "json"], flag].concat();
        let ran = daemon.run(ALL, &arguments).exits(code);
        let mut told: Vec<String> = ran
            .rows()
            .iter()
            .filter(|row| row["object"].is_null() || row["object"]["name"] == "p")
            .filter(|row| row["type"] != "image")
            .map(|row| {
                format!(
                    "{} {}",
                    row["action"].as_str().unwrap(),
                    row["type"].as_str().unwrap()
                )
            })
            .collect();
        told.sort();
        told
    };
    let alike = |action: &str| ["config", "instance", "volume"].map(|it| format!("{action} {it}"));
    assert_eq!(restore(&[], 3), alike("refuse"));
    assert_eq!(restore(&["--skip-existing"], 0), alike("skip"));
    assert_eq!(daemon.query("/1.0/profiles/p")["config"]["limits.cpu"], "2");
    let replaced = ["replace instance", "replace volume", "update config"];
    assert_eq!(restore(&["--replace"], 0), replaced);
    assert_eq!(daemon.query("/1.0/profiles/p")["config"]["limits.cpu"], "1");
    assert_eq!(
        daemon.query("/1.0/instances/web")["config"].get("user.note"),
        None
    );
    let path = "/1.0/storage-pools/default/volumes/custom/data";
    assert_eq!(daemon.query(path)["config"]["user.note"], "then");
    assert_eq!(restore(&[], 0), alike("skip"));
    // What the backup lacks stays, and goes only by force.
    daemon.script("profile create extra");
    restore(&["--replace"], 0);
    daemon.incus(&["profile", "show", "extra"]);
    restore(&["--force"], 0);
    assert!(daemon.run("incus", &["profile", "show", "extra"]).code != Some(0));
}

/// Asks for something and goes away before the answer.
fn ask_and_go(daemon: &Daemon, path: &str, body: &serde_json::Value) {
    use std::io::Write as _;
    let mut socket = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
    let body = body.to_string();
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn real_whole_a_network_whose_maker_was_killed_is_made_by_the_next_run() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script("network create br0 ipv4.address=10.166.7.1/24 ipv6.address=none");
    daemon.run(ALL, &["create", "--yes"]).exits(0);
    daemon.script("network delete br0");
    let status = || {
        let ran = daemon.run("incus", &["query", "/1.0/networks/br0"]);
        let network: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        network["status"].as_str().unwrap_or_default().to_owned()
    };
    let config = serde_json::json!({ "ipv4.address": "10.166.7.1/24", "ipv6.address": "none" });
    let body = serde_json::json!({ "name": "br0", "type": "bridge", "config": config });
    ask_and_go(&daemon, "/1.0/networks", &body);
    // What it comes to depends on the server: nothing, a record alone, or a network.
    until(10, "the server to settle", || {
        let before = status();
        std::thread::sleep(Duration::from_millis(500));
        before == status()
    });
    let left = status();
    let restore = || {
        daemon
            .run(ALL, &["restore", "--yes", "-f", "json"])
            .exits(0)
    };
    let ran = restore();
    let networks = rows(&ran, "done");
    match left.as_str() {
        "Created" => assert_eq!(networks, [""; 0]),
        _ => assert_eq!(networks.len(), 1, "{left}: {networks:?}"),
    }
    assert_eq!(status(), "Created");
    let bridge = daemon.run("ip", &["-br", "link", "show", "br0"]).exits(0);
    assert!(bridge.stdout.contains("br0"), "{}", bridge.stdout);
    assert_eq!(rows(&restore(), "done"), [""; 0]);
}
