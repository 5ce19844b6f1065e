//! A real server behind a network that breaks off at random points.

use std::fs;

use crate::cutting::Proxy;
use crate::lab::{Lab, Ran, lab, variable};
use crate::seed::{Chance, times};

/// Runs a command against the HTTPS remote through a proxy that cuts some connections; gives how many.
fn through(lab: &Lab, arguments: &[&str], chance: &mut Chance) -> (Ran, usize) {
    let url = variable("LAB_HTTPS_URL").expect("the lab names its address");
    let to = url.strip_prefix("https://").unwrap();
    let cuts = (2 + chance.below(3), 12_000_000);
    let proxy = Proxy::tcp(to, chance.clone(), cuts);
    let conf = lab.folder.path().join(format!("conf{}", proxy.port));
    let own = variable("INCUS_CONF").expect("the lab has a configuration of its own");
    let copied = crate::lab::command("cp")
        .args(["-r", &own, conf.to_str().unwrap()])
        .status();
    assert!(copied.unwrap().success());
    let file = conf.join("config.yml");
    let text = fs::read_to_string(&file).unwrap();
    let through = format!("https://127.0.0.1:{}", proxy.port);
    fs::write(&file, text.replace(&url, &through)).unwrap();
    let mut command = lab.backup_command(arguments);
    command.env("INCUS_CONF", conf);
    let ran = Ran::of(&command.output().unwrap());
    (ran, proxy.made())
}

#[test]
fn a_create_and_a_restore_by_https_end_right_however_often_the_connection_breaks() {
    let Some(mut lab) = lab() else { return };
    let remote = variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote");
    let mut chance = Chance::of("real_flaky");
    let name = lab.launch("flaky", &[]);
    lab.sh(
        &name,
        "mkdir /data; head -c 8000000 /dev/urandom >/data/x; sync; sha256sum /data/x >/data/sum",
    );
    let sum = lab.sh(&name, "cat /data/sum");
    let what = format!("{remote}:{name}");
    let mut made = 0;
    for round in 0..times("FAULT_CUTS", 3) {
        let create = ["create", &what, "--yes", "--debug"];
        let (ran, cuts) = through(&lab, &create, &mut chance);
        made += cuts;
        assert_eq!(ran.code, Some(0), "create, round {round}: {}", ran.stderr);
        assert_eq!(lab.versions("default", &name).len(), round + 1);
        assert_eq!(lab.left_over(&name), Vec::<String>::new(), "{}", ran.stderr);
        let verified = lab.backup_of("verify", &["--level", "full", "-q"]);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
        lab.sh(&name, "rm /data/x");
        let restore = ["restore", &what, "--replace", "--start", "--yes", "--debug"];
        let (ran, cuts) = through(&lab, &restore, &mut chance);
        made += cuts;
        assert_eq!(ran.code, Some(0), "restore, round {round}: {}", ran.stderr);
        assert_eq!(lab.sh(&name, "sha256sum /data/x"), sum, "{}", ran.stderr);
        assert_eq!(lab.left_over(&name), Vec::<String>::new(), "{}", ran.stderr);
    }
    assert!(made > 5, "only {made} connections were cut");
}
