//! The configuration of real servers brought back: to an empty server, to one that has changed, from bad
//! versions, by a connection that it cuts.

use incus_backup::plan::Mapping;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::lab::Ran;
use crate::real_config::{FILL, PROGRAM, differences};

/// The rows of a restore that are not as `skip` and `keep` leave them, as `action kind name status`.
#[track_caller]
fn done(ran: &Ran) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ran.rows()
        .iter()
        .filter(|row| row["action"] != "skip" && row["action"] != "keep")
        .map(|row| {
            format!(
                "{} {} {} {}",
                text(&row["action"]),
                text(&row["object"]["kind"]),
                text(&row["object"]["name"]),
                text(&row["status"])
            )
        })
        .collect()
}

/// A backup of a server, and an empty server whose `incus` has both as the remotes `full` and `empty`.
struct Pair {
    full: Daemon,
    empty: Daemon,
    source: String,
}

impl Pair {
    fn start(lines: &str) -> Option<Self> {
        let (full, empty) = (Daemon::start()?, Daemon::start()?);
        full.script(lines);
        if full.has("network_address_set") {
            full.script(
                "network address-set create office
                 network address-set add office 10.7.7.0/24
                 network acl rule add ops ingress action=allow source=$office
                 config set core.storage_buckets_address=127.0.0.1:9000
                 storage bucket create default files user.a=1
                 storage bucket key create default files reader --role=read-only",
            );
        }
        full.trust("https", "127.0.0.1:8443");
        full.config(&["create", "--yes"]).exits(0);
        let source = full.config(&["list", "-f", "json"]).rows()[0]["source"].clone();
        let source = source.as_str().unwrap().to_owned();
        // Both sides read the same target.
        std::os::unix::fs::symlink(full.root(), empty.root()).unwrap();
        Some(Self {
            full,
            empty,
            source,
        })
    }

    fn restore(&self, more: &[&str]) -> Ran {
        let mut arguments = vec!["restore", "--from", &self.source, "--yes", "-f", "json"];
        arguments.extend(more);
        self.empty.config(&arguments)
    }

    /// What differs between the two servers.
    fn differences(&self) -> Vec<String> {
        let remotes = format!(
            "remotes:\n  full: {{ addr: 'unix://{}' }}\n  empty: {{ addr: 'unix://{}' }}\n",
            self.full.socket().display(),
            self.empty.socket().display()
        );
        let folder = self.empty.folder().join("both");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.yml"), remotes).unwrap();
        let mut command = self.empty.command(PROGRAM);
        command
            .args(["diff", "full:", "empty:", "-f", "json"])
            .env("INCUS_CONF", folder);
        differences(&Ran::of(&command.output().unwrap()).exits(0))
    }

    /// Rewrites a file of the only version so that its checksums still hold: what a newer server or an
    /// attacker would have written.
    fn rewrite(&self, file: &str, from: &str, to: &str) {
        let version = self.full.versions().remove(0);
        let path = version.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        let new = text.replacen(from, to, 1);
        let digest = |text: &str| incus_backup::model::Sha256::of(text.as_bytes()).to_string();
        let manifest = std::fs::read_to_string(version.join("manifest.json")).unwrap();
        let mut parsed: Value = serde_json::from_str(&manifest).unwrap();
        for part in parsed["config"]["files"].as_array_mut().unwrap() {
            if part["file"] == file {
                part["size"] = json!(new.len());
                part["sha256"] = json!(digest(&new));
            }
        }
        std::fs::write(path, new).unwrap();
        std::fs::write(version.join("manifest.json"), parsed.to_string()).unwrap();
    }
}

#[test]
fn what_has_other_names_there_gets_them() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    let maps = [
        ["--pool-map", "default=fast"],
        ["--network-map", "br0=lab0"],
        ["--profile-map", "vols=data"],
        ["--project-map", "own=theirs"],
    ];
    let mut renamed = maps.concat();
    renamed.push("--with-empty-volumes");
    let ran = pair.restore(&renamed).exits(0);
    let done = done(&ran);
    for row in [
        "create storage-pool fast done",
        "create network lab0 done",
        "create profile data done",
        "create project theirs done",
    ] {
        assert!(done.iter().any(|it| it == row), "{row} is not in {done:#?}");
    }
    let data = pair.empty.query("/1.0/profiles/data");
    assert_eq!(data["devices"]["data"]["pool"], "fast");
    let default = pair.empty.query("/1.0/profiles/default");
    assert_eq!(default["devices"]["root"]["pool"], "fast");
    assert_eq!(default["devices"]["eth0"]["network"], "lab0");
    let theirs = pair.empty.query("/1.0/profiles/default?project=theirs");
    assert_eq!(theirs["devices"]["root"]["pool"], "tank");
    let pools = pair.empty.query("/1.0/storage-pools");
    assert_eq!(
        pools,
        json!(["/1.0/storage-pools/fast", "/1.0/storage-pools/tank"])
    );
}

#[test]
fn an_empty_server_is_given_everything() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    let preview = pair
        .restore(&["--dry-run", "--with-empty-volumes"])
        .exits(0);
    assert_eq!(
        pair.empty
            .query("/1.0/networks?recursion=1")
            .as_array()
            .unwrap()
            .iter()
            .filter(|network| network["managed"] == true)
            .count(),
        0
    );
    let ran = pair.restore(&["--with-empty-volumes"]).exits(0);
    let without_result = |row: &Value| {
        let mut row = row.clone();
        for key in [
            "status",
            "error",
            "duration_ms",
            "stored_size",
            "consistency",
        ] {
            row.as_object_mut().unwrap().remove(key);
        }
        row
    };
    let shown: Vec<Value> = preview.rows();
    let acted: Vec<Value> = ran.rows().iter().map(without_result).collect();
    assert_eq!(
        shown, acted,
        "what was previewed is what was done, row by row"
    );
    let order: Vec<String> = done(&ran);
    let at = |row: &str| {
        let found = order.iter().position(|done| done.starts_with(row));
        found.unwrap_or_else(|| panic!("{row} is not in {order:#?}"))
    };
    assert!(at("create storage-pool tank") < at("create project own"));
    assert!(at("create project own") < at("create network-acl ops"));
    assert!(at("create network-acl web") < at("update network-acl ops"));
    assert!(at("update network-acl ops") < at("create network br0"));
    assert!(at("create network br0") < at("create network-forward 10.166.9.9"));
    assert!(at("create volume data") < at("create profile vols"));
    assert!(at("create profile vols") < at("update project limited"));
    assert!(at("update project limited") < at("create certificate"));
    assert!(at("create server-key user.note") < at("create server-key core.https_address"));
    assert_eq!(pair.differences(), Vec::<String>::new());
    let again = pair.restore(&["--with-empty-volumes"]).exits(0);
    assert_eq!(
        done(&again),
        Vec::<String>::new(),
        "a second run finds nothing to do"
    );
    let features = &pair.empty.query("/1.0/projects/shared")["config"];
    assert_eq!(features["features.images"], "false");
    assert_eq!(features["features.storage.volumes"], "false");
}

#[test]
fn data_is_left_to_those_who_bring_it() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    pair.restore(&[]).exits(0);
    let mut left = vec![
        "removed volume data",
        "removed volume disk",
        "removed volume private",
    ];
    if pair.full.has("network_address_set") {
        left.push("removed bucket files");
    }
    assert_eq!(pair.differences(), left);
}

#[test]
fn what_a_server_does_not_know_does_not_hide_the_rest() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    pair.rewrite(
        "networks.json",
        "\"ipv4.address\"",
        "\"future.key\": \"1\", \"ipv4.address\"",
    );
    pair.rewrite(
        "server.json",
        "\"objects\": [",
        "\"objects\": [{ \"name\": \"future.password\", \"set\": { \"value\": \"topsecret9\" } },",
    );
    let ran = pair.restore(&["--with-empty-volumes"]).exits(3);
    let failed: Vec<String> = done(&ran)
        .into_iter()
        .filter(|row| !row.ends_with(" done"))
        .collect();
    assert_eq!(
        failed,
        [
            "create network br0 failed",
            "create server-key future.password failed"
        ]
    );
    assert!(
        ran.stderr.contains("the server does not know `future.key`"),
        "{}",
        ran.stderr
    );
    assert!(
        !format!("{}{}", ran.stdout, ran.stderr).contains("topsecret"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        pair.differences(),
        Vec::<String>::new(),
        "all the rest is applied"
    );
}

#[test]
fn a_bad_version_changes_nothing() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    let before = pair.empty.query("/1.0/projects?recursion=1");
    let version = pair.full.versions().remove(0);
    let untouched = std::fs::read_to_string(version.join("profiles.json")).unwrap();
    std::fs::write(
        version.join("profiles.json"),
        untouched.replace("topsecret1", "topsecret0"),
    )
    .unwrap();
    let ran = pair.restore(&[]).exits(4);
    assert!(
        ran.stderr.contains("its SHA-256 is not the one"),
        "{}",
        ran.stderr
    );
    std::fs::write(version.join("profiles.json"), untouched).unwrap();
    pair.rewrite(
        "profiles.json",
        "\"project\": \"own\"",
        "\"project\": \"../../etc\"",
    );
    let ran = pair.restore(&[]).exits(4);
    assert!(
        ran.stderr.contains("`profiles.json` cannot be used"),
        "{}",
        ran.stderr
    );
    assert_eq!(pair.empty.query("/1.0/projects?recursion=1"), before);
}

#[test]
fn extras_are_kept_and_deleted_only_by_force_and_unused() {
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    pair.restore(&["--with-empty-volumes"]).exits(0);
    pair.empty.script(
        "project create extra-empty
         project create extra-used
         --project extra-used profile create something
         network create extra0 ipv4.address=none ipv6.address=none
         network create extra1 ipv4.address=none ipv6.address=none
         profile device add default eth1 nic network=extra1
         storage create extra dir
         config set user.extra=1",
    );
    let kept = pair
        .restore(&["--kind", "networks", "--kind", "projects"])
        .exits(0);
    assert_eq!(done(&kept), Vec::<String>::new());
    let ran = pair
        .restore(&[
            "--force",
            "--kind",
            "networks",
            "--kind",
            "projects",
            "--kind",
            "storage_pools",
            "--kind",
            "server",
        ])
        .exits(0);
    assert_eq!(
        done(&ran),
        [
            "delete network extra0 done",
            "delete project extra-empty done",
            "delete storage-pool extra done",
            "delete server-key user.extra done"
        ]
    );
    let stay = |row: &&Value| row["action"] == "keep";
    let kept: Vec<Value> = ran
        .rows()
        .iter()
        .filter(stay)
        .map(|row| row["object"]["name"].clone())
        .collect();
    assert_eq!(kept, ["extra1", "extra-used"]);
}

#[test]
fn the_connection_in_use_is_cut_last_and_that_is_said() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    daemon.trust("https", "127.0.0.1:8443");
    daemon.config(&["create", "--yes"]).exits(0);
    daemon.script(
        "config set core.https_address=127.0.0.1:8444
         config set user.note=other
         remote set-url https https://127.0.0.1:8444",
    );
    let source = daemon.config(&["list", "-f", "json"]).rows()[0]["source"].clone();
    let source = source.as_str().unwrap();
    let restore = ["restore", "https:", "--from", source, "-f", "json"];
    let preview = daemon
        .config(&[&restore[..], &["--dry-run"]].concat())
        .exits(0);
    let last = preview.rows().pop().unwrap();
    assert_eq!(last["object"]["name"], "core.https_address");
    assert!(
        last["reason"].as_str().unwrap().contains("may be cut off"),
        "{last}"
    );
    let ran = daemon.config(&[&restore[..], &["--yes"]].concat());
    assert!([Some(0), Some(3)].contains(&ran.code), "{}", ran.stderr);
    let config = &daemon.query("/1.0")["config"];
    assert_eq!(config["core.https_address"], "127.0.0.1:8443");
    assert_eq!(config["user.note"], "hello");
    // From the server itself nothing can be cut.
    daemon.incus(&["config", "set", "core.https_address=127.0.0.1:8444"]);
    let preview = daemon
        .config(&["restore", "--dry-run", "-f", "json"])
        .exits(0);
    let row = preview
        .rows()
        .into_iter()
        .find(|row| row["object"]["name"] == "core.https_address")
        .unwrap();
    assert_eq!(
        (row["action"].as_str(), row["reason"].as_str()),
        (Some("update"), Some(""))
    );
}

#[tokio::test]
async fn what_changed_since_the_plan_is_not_overwritten() {
    use incus_backup::{config, plan, progress};
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    let client = daemon.client().await;
    let backup = config::read(&client).await.unwrap();
    daemon.script(
        "profile set vols limits.cpu=1
         network set br0 ipv4.nat=true
         config set user.note=then",
    );
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let facts = config::gather_restore(&client, backup, &Mapping::default(), now)
        .await
        .unwrap();
    let planned = config::plan_restore(&config::RestoreRequest::default(), &facts);
    assert_eq!(planned.rows().filter(|row| row.action.changes()).count(), 3);
    daemon.script(
        "profile set vols limits.cpu=2
         config set user.note=now",
    );
    let approved = planned.approve(plan::Consent::given_by_yes());
    let cancel = progress::Cancel::new();
    let report = config::apply_restore(&client, approved, &progress::Silent, &cancel).await;
    let told: Vec<String> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.row.action.changes())
        .map(|outcome| {
            format!(
                "{} {}",
                outcome.row.subject(),
                outcome
                    .error
                    .as_ref()
                    .map_or_else(|| "done".to_owned(), ToString::to_string)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "network br0 done",
            "profile vols profile `vols` has changed since the plan was made: the plan is outdated",
            "server-key user.note server-key `user.note` has changed since the plan was made: the plan is outdated",
        ]
    );
    assert_eq!(
        daemon.query("/1.0/profiles/vols")["config"]["limits.cpu"],
        "2"
    );
    assert_eq!(daemon.query("/1.0")["config"]["user.note"], "now");
    assert_eq!(
        daemon.query("/1.0/networks/br0")["config"].get("ipv4.nat"),
        None
    );
}

#[test]
fn what_was_changed_is_changed_back() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.script(FILL);
    daemon.trust("https", "127.0.0.1:8443");
    daemon.config(&["create", "--yes"]).exits(0);
    let certificate = daemon.query("/1.0/certificates?recursion=1")[0]["fingerprint"].clone();
    let certificate = format!("/1.0/certificates/{}", certificate.as_str().unwrap());
    daemon.incus(&[
        "query",
        "-X",
        "PATCH",
        "-d",
        r#"{"restricted":true,"projects":["own"]}"#,
        &certificate,
    ]);
    daemon.script(
        "storage set default --property description=x
         project set own user.a=1
         project set limited limits.instances=7
         project set limited --property description=x
         network acl rule remove web ingress --force
         network acl rule add web egress action=reject
         network zone set example.net dns.nameservers=ns.example.net
         network zone record entry add example.net www A 10.9.9.8
         network set br0 ipv4.dhcp=false
         network forward port remove br0 10.166.9.9 tcp 80
         network forward set br0 10.166.9.9 --property description=x
         storage volume set default data user.a=1
         profile device remove vols data
         profile unset default environment.X
         profile set default limits.memory=64MiB
         profile delete vols
         config set user.note=other
         config unset user.api.token",
    );
    let changed = differences(&daemon.config(&["diff", "-f", "json"]).exits(0));
    assert_eq!(changed.len(), 14, "{changed:#?}");
    let ran = daemon.config(&["restore", "--yes", "-f", "json"]).exits(0);
    assert_eq!(done(&ran).len(), 15, "{:#?}", done(&ran));
    assert_eq!(
        differences(&daemon.config(&["diff", "-f", "json"]).exits(0)),
        Vec::<String>::new()
    );
    // The running daemon keeps what it chose for itself.
    let pool = daemon.query("/1.0/storage-pools/tank");
    assert!(
        pool["config"]["source"]
            .as_str()
            .unwrap()
            .ends_with("/disks/tank.img")
    );
}

/// Cancels a run when it begins its n-th object.
#[derive(Debug)]
struct Stop {
    after: std::sync::atomic::AtomicUsize,
    cancel: incus_backup::progress::Cancel,
}

impl incus_backup::progress::Progress for Stop {
    fn task(&self, name: &str) -> Box<dyn incus_backup::progress::Task> {
        use std::sync::atomic::Ordering;
        if self.after.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cancel.cancel();
        }
        incus_backup::progress::Silent.task(name)
    }

    fn warn(&self, _message: &str) {}
}

#[tokio::test]
async fn a_restore_that_was_stopped_goes_on_where_it_stopped() {
    use incus_backup::{config, plan, progress};
    let Some(pair) = Pair::start(FILL) else {
        return;
    };
    let (full, empty) = (pair.full.client().await, pair.empty.client().await);
    let request = config::RestoreRequest {
        empty_volumes: true,
        ..config::RestoreRequest::default()
    };
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let mut runs = 0;
    loop {
        let backup = config::read(&full).await.unwrap();
        let facts = config::gather_restore(&empty, backup, &Mapping::default(), now)
            .await
            .unwrap();
        let planned = config::plan_restore(&request, &facts);
        if !planned.changes_anything() {
            break;
        }
        runs += 1;
        assert!(runs < 20, "it does not get on");
        let cancel = progress::Cancel::new();
        let stop = Stop {
            after: 5.into(),
            cancel: cancel.clone(),
        };
        let approved = planned.approve(plan::Consent::given_by_yes());
        let report = config::apply_restore(&empty, approved, &stop, &cancel).await;
        for outcome in &report.outcomes {
            assert!(outcome.error.is_none(), "{outcome:?}");
        }
    }
    assert!(runs > 3, "it was stopped {runs} times");
    assert_eq!(pair.differences(), Vec::<String>::new());
}
