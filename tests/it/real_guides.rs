//! The guides of `docs/`, word for word: their `sh` blocks are run in one shell, from the first to the last.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::daemon::Daemon;
use crate::lab::{Lab, Ran, command, lab, program_for};
use crate::restic::needs_restic;

/// The commands of a guide, in parts that begin where a heading does that `parts` names. The programs
/// are where packages put them, and tests where cargo does.
fn commands(guide: &str, parts: &[&str]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(guide);
    let text = fs::read_to_string(path).unwrap();
    let mut rest = text.as_str();
    let mut scripts = Vec::new();
    for heading in parts {
        let (before, after) = rest.split_once(&format!("\n## {heading}\n")).unwrap();
        scripts.push(script(before));
        rest = after;
    }
    scripts.push(script(rest));
    scripts
}

fn script(text: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    let programs = program_for("x").parent().unwrap().display().to_string();
    script.replace("/usr/bin/incus-backup", &format!("{programs}/incus-backup"))
}

/// A shell with a client configuration, a home and a target of its own, in a project with `web` in it.
fn shell(lab: &mut Lab, script: &str) -> Ran {
    let project = lab.project();
    let home = lab.folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let image = crate::lab::variable("LAB_IMAGE").unwrap_or_else(|| "busybox".to_owned());
    lab.incus(&["--project", &project, "launch", &image, "web"]);
    let programs = program_for("x").parent().unwrap().display().to_string();
    let path = crate::lab::variable("PATH").unwrap();
    let conf = home.join("conf");
    copy_client(&conf);
    let output = command("bash")
        .args(["-euxo", "pipefail", "-c", script])
        .env("HOME", &home)
        .env("INCUS_CONF", &conf)
        .env("INCUS_PROJECT", &project)
        .env("INCUS_BACKUP_TARGET", lab.target())
        .env("PATH", format!("{programs}:{path}"))
        .output()
        .unwrap();
    Ran::of(&output)
}

/// The client's own configuration, so that aliases are added to a copy.
fn copy_client(to: &Path) {
    fs::create_dir(to).unwrap();
    let home = crate::lab::variable("HOME").unwrap();
    let from =
        crate::lab::variable("INCUS_CONF").unwrap_or_else(|| format!("{home}/.config/incus"));
    let Ok(entries) = fs::read_dir(from) else {
        return;
    };
    for entry in entries.map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[rstest]
#[case::first_backup("first-backup.md", 10)]
#[case::from_scripts("from-scripts.md", 7)]
fn real_guides_do_what_they_say(#[case] guide: &str, #[case] at_least: usize) {
    let Some(mut lab) = lab() else { return };
    let script = commands(guide, &[]).remove(0);
    assert!(script.lines().count() >= at_least, "{script}");
    shell(&mut lab, &script).exits(0);
}

/// In a folder of its own, for its keys.
#[test]
fn real_guides_encrypt_to_a_key_and_restore_with_it() {
    let Some(mut lab) = lab() else { return };
    let script = commands("encryption.md", &[]).remove(0);
    assert!(script.lines().count() >= 24, "{script}");
    shell(&mut lab, &format!("cd\n{script}")).exits(0);
}

/// With restic, and a server for it on a port that is free.
#[test]
fn real_guides_a_repository_is_kept_as_its_guide_says() {
    needs_restic!();
    let Some(mut lab) = lab() else { return };
    let Some(rclone) = crate::lab::variable("TEST_RCLONE") else {
        eprintln!("left out: there is no rclone to test with");
        return;
    };
    let script = commands("restic-guide.md", &[]).remove(0);
    assert!(script.lines().count() >= 40, "{script}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port().to_string();
    drop(port);
    let folder = |program: &Path| program.parent().unwrap().display().to_string();
    let restic = folder(&crate::restic::binary().unwrap());
    let rclone = folder(Path::new(&rclone));
    let script = script.replace("8000", &number);
    let prologue = format!(
        "cd; export PATH={restic}:{rclone}:$PATH XDG_CACHE_HOME=$HOME/.cache\n\
         trap 'kill $server 2>/dev/null || :' EXIT; server=\n"
    );
    shell(&mut lab, &(prologue + &script)).exits(0);
}

/// A shell on a server of a test's own, with the programs on its way and a target.
fn on(daemon: &Daemon, target: &str, script: &str) -> Ran {
    let programs = program_for("x").parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", crate::lab::variable("PATH").unwrap());
    let mut shell = daemon.command("bash");
    shell
        .args(["-euxo", "pipefail", "-c", script])
        .env("HOME", daemon.folder())
        .env("INCUS_BACKUP_TARGET", target)
        .env("PATH", path);
    Ran::of(&shell.output().unwrap())
}

#[test]
fn real_guides_tell_monitoring_what_is_well_and_what_is_not() {
    let Some(server) = Daemon::full() else { return };
    let [script] = commands("monitoring.md", &[]).try_into().unwrap();
    on(&server, &server.target(), &script).exits(0);
    // What the guide says is found is found.
    server.script("init busybox new --profile default --quiet");
    let asked = "incus-backup-all list --unprotected --max-age 26h --format json";
    let found = on(&server, &server.target(), asked).exits(4).rows();
    let names: Vec<&str> = found
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["new"]);
}

#[test]
fn real_guides_bring_a_whole_server_back_onto_a_new_one() {
    let Some(old) = Daemon::full() else { return };
    let before = old.states();
    old.stop_all();
    let run = |daemon: &Daemon, script: &str| on(daemon, &old.target(), script).exits(0);
    let name = old.query("/1.0")["environment"]["server_name"].clone();
    let [first, then] = commands("whole-server.md", &["On the new machine"])
        .try_into()
        .unwrap();
    run(&old, &first);
    let Some(new) = Daemon::start() else { return };
    let restored = run(&new, &then.replace("prod", name.as_str().unwrap()));
    let (_, again) = restored.stdout.rsplit_once("ACTION").unwrap();
    assert!(
        again.contains("skip") && !again.contains("create") && !again.contains("update"),
        "{again}"
    );
    new.start_all();
    assert_eq!(new.states(), before);
}

/// From the lab's own kind of server to another one, whose pool has another name.
#[test]
fn real_guides_move_a_container_to_another_server() {
    let Some(old) = Daemon::start() else { return };
    let Some(new) = Daemon::start() else { return };
    for (daemon, pool) in [(&old, "default"), (&new, "fast")] {
        daemon.script(&format!(
            "storage create {pool} dir
             profile device add default root disk path=/ pool={pool}"
        ));
    }
    old.image("default", "busybox");
    old.script("launch busybox web --quiet");
    old.sh(
        ("default", "web"),
        "mkdir -p /etc; echo ID=precious >/etc/os-release; sync",
    );
    let remotes: String = [("prod", &old), ("dr", &new)]
        .map(|(name, daemon)| format!("  {name}:\n    addr: unix:{}\n", daemon.socket().display()))
        .concat();
    let conf = old.folder().join("conf");
    fs::create_dir_all(&conf).unwrap();
    fs::write(
        conf.join("config.yml"),
        format!("default-remote: prod\nremotes:\n{remotes}"),
    )
    .unwrap();
    let [script] = commands("moving.md", &[]).try_into().unwrap();
    assert!(script.lines().count() >= 13, "{script}");
    on(&old, &old.target(), &script).exits(0);
    let there = new
        .run("incus", &["list", "--format=csv", "--columns=ns"])
        .stdout;
    assert_eq!(there, "web,RUNNING\nweb-test,RUNNING\n");
    assert_eq!(
        new.sh(("default", "web"), "cat /etc/os-release"),
        "ID=precious\n"
    );
    assert_eq!(old.run("incus", &["list", "--format=csv"]).stdout, "");
}
