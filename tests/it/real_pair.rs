//! Two real servers: what is stored of one is brought to the other.

use std::fs;

use crate::daemon::Daemon;
use crate::lab::{Ran, command, lab, variable};

/// A container of the lab's comes to another server, into another project and pool, and beside itself.
#[test]
fn an_instance_moves_to_another_server_and_is_cloned_beside_itself() {
    let Some(mut lab) = lab() else { return };
    let Some(other) = Daemon::start() else { return };
    other.script(
        "storage create fast dir
         project create shop -c features.images=false -c features.profiles=false",
    );
    let name = lab.launch("pair", &[]);
    lab.sh(&name, "mkdir -p /data; echo precious >/data/x; sync");
    lab.backup(&["create", &name, "--yes"]).exits(0);
    let source = lab.backup(&["list", "-f", "json"]).exits(0).rows()[0]["source"].clone();

    // One client that knows both.
    let conf = lab.folder.path().join("conf");
    let own = variable("INCUS_CONF").expect("the lab has a configuration of its own");
    let copied = command("cp")
        .args(["-r", &own, conf.to_str().unwrap()])
        .status();
    assert!(copied.unwrap().success());
    let remote = format!(
        "remotes:\n  dr:\n    addr: unix:{}\n",
        other.socket().display()
    );
    let file = conf.join("config.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("remotes:\n", &remote, 1)).unwrap();
    let restore = |to: &str, more: &[&str]| {
        let from = source.as_str().unwrap();
        let arguments = ["restore", to, "--from", from, "--yes", "-f", "json"];
        let mut command = lab.backup_command(&[arguments.as_slice(), more].concat());
        Ran::of(&command.env("INCUS_CONF", &conf).output().unwrap())
    };
    let to = format!("dr:{name}");
    let refused = restore(&to, &["--drop-missing-devices"]).exits(1);
    assert!(refused.stderr.contains("--pool-map"), "{}", refused.stderr);
    let pool = format!("{}=fast", lab.pool_dir());
    let moved = [
        "--pool-map",
        &pool,
        "--to-project",
        "shop",
        "--drop-missing-devices",
    ];
    restore(&to, &moved).exits(0);
    let there = other.query(&format!("/1.0/instances/{name}?project=shop"));
    let here = lab.query(&format!("/1.0/instances/{name}"));
    assert_eq!(there["expanded_devices"]["root"]["pool"], "fast");
    assert_eq!(
        there["config"]["volatile.uuid"],
        here["config"]["volatile.uuid"]
    );
    let pulled = other.run(
        "incus",
        &[
            "--project",
            "shop",
            "file",
            "pull",
            &format!("{name}/data/x"),
            "-",
        ],
    );
    assert_eq!(pulled.stdout, "precious\n", "{}", pulled.stderr);

    let clone = format!("{name}-b");
    lab.adopt(&clone);
    lab.backup(&[
        "restore",
        &name,
        "--target-name",
        &clone,
        "--start",
        "--yes",
    ])
    .exits(0);
    assert_eq!(lab.status(&name), "Running");
    assert_eq!(lab.status(&clone), "Running");
    let beside = lab.query(&format!("/1.0/instances/{clone}"));
    for key in ["volatile.uuid", "volatile.eth0.hwaddr"] {
        assert_ne!(beside["config"][key], here["config"][key], "{key}");
    }
}
