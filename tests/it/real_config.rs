//! The configuration of real servers: backed up, shown and compared.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::lab::Ran;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_incus-backup-config");

/// Two pools of different drivers, a network with an ACL and a forward, a zone, three projects (one
/// with everything of its own, one that shares, one that is limited), profiles that name volumes.
pub const FILL: &str = "
    storage create default dir
    storage create tank btrfs size=256MiB
    project create own
    project create shared -c features.images=false -c features.profiles=false
    project set shared features.storage.volumes=false
    project create limited -c limits.instances=5 -c restricted=true -c restricted.snapshots=allow
    storage volume create default data
    storage volume create default disk --type=block size=8MiB
    network acl create web --description=x
    network acl create ops
    network acl rule add web ingress action=allow source=10.1.0.0/16 protocol=tcp destination_port=22
    network acl rule add ops egress action=drop destination=ops,web
    network zone create example.net
    network zone record create example.net www
    network zone record entry add example.net www A 10.9.9.9 --ttl 300
    network create br0 ipv4.address=10.166.7.1/24 ipv6.address=none security.acls=web
    network set br0 dns.zone.forward=example.net
    network forward create br0 10.166.9.9 target_address=10.166.7.20
    network forward port add br0 10.166.9.9 tcp 80 10.166.7.21 8080
    profile device add default root disk path=/ pool=default
    profile device add default eth0 nic network=br0
    profile create vols
    profile device add vols data disk pool=default source=data path=/mnt
    profile set vols environment.DB=topsecret1
    --project own profile device add default root disk path=/ pool=tank
    --project own storage volume create tank private
    --project limited profile set default limits.cpu=1
    config set user.note=hello
    config set images.auto_update_interval=12
    config set user.api.token=topsecret2
";

impl Daemon {
    /// Runs the program under test.
    pub fn config(&self, arguments: &[&str]) -> Ran {
        self.run(PROGRAM, arguments)
    }

    /// Starts a container.
    fn launch(&self, name: &str) {
        let image = self.folder().join("busybox.tar.gz");
        let script = format!(
            ". {}/scripts/lib.sh; busybox_image {}",
            env!("CARGO_MANIFEST_DIR"),
            image.display()
        );
        self.run("bash", &["-c", &script]).exits(0);
        let image = image.to_str().unwrap();
        self.incus(&["image", "import", image, "--alias", "busybox", "--quiet"]);
        self.incus(&["launch", "busybox", name, "--quiet"]);
    }

    /// A connection of this very process.
    pub async fn client(&self) -> incus_backup::incus::Client {
        use incus_backup::incus;
        let environment = incus::Environment {
            incus_dir: Some(self.socket().parent().unwrap().to_owned()),
            incus_conf: Some(self.folder().join("none")),
            ..incus::Environment::default()
        };
        let settings = incus::Config::load(&environment).unwrap();
        let local = "local".parse().unwrap();
        incus::Client::connect(&settings, &local, &environment)
            .await
            .unwrap()
    }

    /// The folders of the stored versions, oldest first.
    pub fn versions(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for source in std::fs::read_dir(self.root()).unwrap() {
            let folder = source.unwrap().path().join("config");
            let inside = std::fs::read_dir(folder).into_iter().flatten();
            found.extend(inside.map(|entry| entry.unwrap().path()));
        }
        found.sort();
        found
    }
}

#[track_caller]
fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// What differs, as `change kind name`.
#[track_caller]
pub fn differences(ran: &Ran) -> Vec<String> {
    let all = json_of(ran);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |item: &Value| {
        format!(
            "{} {} {}",
            text(&item["change"]),
            text(&item["kind"]),
            text(&item["name"])
        )
    };
    all.as_array().unwrap().iter().map(told).collect()
}

#[test]
fn two_backups_of_an_unchanged_server_are_equal() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    daemon.launch("c1");
    daemon.incus(&["snapshot", "create", "c1", "s0"]);
    daemon.config(&["create", "--yes"]).exits(0);
    daemon.config(&["create", "--yes"]).exits(0);
    let versions = daemon.versions();
    let [first, second] = versions.as_slice() else {
        panic!("{versions:?}")
    };
    let mut names: Vec<_> = std::fs::read_dir(first)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names.len(),
        24,
        "21 kinds, environment, checksums, manifest: {names:?}"
    );
    for name in names {
        let (old, new) = (first.join(&name), second.join(&name));
        let mode = std::fs::metadata(&old).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{name:?}");
        if name != "manifest.json" {
            assert_eq!(
                std::fs::read_to_string(old).unwrap(),
                std::fs::read_to_string(new).unwrap(),
                "{name:?}"
            );
        }
    }
    let instances = daemon.config(&["show", "--kind", "instances", "-f", "json"]);
    let instances = json_of(&instances);
    assert_eq!(instances[0]["name"], "c1");
    assert_eq!(instances[0]["state"]["status"], "Running");
    assert_eq!(instances[0]["set"]["snapshots"][0]["name"], "s0");
    daemon.config(&["diff", "--exit-code"]).exits(0);
}

#[test]
fn what_is_shown_and_compared_has_no_secrets() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    let mut said = String::new();
    let mut note = |ran: Ran| {
        said.push_str(&ran.stdout);
        said.push_str(&ran.stderr);
        ran
    };
    note(daemon.config(&["create", "--yes", "--debug"]).exits(0));
    let shown = note(daemon.config(&[
        "show", "--kind", "profiles", "--kind", "server", "-f", "json",
    ]));
    assert!(shown.stdout.contains("(secret)"));
    daemon.script(
        "profile set vols environment.DB=topsecret3
         config set user.api.token=topsecret4
         config set user.note=other",
    );
    let compared = note(daemon.config(&["diff", "-f", "json"]).exits(0));
    assert_eq!(
        differences(&compared),
        [
            "changed server-key user.api.token",
            "changed server-key user.note",
            "changed profile vols"
        ]
    );
    assert_eq!(json_of(&compared)[0]["fields"][0]["new"], "(secret)");
    assert_eq!(
        json_of(&compared)[1]["fields"],
        json!([{ "path": ["value"], "old": "hello", "new": "other" }])
    );
    note(daemon.config(&["diff", "--exit-code"]).exits(4));
    assert!(!said.contains("topsecret"), "{said}");
    let shown = daemon.config(&["diff", "--show-secrets"]).exits(0);
    assert!(
        shown
            .stdout
            .contains(r#"value: "topsecret2" → "topsecret4""#),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_client_that_may_not_see_all_is_told_so() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    daemon.incus(&["config", "set", "core.https_address", "127.0.0.1:8443"]);
    let token = daemon.incus(&[
        "config",
        "trust",
        "add",
        "tenant",
        "--restricted",
        "--projects",
        "own",
        "--quiet",
    ]);
    let token = token.lines().last().unwrap();
    daemon.incus(&["remote", "add", "tenant", token, "--quiet"]);
    // It is given lists without what it may not see, and no error.
    for verb in [
        &["create", "tenant:", "--yes"][..],
        &["diff", "tenant:", "local:"],
    ] {
        let ran = daemon.config(verb).exits(1);
        assert!(ran.stderr.contains("only administrators"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    assert!(!daemon.root().exists());
}
