//! `incus-backup-all` against the fake daemon.

use incus_backup::testing::fake::{Fault, Series};

use crate::fake::World;
use crate::lab::{Bare as _, Ran, command};

fn all(world: &World, arguments: &[&str]) -> Ran {
    let mut command = command(env!("CARGO_BIN_EXE_incus-backup-all"));
    command
        .args(arguments)
        .bare()
        .env("INCUS_DIR", world.folder.path())
        .env("INCUS_CONF", world.folder.path().join("none"))
        .env(
            "INCUS_BACKUP_TARGET",
            format!("dir:{}", world.root().display()),
        );
    Ran::of(&command.output().unwrap())
}

/// The type and the status of each row, in their order.
fn told(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = ran.rows();
    let told = rows
        .iter()
        .map(|row| (text(&row["type"]), text(&row["status"])));
    told.collect()
}

#[test]
fn a_whole_server_is_backed_up_by_one_run_in_the_order_of_its_restore() {
    let world = World::with_web(Series::Lts70, "zfs");
    world
        .incus
        .state()
        .add_instance("db", "tank", "Stopped", "container");
    let plan = all(&world, &["create", "--dry-run", "-f", "json"]).exits(0);
    assert!(!world.root().exists(), "a dry run changes nothing");
    let ran = all(&world, &["create", "--yes", "-f", "json"]).exits(0);
    let done = |kind: &str| (kind.to_owned(), "done".to_owned());
    assert_eq!(
        told(&ran),
        [
            done("config"),
            done("image"),
            done("instance"),
            done("instance")
        ]
    );
    assert_eq!(plan.rows().len(), 4);
    let listed = all(&world, &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed.len(), 4);
    let mut runs: Vec<String> = Vec::new();
    for row in &listed {
        let name = row["name"].as_str().unwrap_or_default();
        let place = match row["type"].as_str().unwrap() {
            "config" => "fake/config".to_owned(),
            kind => format!("fake/{kind}s/default/{name}"),
        };
        let version = row["version"].as_str().unwrap();
        let manifest = world.root().join(place).join(version).join("manifest.json");
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
        runs.push(manifest["run"].to_string());
    }
    runs.dedup();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn one_thing_that_fails_costs_only_itself() {
    let world = World::with_web(Series::Lts70, "zfs");
    world
        .incus
        .state()
        .add_instance("db", "tank", "Stopped", "container");
    world
        .incus
        .inject(Fault::Refuse("POST", "/db/backups", 403, "not allowed"));
    let ran = all(&world, &["create", "--yes", "-f", "json"]).exits(3);
    let statuses: Vec<String> = told(&ran).into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["done", "done", "failed", "done"]);
    assert!(ran.stderr.contains("not allowed"), "{}", ran.stderr);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_kind_can_be_left_out_and_a_server_has_no_name() {
    let world = World::with_web(Series::Lts60, "btrfs");
    let ran = all(
        &world,
        &[
            "create", "--skip", "config", "--skip", "image", "--yes", "-f", "json",
        ],
    )
    .exits(0);
    assert_eq!(told(&ran), [("instance".to_owned(), "done".to_owned())]);
    let ran = all(&world, &["create", "web"]).exits(2);
    assert!(ran.stderr.contains("write `REMOTE:`"), "{}", ran.stderr);
}

/// The rows about a kind of object or resource, as `action name: reason (status)`.
fn rows_of(ran: &Ran, kind: &str) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = ran.rows();
    let of_kind = rows.iter().filter(|row| match row["object"].as_object() {
        Some(object) => object["kind"] == kind,
        None => row["type"] == kind,
    });
    let told = of_kind.map(|row| {
        let object = &row["object"]["name"];
        let name = if object.is_null() {
            &row["name"]
        } else {
            object
        };
        format!(
            "{} {}: {} ({})",
            text(&row["action"]),
            text(name),
            text(&row["reason"]),
            text(&row["status"])
        )
    });
    told.collect()
}

#[test]
fn a_whole_server_comes_back_where_things_have_other_names() {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.object["devices"]["eth1"] = serde_json::json!({ "type": "nic", "network": "incusbr0" });
        web.snapshots.clear();
    }
    all(&world, &["create", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        state.pools.remove("tank");
        state.add_pool("fast", "zfs");
        state.networks.push("lan".into());
    }
    let maps = [
        "restore",
        "--pool-map",
        "tank=fast",
        "--network-map",
        "incusbr0=lan",
        "--profile-map",
        "default=plain",
        "-f",
        "json",
    ];
    let plan = all(&world, &[&maps[..], &["--dry-run"]].concat()).exits(0);
    let ran = all(&world, &[&maps[..], &["--yes"]].concat()).exits(0);
    let shown = |ran: &Ran, kind| {
        let rows = rows_of(ran, kind).into_iter();
        let without_status = |row: String| row.rsplit_once(" (").unwrap().0.to_owned();
        rows.map(without_status).collect::<Vec<_>>()
    };
    for kind in ["storage-pool", "network", "profile", "instance"] {
        assert_eq!(shown(&plan, kind), shown(&ran, kind));
    }
    assert_eq!(
        rows_of(&ran, "storage-pool"),
        [
            "skip default: it is equal (skipped)",
            "skip fast: it is equal; what is there stands in for `tank` (skipped)",
        ]
    );
    assert_eq!(
        rows_of(&ran, "network"),
        [
            "skip lan: it is equal; what is there stands in for `incusbr0` (skipped)",
            "keep incusbr0: the backup lacks it; --force deletes it (skipped)",
        ]
    );
    assert_eq!(
        rows_of(&ran, "profile"),
        [
            "keep default: every server has it (skipped)",
            "create plain: in the backup `default` (done)",
        ]
    );
    assert_eq!(
        rows_of(&ran, "instance"),
        [
            "create web: crash-consistent; to pool `fast`; profile `default` becomes `plain`; \
             network `incusbr0` becomes `lan`; left stopped (done)"
        ]
    );
    let mut state = world.incus.state();
    assert_eq!(
        state.profile_contents["plain"]["devices"]["eth0"]["network"],
        "lan"
    );
    let web = state.instance("web").unwrap();
    assert_eq!(web.object["profiles"], serde_json::json!(["plain"]));
    assert_eq!(web.object["devices"]["root"]["pool"], "fast");
    assert_eq!(web.object["devices"]["eth1"]["network"], "lan");
    drop(state);
    // What came back under other names is equal, and nothing is left to do.
    let again = all(&world, &[&maps[..], &["--yes"]].concat()).exits(0);
    let statuses = told(&again);
    assert!(
        statuses.iter().all(|(_, status)| status == "skipped"),
        "{statuses:?}"
    );
}

#[test]
fn what_exists_and_differs_is_treated_alike_be_it_an_instance_or_a_profile() {
    let world = World::with_web(Series::Lts70, "zfs");
    all(&world, &["create", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        let note = serde_json::json!({ "config": { "user.note": "later" }, "devices": {} });
        state.profile_contents.insert("default".into(), note);
        let web = state.instance("web").unwrap();
        web.object["config"]["user.note"] = "later".into();
    }
    let restore = |flag: &[&str], code| {
        let arguments = [&["restore", "-f", "json", "--yes"], flag].concat();
        let ran = all(&world, &arguments).exits(code);
        let of = |kind| {
            let row = rows_of(&ran, kind).remove(0);
            row.split_once(' ').unwrap().0.to_owned()
        };
        (of("profile"), of("instance"))
    };
    let notes = || {
        let mut state = world.incus.state();
        let profile = state.profile_contents["default"]["config"]["user.note"].clone();
        let web = state.instance("web").unwrap().object["config"]["user.note"].clone();
        (profile, web)
    };
    let pair = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(restore(&[], 3), pair("refuse"));
    assert_eq!(restore(&["--skip-existing"], 0), pair("skip"));
    assert_eq!(notes(), ("later".into(), "later".into()));
    assert_eq!(
        restore(&["--replace"], 0),
        ("update".to_owned(), "replace".to_owned())
    );
    assert_eq!(notes(), (serde_json::Value::Null, "x".into()));
}
