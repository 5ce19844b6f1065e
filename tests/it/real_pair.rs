//! Two real servers: what is stored of one is brought to the other.

use std::fs;

use crate::daemon::Daemon;
use crate::lab::{Ran, command, lab, program_for, variable};

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

/// Two servers and one that is not there, in one command.
#[test]
fn several_servers_are_backed_up_by_one_command_and_one_that_is_down_costs_a_row() {
    let Some(one) = Daemon::start() else { return };
    let Some(two) = Daemon::start() else { return };
    for (daemon, name) in [(&one, "a"), (&two, "b")] {
        daemon.script(
            "storage create default dir
             profile device add default root disk path=/ pool=default",
        );
        daemon.image("default", "busybox");
        daemon.script(&format!("launch busybox {name} --quiet"));
        daemon.sh(
            ("default", name),
            "mkdir -p /data; echo precious >/data/x; sync",
        );
    }
    let nobody = one.folder().join("nobody");
    let remote = |name: &str, socket: &std::path::Path| {
        format!("  {name}:\n    addr: unix:{}\n", socket.display())
    };
    let remotes = [
        remote("one", &one.socket()),
        remote("two", &two.socket()),
        remote("down", &nobody),
    ];
    let conf = one.folder().join("conf");
    fs::create_dir_all(&conf).unwrap();
    let text = format!("default-remote: one\nremotes:\n{}", remotes.concat());
    fs::write(conf.join("config.yml"), text).unwrap();
    let all = program_for("all");
    let run = |arguments: &[&str]| one.run(all.to_str().unwrap(), arguments);
    let create = ["create", "one:", "two:", "down:", "--parallel", "4"];
    let more = ["--parallel-per-server", "1", "--yes", "-f", "json"];
    let ran = run(&[&create[..], &more].concat()).exits(3);
    let rows = ran.rows();
    let refused: Vec<_> = rows.iter().filter(|row| row["status"] != "done").collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0]["source"], "down");
    let listed = run(&["list", "-f", "json"]).exits(0).rows();
    for (source, name) in [("one", "a"), ("two", "b")] {
        let mut of_source = listed.iter().filter(|row| row["source"] == source);
        assert!(of_source.any(|row| row["type"] == "instance" && row["name"] == name));
        assert!(!listed.iter().any(|row| row["source"] == "down"));
    }
    let verified = one.run(
        program_for("verify").to_str().unwrap(),
        &["--level", "full", "-q"],
    );
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    two.script("delete --force b");
    run(&["restore", "two:", "--skip", "config", "--start", "--yes"]).exits(0);
    assert_eq!(two.sh(("default", "b"), "cat /data/x"), "precious\n");
}
