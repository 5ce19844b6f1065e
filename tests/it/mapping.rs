//! Restores to where things have other names, or are not there.

use incus_backup::testing::fake::{Fault, Series};
use rstest::rstest;
use serde_json::{Value, json};

use crate::fake::World;

/// A server on which `web` had a profile, a network and a volume that are all gone now, and of which
/// `web` itself is gone too.
fn moved(arguments: &[&str]) -> World {
    let world = World::with_web(Series::Lts60, "btrfs");
    {
        let mut state = world.incus.state();
        state.profiles.push("special".into());
        let devices = json!({ "eth1": { "type": "nic", "network": "lan" } });
        let content = json!({ "config": { "limits.cpu": "2" }, "devices": devices });
        state.profile_contents.insert("special".into(), content);
        state.networks.push("lan".into());
        state.volumes.push("tank/vol".into());
        let web = state.instance("web").unwrap();
        web.object["profiles"] = json!(["default", "special"]);
        web.object["devices"]["eth0"] = json!({ "type": "nic", "network": "lan" });
        web.object["devices"]["data"] =
            json!({ "type": "disk", "pool": "tank", "source": "vol", "path": "/mnt" });
        web.snapshots.clear();
        web.add_snapshot("s0", "2077-01-02T03:04:05Z");
    }
    let mut create = vec!["create", "web", "--yes"];
    create.extend(arguments);
    world.run(&create).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        state.profiles.retain(|name| name == "default");
        state.profile_contents.clear();
        state.networks.clear();
        state.volumes.clear();
        state.requests.clear();
    }
    world
}

/// Everything of `web` that refers to something else, in the instance and in its snapshot.
fn references(world: &World, name: &str) -> (Value, Value) {
    let mut state = world.incus.state();
    let instance = state.instance(name).unwrap();
    let told = |object: &serde_json::Map<String, Value>| json!({ "profiles": object["profiles"], "devices": object["devices"] });
    (told(&instance.object), told(&instance.snapshots[0].object))
}

fn reason(world: &World, arguments: &[&str]) -> (String, String) {
    let mut all = vec!["restore", "web", "--dry-run", "-f", "json"];
    all.extend(arguments);
    let rows = world.run(&all).rows();
    let text = |key: &str| rows[0][key].as_str().unwrap().to_owned();
    (text("action"), text("reason"))
}

#[test]
fn what_is_missing_is_named_with_the_flags_that_help() {
    let world = moved(&[]);
    let (action, reason) = reason(&world, &[]);
    assert_eq!(action, "refuse");
    assert_eq!(
        reason,
        "missing profiles: `special` (--profile-map OLD=NEW uses another, --with-profiles brings \
         back what was saved with it); missing networks: `lan` (--network-map OLD=NEW uses others, \
         --drop-missing-devices restores without the devices that need them); missing volumes: \
         `tank/vol` (--pool-map OLD=NEW looks in others, --drop-missing-devices restores without \
         the devices that need them)"
    );
}

#[test]
fn a_name_that_is_mapped_to_nothing_is_missing_too() {
    let world = moved(&[]);
    let (action, reason) = reason(
        &world,
        &[
            "--network-map",
            "lan=nowhere",
            "--profile-map",
            "special=none",
        ],
    );
    assert_eq!(action, "refuse");
    assert!(
        reason.contains("missing profiles: `none` (--profile-map OLD=NEW uses another)")
            && reason.contains("missing networks: `nowhere`"),
        "{reason}"
    );
}

#[test]
fn everything_gets_its_new_name_in_the_instance_and_its_snapshots() {
    let world = moved(&[]);
    {
        let mut state = world.incus.state();
        state.add_pool("fast", "zfs");
        state.networks.push("wan".into());
        state.profiles.push("plain".into());
        state.volumes.push("fast/vol".into());
    }
    let arguments = [
        "--network-map",
        "lan=wan",
        "--profile-map",
        "special=plain",
        "--pool-map",
        "tank=fast",
    ];
    assert_eq!(
        reason(&world, &arguments),
        (
            "create".into(),
            "crash-consistent; to pool `fast`; profile `special` becomes `plain`; network `lan` \
             becomes `wan`; left stopped"
                .into()
        )
    );
    let mut all = vec!["restore", "web", "--yes"];
    all.extend(arguments);
    world.run(&all).exits(0);
    let expected = json!({ "profiles": ["default", "plain"], "devices": {
        "root": { "type": "disk", "path": "/", "pool": "fast" },
        "eth0": { "type": "nic", "network": "wan" },
        "data": { "type": "disk", "pool": "fast", "source": "vol", "path": "/mnt" },
    }});
    assert_eq!(references(&world, "web"), (expected.clone(), expected));
}

#[test]
fn missing_profiles_come_back_as_they_were_saved_and_missing_devices_are_left_out() {
    let world = moved(&[]);
    world.incus.state().networks.push("wan".into());
    let (_, reason) = reason(
        &world,
        &[
            "--with-profiles",
            "--network-map",
            "lan=wan",
            "--drop-missing-devices",
        ],
    );
    assert_eq!(
        reason,
        "crash-consistent; brings back profile `special`; network `lan` becomes `wan`; without \
         devices `data`, whose networks or volumes are missing: tank/vol; left stopped"
    );
    world
        .run(&[
            "restore",
            "web",
            "--yes",
            "--with-profiles",
            "--network-map",
            "lan=wan",
            "--drop-missing-devices",
        ])
        .exits(0);
    let expected = json!({ "profiles": ["default", "special"], "devices": {
        "root": { "type": "disk", "path": "/", "pool": "tank" },
        "eth0": { "type": "nic", "network": "wan" },
    }});
    assert_eq!(references(&world, "web"), (expected.clone(), expected));
    let state = world.incus.state();
    let special = &state.profile_contents["special"];
    assert_eq!(special["config"], json!({ "limits.cpu": "2" }));
    assert_eq!(special["devices"]["eth1"]["network"], "wan");
}

#[test]
fn a_profile_that_is_there_is_never_changed() {
    let world = moved(&[]);
    {
        let mut state = world.incus.state();
        state.networks.push("lan".into());
        state.volumes.push("tank/vol".into());
        state.profiles.push("special".into());
        let content = json!({ "config": { "limits.cpu": "7" }, "devices": {} });
        state.profile_contents.insert("special".into(), content);
    }
    world
        .run(&["restore", "web", "--yes", "--with-profiles"])
        .exits(0);
    let state = world.incus.state();
    assert_eq!(
        state.profile_contents["special"]["config"]["limits.cpu"],
        "7"
    );
    assert!(
        !state
            .requests
            .iter()
            .any(|it| it.contains("/profiles") && !it.starts_with("GET"))
    );
}

#[test]
fn a_profile_that_was_made_for_a_restore_that_failed_does_not_stay() {
    let world = moved(&[]);
    {
        let mut state = world.incus.state();
        state.networks.push("lan".into());
        state.volumes.push("tank/vol".into());
        state
            .faults
            .push(Fault::Fail("Restoring backup", "the disk is on fire"));
    }
    world
        .run(&["restore", "web", "--yes", "--with-profiles"])
        .exits(1);
    let state = world.incus.state();
    assert_eq!(state.profiles, ["default"]);
    assert!(state.requests.iter().any(|it| it == "POST /1.0/profiles"));
}

#[test]
fn a_nic_that_is_left_out_does_not_give_way_to_that_of_a_profile() {
    let world = moved(&[]);
    {
        let mut state = world.incus.state();
        state.networks.push("wan".into());
        state.profiles.push("special".into());
        let devices = json!({ "eth0": { "type": "nic", "network": "wan" } });
        let content = json!({ "config": {}, "devices": devices });
        state.profile_contents.insert("special".into(), content);
    }
    world
        .run(&["restore", "web", "--yes", "--drop-missing-devices"])
        .exits(0);
    let (instance, _) = references(&world, "web");
    assert_eq!(instance["devices"]["eth0"], json!({ "type": "none" }));
    assert_eq!(instance["devices"].get("data"), None);
}

#[test]
fn what_only_a_snapshot_refers_to_is_not_asked_for() {
    let world = World::with_web(Series::Lts60, "btrfs");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.snapshots[0].object["devices"]["eth1"] = json!({ "type": "nic", "network": "gone" });
    }
    world.run(&["create", "web", "--yes"]).exits(0);
    world.incus.state().instances.clear();
    world.run(&["restore", "web", "--yes"]).exits(0);
    let (_, snapshot) = references(&world, "web");
    assert_eq!(snapshot["devices"]["eth1"]["network"], "gone");
    world.incus.state().instances.clear();
    world
        .run(&["restore", "web", "--yes", "--drop-missing-devices"])
        .exits(0);
    let (_, snapshot) = references(&world, "web");
    assert_eq!(snapshot["devices"].get("eth1"), None);
}

#[rstest]
#[case(&["--to-project", "lab"])]
#[case(&["--project-map", "default=lab", "--project-map", "x=y"])]
fn another_project_takes_it_and_a_copy_beside_the_original_is_another_one(
    #[case] arguments: &[&str],
) {
    let world = World::with_web(Series::Lts60, "btrfs");
    world
        .incus
        .state()
        .projects
        .insert("lab".into(), serde_json::Map::new());
    world.run(&["create", "web", "--yes"]).exits(0);
    let uuid = |world: &World| {
        let state = world.incus.state();
        let web = state.instances.get(&("lab".into(), "web".into())).unwrap();
        assert_eq!(web.object["project"], "lab");
        web.object["config"].get("volatile.uuid").cloned()
    };
    let mut all = vec!["restore", "web", "--yes", "-f", "json"];
    all.extend(arguments);
    let rows = world.run(&all).exits(0).rows();
    assert_eq!(
        rows[0]["reason"],
        "crash-consistent; into project `lab`; with a new identity, because the original exists; \
         left stopped"
    );
    assert_ne!(uuid(&world), Some("uuid-web".into()));
    world.incus.state().instances.clear();
    let rows = world.run(&all).exits(0).rows();
    assert_eq!(
        rows[0]["reason"],
        "crash-consistent; into project `lab`; left stopped"
    );
    assert_eq!(uuid(&world), Some("uuid-web".into()));
    assert_eq!(world.incus.state().instances.len(), 1);
}

#[test]
fn two_that_would_get_one_name_are_not_both_restored() {
    let world = World::with_web(Series::Lts60, "btrfs");
    {
        let mut state = world.incus.state();
        for project in ["other", "lab"] {
            state
                .projects
                .insert(project.into(), serde_json::Map::new());
        }
        let mut web = state.instance("web").unwrap().clone();
        web.object.insert("project".into(), json!("other"));
        state.instances.insert(("other".into(), "web".into()), web);
    }
    world.run(&["create", "--all-projects", "--yes"]).exits(0);
    let ran = world
        .run(&[
            "restore",
            "--all-projects",
            "--to-project",
            "lab",
            "--yes",
            "-f",
            "json",
        ])
        .exits(3);
    let rows = ran.rows();
    assert_eq!(rows[0]["status"], "done");
    assert_eq!(
        rows[1]["reason"],
        "something else is restored to `web` of project `lab`"
    );
}

#[test]
fn an_optimized_archive_gets_new_names_after_it_is_imported() {
    let world = moved(&["--optimized"]);
    {
        let mut state = world.incus.state();
        state.networks.extend(["lan".into(), "wan".into()]);
        state.volumes.push("tank/vol".into());
        state.profiles.extend(["plain".into(), "special".into()]);
    }
    world
        .run(&[
            "restore",
            "web",
            "--yes",
            "--network-map",
            "lan=wan",
            "--profile-map",
            "special=plain",
        ])
        .exits(0);
    let (instance, _) = references(&world, "web");
    assert_eq!(instance["profiles"], json!(["default", "plain"]));
    assert_eq!(instance["devices"]["eth0"]["network"], "wan");
}

#[test]
fn an_optimized_archive_that_names_what_is_missing_is_refused() {
    let world = moved(&["--optimized"]);
    {
        let mut state = world.incus.state();
        state.networks.push("wan".into());
        state.profiles.push("plain".into());
    }
    let (action, reason) = reason(
        &world,
        &[
            "--network-map",
            "lan=wan",
            "--profile-map",
            "special=plain",
            "--drop-missing-devices",
        ],
    );
    assert_eq!(action, "refuse");
    assert_eq!(
        reason,
        "missing profiles: `special` (its optimized format cannot be rewritten before it is \
         imported, and names them); missing networks or volumes: `lan`, `tank/vol` (its optimized \
         format cannot be rewritten before it is imported, and names them)"
    );
}

#[rstest]
#[case(&["--network-map", "lan"], "a mapping is written OLD=NEW")]
#[case(&["--profile-map", "a/b=c"], "it contains a `/`")]
#[case(&["--to-project", "a", "--project-map", "a=b"], "cannot be used with")]
fn a_mapping_that_is_none_is_wrong_usage(#[case] arguments: &[&str], #[case] text: &str) {
    let world = World::with_web(Series::Lts60, "btrfs");
    let mut all = vec!["restore", "web"];
    all.extend(arguments);
    let ran = world.run(&all).exits(2);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
}

#[test]
fn a_project_that_is_not_there_is_told_before_anything_is_sent() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let ran = world
        .run(&["restore", "web", "--to-project", "nowhere", "--yes"])
        .exits(1);
    assert!(
        ran.stderr.contains("project `nowhere` does not exist"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_damaged_description_brings_no_profile_back() {
    let world = moved(&[]);
    let version = world.run(&["list", "-f", "json"]).exits(0).rows()[0]["version"].clone();
    let path = format!(
        "fake/instances/default/web/{}/instance.json",
        version.as_str().unwrap()
    );
    let path = world.root().join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("limits.cpu", "limits.cpX")).unwrap();
    let (action, reason) = reason(&world, &["--with-profiles", "--drop-missing-devices"]);
    assert_eq!(action, "refuse");
    assert!(reason.contains("missing profiles: `special`"), "{reason}");
}
