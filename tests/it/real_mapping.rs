//! Restores to where things have other names, on a real server.

use serde_json::Value;

use crate::lab::{Lab, lab, unique, variable};

fn instance(lab: &Lab, project: &str, name: &str) -> Value {
    lab.query(&format!("/1.0/instances/{name}?project={project}"))
}

#[test]
fn another_project_with_other_networks_and_no_profile_takes_it() {
    let Some(mut lab) = lab() else { return };
    let Some(bridge) = variable("LAB_BRIDGE") else {
        return;
    };
    let project = lab.project();
    let (profile, network, volume) = (unique("mapped"), unique("mv"), unique("vol"));
    let network = network.replace('-', "");
    lab.incus(&["profile", "create", &profile]);
    lab.incus(&["profile", "set", &profile, "user.mapped=yes"]);
    lab.incus(&[
        "network",
        "create",
        &network,
        "--type=macvlan",
        &format!("parent={bridge}"),
    ]);
    lab.incus(&["storage", "volume", "create", "default", &volume]);
    let name = lab.launch("map", &["-p", "default", "-p", &profile]);
    lab.incus(&[
        "config",
        "device",
        "add",
        &name,
        "eth1",
        "nic",
        "name=eth1",
        &format!("network={network}"),
    ]);
    lab.incus(&[
        "config",
        "device",
        "add",
        &name,
        "data",
        "disk",
        "pool=default",
        "path=/srv",
        &format!("source={volume}"),
    ]);
    lab.sh(&name, "echo kept >/kept; sync");
    lab.incus(&["snapshot", "create", &name, "s0"]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    lab.incus(&["delete", "-f", &name]);
    lab.incus(&["profile", "delete", &profile]);
    lab.incus(&["network", "delete", &network]);
    lab.incus(&["storage", "volume", "delete", "default", &volume]);

    let refused = lab.backup(&["restore", &name, "--yes"]).exits(1);
    for text in ["--with-profiles", "--network-map", "--drop-missing-devices"] {
        assert!(refused.stderr.contains(text), "{}", refused.stderr);
    }
    let map = format!("{network}={bridge}");
    let arguments = [
        "restore",
        &name,
        "--yes",
        "--start",
        "--to-project",
        &project,
        "--with-profiles",
        "--network-map",
        &map,
        "--drop-missing-devices",
    ];
    lab.backup(&arguments).exits(0);
    let restored = instance(&lab, &project, &name);
    assert_eq!(restored["status"], "Running");
    assert_eq!(restored["profiles"][1], profile.as_str());
    assert_eq!(restored["expanded_config"]["user.mapped"], "yes");
    assert_eq!(restored["devices"]["eth1"]["network"], bridge.as_str());
    assert_eq!(restored["devices"].get("data"), None);
    let snapshot = lab.query(&format!(
        "/1.0/instances/{name}/snapshots/s0?project={project}"
    ));
    assert_eq!(snapshot["devices"]["eth1"]["network"], bridge.as_str());
    assert_eq!(snapshot["profiles"][1], profile.as_str());
    let kept = lab.incus(&["--project", &project, "exec", &name, "--", "cat", "/kept"]);
    assert_eq!(kept, "kept\n");
    lab.incus(&["--project", &project, "snapshot", "restore", &name, "s0"]);
}

#[test]
fn an_optimized_archive_gets_other_profiles_and_a_masked_device_after_its_import() {
    let Some(mut lab) = lab() else { return };
    let (old, new) = (lab.profile(), lab.profile());
    let pool = lab.pool_btrfs();
    let name = lab.launch("rigid", &["-s", &pool, "-p", "default", "-p", &old]);
    lab.backup(&["create", &name, "--yes", "--optimized"])
        .exits(0);
    let map = format!("{old}={new}");
    lab.backup(&[
        "restore",
        &name,
        "--yes",
        "--replace",
        "--start",
        "--profile-map",
        &map,
    ])
    .exits(0);
    let restored = instance(&lab, "default", &name);
    assert_eq!(restored["profiles"][1], new.as_str());
    assert_eq!(restored["status"], "Running");
}

#[test]
fn a_copy_in_another_project_beside_the_original_runs_beside_it() {
    let Some(mut lab) = lab() else { return };
    let project = lab.project();
    let name = lab.launch("beside", &[]);
    lab.backup(&["create", &name, "--yes"]).exits(0);
    lab.backup(&[
        "restore",
        &name,
        "--yes",
        "--start",
        "--to-project",
        &project,
    ])
    .exits(0);
    let (original, copy) = (
        instance(&lab, "default", &name),
        instance(&lab, &project, &name),
    );
    assert_eq!(
        (&original["status"], &copy["status"]),
        (&"Running".into(), &"Running".into())
    );
    assert_ne!(
        original["config"]["volatile.uuid"],
        copy["config"]["volatile.uuid"]
    );
    assert!(copy["config"]["volatile.uuid"].is_string());
}
