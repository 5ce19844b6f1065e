//! What the TAB key offers.

use std::time::{Duration, Instant};

use incus_backup::testing::fake::{FakeImage, Series};

use crate::fake::World;
use crate::lab::{Ran, command, lab, program_for};
use crate::restic::{self, Repository, needs_restic};

/// A server with `web`, `db` and a volume, of which `web` is backed up.
fn world() -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    {
        let mut state = world.incus.state();
        state.add_instance("db", "tank", "Stopped", "container");
        state.add_volume("tank", "data");
    }
    let conf = world.folder.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    let socket = world.folder.path().join("unix.socket");
    let remotes = format!(
        "remotes: {{prod: {{addr: 'unix://{}'}}, images: {{addr: 'https://x', protocol: simplestreams}}}}\n",
        socket.display()
    );
    std::fs::write(conf.join("config.yml"), remotes).unwrap();
    std::fs::write(
        conf.join("backup.yml"),
        "targets: {nas: {uri: 'dir:/mnt/nas'}}\nnotifications: {mail: {command: [mail]}}\n",
    )
    .unwrap();
    for moment in ["2026-01-01T03:04:05Z", "2026-01-02T03:04:05Z"] {
        let mut command = world.command(&["create", "web", "--yes"]);
        command.env("INCUS_BACKUP_TEST_CLOCK", moment);
        Ran::of(&command.output().unwrap()).exits(0);
    }
    world
}

/// What is offered, none of it with a word on stderr.
#[track_caller]
fn offered(
    world: &World,
    kind: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Vec<String> {
    let mut command = world.command_for(kind, arguments);
    command.env("INCUS_CONF", world.folder.path().join("conf"));
    command.envs(environment.iter().copied());
    let ran = Ran::of(&command.output().unwrap()).exits(0);
    assert_eq!(ran.stderr, "");
    ran.stdout.lines().map(str::to_owned).collect()
}

/// As bash asks, with the cursor at the end of the line.
#[track_caller]
fn bash(world: &World, line: &str) -> Vec<String> {
    let kind = line
        .split(' ')
        .next()
        .unwrap()
        .trim_start_matches("incus-backup-")
        .to_owned();
    offered(
        world,
        &kind,
        &["--", "_"],
        &[("COMPLETE", "bash"), ("INCUS_BACKUP_LINE", line)],
    )
}

/// What is offered is put into a command line as it is.
#[test]
fn a_name_that_a_shell_would_run_is_not_offered() {
    let world = world();
    {
        let mut state = world.incus.state();
        for name in ["$(touch x)", "a;reboot", "`id`", "a b", "*"] {
            state.add_volume("tank", name);
        }
    }
    let volumes = ["tank/data"];
    let line = "incus-backup-volume create tank/";
    assert_eq!(bash(&world, line), volumes);
    assert_eq!(fish(&world, "volume", &["create", "tank/"]), volumes);
    let asked = ["__complete", "tank/", "create"];
    let offered = offered(&world, "volume", &asked, &[("INCUS_ALIASES", "1")]);
    assert!(
        offered.iter().all(|line| !line.contains("reboot")),
        "{offered:?}"
    );
}

/// As zsh and fish ask.
#[track_caller]
fn fish(world: &World, kind: &str, words: &[&str]) -> Vec<String> {
    let program = format!("incus-backup-{kind}");
    let arguments = [&["--", program.as_str()], words].concat();
    let offered = offered(world, kind, &arguments, &[("COMPLETE", "fish")]);
    let value = |line: String| line.split('\t').next().unwrap().to_owned();
    offered.into_iter().map(value).collect()
}

#[test]
fn verbs_flags_and_values_are_offered() {
    let world = world();
    assert_eq!(bash(&world, "incus-backup-instance cr"), ["create"]);
    assert!(bash(&world, "incus-backup-instance create --no").contains(&"--no-snapshot".into()));
    assert_eq!(
        bash(&world, "incus-backup-instance list --format js"),
        ["json"]
    );
    assert_eq!(fish(&world, "instance", &["prot"]), ["protect"]);
    assert_eq!(fish(&world, "setup", &["aliases", "inst"]), ["install"]);
}

#[test]
fn what_the_server_has_can_be_created_and_what_the_target_has_restored() {
    let world = world();
    assert_eq!(bash(&world, "incus-backup-instance create d"), ["db"]);
    assert_eq!(bash(&world, "incus-backup-instance create w"), ["web"]);
    assert_eq!(bash(&world, "incus-backup-instance restore d"), [""; 0]);
    assert_eq!(bash(&world, "incus-backup-instance restore w"), ["web"]);
    assert_eq!(
        bash(&world, "incus-backup-volume create tank/"),
        ["tank/data"]
    );
    let versions = ["20260102T030405Z", "20260101T030405Z"];
    assert_eq!(
        bash(&world, "incus-backup-instance restore web --version "),
        versions
    );
    assert_eq!(
        fish(
            &world,
            "instance",
            &["restore", "web", "--version", "20260101"]
        ),
        versions[1..]
    );
    assert_eq!(
        bash(&world, "incus-backup-instance create --project de"),
        ["default"]
    );
    assert_eq!(
        bash(&world, "incus-backup-instance list --target n"),
        ["nas"]
    );
    assert_eq!(bash(&world, "incus-backup-setup notify m"), ["mail"]);
    assert_eq!(
        bash(&world, "incus-backup-instance list --from f"),
        ["fake"]
    );
}

/// Flags that stand before the cursor say what is asked, in every shell.
#[test]
fn the_flags_of_the_line_say_what_is_meant() {
    let world = world();
    let mut state = world.incus.state();
    let shop = serde_json::Map::new();
    state.projects.insert("shop".into(), shop);
    let mut own = state.instance("db").unwrap().clone();
    own.object["name"] = "till".into();
    state.instances.insert(("shop".into(), "till".into()), own);
    drop(state);
    let line = "incus-backup-instance create --project shop ";
    assert!(bash(&world, line).contains(&"till".to_owned()));
    assert!(!bash(&world, line).contains(&"db".to_owned()));
    let words = ["create", "--project", "shop", ""];
    assert!(fish(&world, "instance", &words).contains(&"till".to_owned()));
    let nowhere = "incus-backup-instance restore --target dir:/nowhere w";
    assert_eq!(bash(&world, nowhere), [""; 0]);
}

#[test]
fn buckets_and_images_of_the_server_and_of_the_target_are_offered() {
    let world = world();
    let fingerprint = {
        let mut state = world.incus.state();
        state.add_bucket("tank", "photos");
        let debian = state.add_image("default", FakeImage::new(None, b"debian"));
        state.add_image_alias("default", "debian/12", &debian);
        debian
    };
    let bucket = ["tank/photos"];
    assert_eq!(bash(&world, "incus-backup-bucket create tank/"), bucket);
    let image = ["debian/12"];
    assert_eq!(bash(&world, "incus-backup-image create deb"), image);
    let line = format!("incus-backup-image create {}", &fingerprint[..6]);
    assert_eq!(bash(&world, &line), [&fingerprint[..12]]);
    for kind in ["bucket", "image"] {
        world.run_for(kind, &["create", "--yes"]).exits(0);
    }
    assert_eq!(bash(&world, "incus-backup-bucket restore tank/"), bucket);
    assert_eq!(bash(&world, "incus-backup-image restore deb"), image);
    let line = format!("incus-backup-image show {} --version ", &fingerprint[..6]);
    assert_eq!(bash(&world, &line).len(), 1);
}

#[test]
fn versions_of_another_volume_in_the_same_pool_are_not_offered() {
    let world = world();
    world.incus.state().add_volume("tank", "other");
    for (name, moment) in [
        ("tank/data", "2026-01-01T03:04:05Z"),
        ("tank/other", "2026-01-02T03:04:05Z"),
    ] {
        let mut command = world.command_for("volume", &["create", name, "--yes"]);
        command.env("INCUS_BACKUP_TEST_CLOCK", moment);
        Ran::of(&command.output().unwrap()).exits(0);
    }
    let line = "incus-backup-volume restore tank/data --version ";
    assert_eq!(bash(&world, line), ["20260101T030405Z"]);
}

/// What bash is offered where backups are in a repository.
#[track_caller]
fn in_repository(
    world: &World,
    repository: &Repository,
    line: &str,
    more: &[(&str, &str)],
) -> Vec<String> {
    let kind = line.split(' ').next().unwrap();
    let kind = kind.trim_start_matches("incus-backup-").to_owned();
    let uri = repository.uri();
    let own = repository.environment();
    let mut environment = vec![
        ("COMPLETE", "bash"),
        ("INCUS_BACKUP_LINE", line),
        ("INCUS_BACKUP_TARGET", uri.as_str()),
    ];
    environment.extend(
        own.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    environment.extend(more);
    offered(world, &kind, &["--", "_"], &environment)
}

#[test]
fn what_a_repository_holds_is_offered() {
    needs_restic!();
    let (world, repository) = (world(), Repository::new());
    for moment in ["2026-01-01T03:04:05Z", "2026-01-02T03:04:05Z"] {
        let mut command = world.command(&["create", "web", "--yes"]);
        command
            .envs(repository.environment())
            .env("INCUS_BACKUP_TARGET", repository.uri())
            .env("INCUS_BACKUP_TEST_CLOCK", moment);
        Ran::of(&command.output().unwrap()).exits(0);
    }
    let ask = |line: &str| in_repository(&world, &repository, line, &[]);
    assert_eq!(ask("incus-backup-instance restore w"), ["web"]);
    assert_eq!(ask("incus-backup-volume restore w"), [""; 0]);
    assert_eq!(ask("incus-backup-instance list --from f"), ["fake"]);
    let versions = ["20260102T030405Z", "20260101T030405Z"];
    assert_eq!(
        ask("incus-backup-instance restore web --version "),
        versions
    );
    // Where versions are copied from has another name.
    let uri = repository.uri();
    let line = format!("incus-backup-setup copy --from {uri} --to nas --type instance w");
    assert_eq!(ask(&line), ["web"]);
    // A command that says the password may ask somebody.
    let location = repository.path().display().to_string();
    let asked = repository.beside("asked").display().to_string();
    let says = format!("touch {asked}");
    let target = format!("restic:{location}");
    let more = [
        ("INCUS_BACKUP_TARGET", target.as_str()),
        ("RESTIC_PASSWORD_COMMAND", says.as_str()),
    ];
    let line = "incus-backup-instance restore w";
    assert_eq!(in_repository(&world, &repository, line, &more), [""; 0]);
    assert!(!repository.beside("asked").exists());
    let cache = repository.beside("cache").display().to_string();
    let more = [
        ("INCUS_BACKUP_TARGET", target.as_str()),
        ("RESTIC_PASSWORD", restic::PASSWORD),
        ("RESTIC_CACHE_DIR", cache.as_str()),
    ];
    assert_eq!(in_repository(&world, &repository, line, &more), ["web"]);
    assert_eq!(repository.locks(), 0);
}

#[test]
fn nobody_waits_for_a_restic_that_says_nothing() {
    needs_restic!();
    let (world, repository) = (world(), Repository::new());
    let pid = repository.beside("pid");
    let sleep = format!(
        "[ \"$1\" = snapshots ] || exec $real \"$@\"; echo $$ >{}; exec sleep 60",
        pid.display()
    );
    let path = format!("{}:/usr/bin:/bin", repository.wrapper(&sleep).display());
    let begun = Instant::now();
    let line = "incus-backup-instance restore w";
    let more = [("PATH", path.as_str())];
    assert_eq!(in_repository(&world, &repository, line, &more), [""; 0]);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(4), "{taken:?}");
    let pid: u32 = std::fs::read_to_string(pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    // Nothing is there, or it is not restic.
    let missing = Repository::missing();
    assert_eq!(in_repository(&world, &missing, line, &[]), [""; 0]);
    let path = repository.wrapper("exit 1").display().to_string();
    let more = [("PATH", path.as_str())];
    assert_eq!(in_repository(&world, &repository, line, &more), [""; 0]);
}

#[test]
fn remotes_are_offered_and_what_stands_behind_them() {
    let world = world();
    assert_eq!(bash(&world, "incus-backup-instance create pro"), ["prod:"]);
    // Bash replaces only what stands behind the colon.
    assert_eq!(bash(&world, "incus-backup-instance create prod:d"), ["db"]);
    assert_eq!(fish(&world, "instance", &["create", "prod:d"]), ["prod:db"]);
    assert_eq!(bash(&world, "incus-backup-all create im"), [""; 0]);
    assert_eq!(bash(&world, "incus-backup-all create l"), ["local:"]);
}

#[test]
fn an_alias_of_incus_is_completed_in_its_odd_order_and_in_the_usual_one() {
    let world = world();
    let alias = [("INCUS_ALIASES", "1")];
    let first = offered(&world, "instance", &["__complete", "d", "create"], &alias);
    assert_eq!(first, ["db", ":4"]);
    let usual = offered(&world, "instance", &["__complete", "create", "d"], &[]);
    assert_eq!(usual, ["db", ":4"]);
    let none = offered(&world, "instance", &["__complete", "cr"], &alias);
    assert_eq!(none.len(), 2, "{none:?}");
    assert!(none[0].starts_with("create\t"), "{none:?}");
}

#[test]
fn the_one_program_completes_its_helpers() {
    let world = world();
    let run = |words: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_incus-backup"));
        command
            .arg("__complete")
            .args(words)
            .env_clear()
            .env("INCUS_ALIASES", "1")
            .env("INCUS_DIR", world.folder.path())
            .env("INCUS_CONF", world.folder.path().join("conf"));
        let ran = Ran::of(&command.output().unwrap()).exits(0);
        assert_eq!(ran.stderr, "");
        let value = |line: &str| line.split('\t').next().unwrap().to_owned();
        ran.stdout.lines().map(value).collect::<Vec<_>>()
    };
    assert_eq!(run(&["ins"]), ["instance", ":4"]);
    assert_eq!(run(&["cr", "instance"]), ["create", ":4"]);
    assert_eq!(run(&["d", "instance", "create"]), ["db", ":4"]);
}

#[test]
fn nothing_is_said_where_nothing_answers_and_nobody_waits_long() {
    let world = world();
    let conf = world.folder.path().join("conf");
    // An address that answers nothing at all.
    let text = "default-remote: far\nremotes: {far: {addr: 'https://192.0.2.1:8443'}}\n";
    std::fs::write(conf.join("config.yml"), text).unwrap();
    let begun = Instant::now();
    assert_eq!(bash(&world, "incus-backup-instance create w"), [""; 0]);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    std::fs::write(conf.join("config.yml"), "remotes: [").unwrap();
    std::fs::write(conf.join("backup.yml"), "x: [").unwrap();
    assert_eq!(bash(&world, "incus-backup-instance create w"), [""; 0]);
    assert_eq!(
        bash(&world, "incus-backup-instance restore w --version "),
        [""; 0]
    );
    assert_eq!(bash(&world, "incus-backup-instance cr"), ["create"]);
}

#[test]
fn bash_itself_completes_with_the_installed_file() {
    let world = world();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/completions/bash/incus-backup-instance"
    );
    let script = format!(
        "source {file}; COMP_LINE='incus-backup-instance create prod:d'; COMP_POINT=${{#COMP_LINE}}; \
         _incus_backup_instance; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = command("bash");
    let path = program_for("instance")
        .parent()
        .unwrap()
        .display()
        .to_string();
    bash.args(["--norc", "-c", &script])
        .env_clear()
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .env("INCUS_DIR", world.folder.path())
        .env("INCUS_CONF", world.folder.path().join("conf"));
    let ran = Ran::of(&bash.output().unwrap()).exits(0);
    assert_eq!(ran.stdout, "db\n", "{}", ran.stderr);
}

#[test]
fn the_real_client_completes_through_its_aliases() {
    let Some(lab) = lab() else { return };
    let conf = tempfile::tempdir().unwrap();
    let install = |arguments: &[&str]| {
        let mut command = command(program_for("setup"));
        command.args(arguments).env("INCUS_CONF", conf.path());
        Ran::of(&command.output().unwrap()).exits(0);
    };
    install(&["aliases", "install", "--yes"]);
    let instances = lab.incus(&["list", "-c", "n", "-f", "csv"]);
    let incus = |words: &[&str]| {
        let mut command = command("incus");
        command
            .arg("__complete")
            .args(words)
            .env("INCUS_CONF", conf.path());
        Ran::of(&command.output().unwrap()).exits(0).stdout
    };
    let verbs = incus(&["backup-instance", "cr"]);
    assert!(verbs.starts_with("create\t"), "{verbs}");
    let offered = incus(&["backup", "instance", "create", ""]);
    for name in instances.lines() {
        assert!(
            offered.lines().any(|line| line == name),
            "{name} in {offered}"
        );
    }
    assert!(offered.lines().any(|line| line == "local:"), "{offered}");
}
