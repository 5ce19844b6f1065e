//! Remotes that do not work are told apart, each with what to do.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::lab::{Lab, Ran, command, lab, program, variable};
use crate::terminal::TestTerminal;

/// A copy of the lab's client configuration that a test may spoil.
fn configuration(lab: &Lab) -> PathBuf {
    let copy = lab.folder.path().join("conf");
    let own = variable("INCUS_CONF").expect("the lab has a configuration of its own");
    let copied = command("cp")
        .args(["-r", &own, copy.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(copied.success());
    copy
}

fn refused(lab: &Lab, conf: &PathBuf) -> String {
    let remote = variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote");
    let mut command = command(program());
    command.args(["create", &format!("{remote}:"), "--yes"]);
    command
        .env("INCUS_CONF", conf)
        .env("INCUS_BACKUP_TARGET", lab.target());
    Ran::of(&command.output().unwrap()).exits(1).stderr
}

#[test]
fn a_remote_without_a_client_certificate_is_told() {
    let Some(lab) = lab() else { return };
    let conf = configuration(&lab);
    fs::remove_file(conf.join("client.crt")).unwrap();
    let said = refused(&lab, &conf);
    assert!(
        said.contains("there is no client certificate and key (`"),
        "{said}"
    );
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn a_remote_with_a_wrong_pin_is_told() {
    let Some(lab) = lab() else { return };
    let conf = configuration(&lab);
    let wrong = rcgen::generate_simple_self_signed(vec!["elsewhere".to_owned()]).unwrap();
    for entry in fs::read_dir(conf.join("servercerts")).unwrap() {
        fs::write(entry.unwrap().path(), wrong.cert.pem()).unwrap();
    }
    let said = refused(&lab, &conf);
    assert!(said.contains("is not the one that is trusted"), "{said}");
}

#[test]
fn a_remote_that_trusts_somebody_else_is_told() {
    let Some(lab) = lab() else { return };
    let conf = configuration(&lab);
    let other = rcgen::generate_simple_self_signed(vec!["somebody".to_owned()]).unwrap();
    fs::write(conf.join("client.crt"), other.cert.pem()).unwrap();
    fs::write(conf.join("client.key"), other.signing_key.serialize_pem()).unwrap();
    let said = refused(&lab, &conf);
    assert!(said.contains("does not trust this client"), "{said}");
    assert!(said.contains("incus config trust add"), "{said}");
}

/// Both ways in which OpenSSL protects keys; the older one is what the `incus` client opens too.
#[test]
fn a_remote_is_reached_by_a_key_with_a_password() {
    let Some(lab) = lab() else { return };
    let conf = configuration(&lab);
    let (key, plain) = (conf.join("client.key"), conf.join("plain.key"));
    fs::rename(&key, &plain).unwrap();
    let [from, to] = [&plain, &key].map(|path| path.to_str().unwrap());
    let pass = "pass:over the hills";
    let pkcs8 = ["pkcs8", "-topk8", "-in", from, "-out", to, "-passout", pass];
    let legacy = ["ec", "-aes256", "-in", from, "-out", to, "-passout", pass];
    for how in [&pkcs8, &legacy] {
        let made = command("openssl").args(how).output();
        let Ok(made) = made else {
            eprintln!("left out: no openssl");
            return;
        };
        Ran::of(&made).exits(0);
        let remote = variable("LAB_HTTPS_REMOTE").expect("the lab names its HTTPS remote");
        let mut command =
            lab.command_for("config", &["create", &format!("{remote}:"), "--dry-run"]);
        command.env("INCUS_CONF", &conf).stdout(Stdio::piped());
        let terminal = TestTerminal::open();
        let child = terminal.run(&mut command);
        terminal.answer("Password of", "over the hills");
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", terminal.said());
        assert!(ran.stdout.contains("create"), "{}", ran.stdout);
    }
}

#[test]
fn a_remote_that_nobody_answers_at_is_told() {
    let Some(lab) = lab() else { return };
    let conf = configuration(&lab);
    let url = variable("LAB_HTTPS_URL").expect("the lab names its address");
    let file = conf.join("config.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&url, "https://127.0.0.1:9")).unwrap();
    let said = refused(&lab, &conf);
    assert!(said.starts_with("error: cannot reach the remote"), "{said}");
    assert!(said.contains("https://127.0.0.1:9"), "{said}");
}
