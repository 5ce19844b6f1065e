//! `incus-backup-setup doctor`.

use incus_backup::testing::fake::Series;
use serde_json::Value;

use crate::fake::World;
use crate::lab::Ran;
use crate::restic::{self, Repository};

fn doctor(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = world.command_for("setup", &[&["doctor"], arguments].concat());
    command.env("INCUS_CONF", world.folder.path().join("conf"));
    command.envs(environment.iter().copied());
    Ran::of(&command.output().unwrap())
}

/// A world with the container `web`, a client's configuration and settings.
fn world(config: &str) -> World {
    let world = World::with_web(Series::Lts70, "zfs");
    let conf = world.folder.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    std::fs::write(conf.join("config.yml"), config).unwrap();
    world
}

/// The verdict, message and remedy of a check.
#[track_caller]
fn found(ran: &Ran, check: &str) -> (String, String, String) {
    let rows = ran.rows();
    let row = rows.iter().rfind(|row| row["check"] == check);
    let row = row.unwrap_or_else(|| panic!("no {check} in {}", ran.stdout));
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("message"), text("remedy"))
}

const JSON: [&str; 2] = ["-f", "json"];

#[test]
fn where_all_is_well_the_doctor_says_so_and_changes_nothing() {
    let world = world("");
    world.run_for("all", &["create", "--yes"]).exits(0);
    let before = world.incus.state().names();
    let ran = doctor(&world, &JSON, &[]).exits(0);
    for (check, message) in [
        ("settings", "no target is named"),
        ("remote", "it answers, with Incus "),
        ("rights", "everything can be backed up and restored"),
        ("clock", "the clocks agree"),
        ("target", "it is there, and can be written to"),
        ("left-over", "ended runs left nothing behind"),
        (
            "protection",
            "all of 2 have a complete backup of the last 26h",
        ),
    ] {
        let (verdict, said, remedy) = found(&ran, check);
        assert_eq!(
            (verdict.as_str(), remedy.as_str()),
            ("fine", ""),
            "{check}: {said}"
        );
        assert!(said.starts_with(message), "{check}: {said}");
    }
    assert_eq!(
        found(&ran, "client").2,
        "incus-backup-setup aliases install"
    );
    assert_eq!(world.incus.state().names(), before);
    let keys: Vec<String> = ran.rows()[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["verdict", "check", "subject", "message", "remedy"]);
}

#[test]
fn what_is_missing_is_a_problem_with_the_command_that_mends_it() {
    let world = world("");
    let ran = doctor(&world, &JSON, &[]).exits(4);
    let (verdict, message, remedy) = found(&ran, "target");
    let target = format!("dir:{}", world.root().display());
    assert_eq!(verdict, "problem", "{message}");
    assert_eq!(remedy, format!("incus-backup-setup target init {target}"));
    world.run(&["create", "web", "--yes"]).exits(0);
    let ran = doctor(&world, &JSON, &[]).exits(4);
    assert_eq!(
        found(&ran, "protection"),
        (
            "problem".to_owned(),
            "1 of 2 have no complete backup of the last 26h: config".to_owned(),
            format!("incus-backup-all create local: --target {target}")
        )
    );
    follow(&world, &found(&ran, "protection").2, &[]);
    let ran = doctor(&world, &JSON, &[]).exits(0);
    assert_eq!(found(&ran, "protection").0, "fine");
}

/// What is old is no recent backup, and what is in another target is none there.
#[test]
fn a_backup_that_is_too_old_is_told_with_the_command_for_its_server_and_target() {
    let world = world("");
    let conf = world.folder.path().join("conf");
    let socket = world.folder.path().join("unix.socket");
    let remotes = format!(
        "remotes: {{prod: {{addr: 'unix://{}'}}}}\n",
        socket.display()
    );
    std::fs::write(conf.join("config.yml"), remotes).unwrap();
    let settings = format!(
        "targets: {{nas: {{uri: 'dir:{}'}}}}\n",
        world.root().display()
    );
    std::fs::write(conf.join("backup.yml"), settings).unwrap();
    let create = ["create", "prod:", "--target", "nas", "--yes"];
    let run = |moment: &str| {
        follow(&world, "incus-backup-setup target init nas", &[]);
        let mut command = world.command_for("all", &create);
        command
            .env("INCUS_CONF", &conf)
            .env("INCUS_BACKUP_TEST_CLOCK", moment);
        Ran::of(&command.output().unwrap()).exits(0);
    };
    run("2026-01-01T00:00:00Z");
    let look = ["prod:", "--target", "nas", "--max-age", "7d", "-f", "json"];
    let at = |moment| [("INCUS_BACKUP_TEST_CLOCK", moment)];
    let ran = doctor(&world, &look, &at("2026-01-07T23:00:00Z")).exits(0);
    assert_eq!(found(&ran, "protection").0, "fine");
    let ran = doctor(&world, &look, &at("2026-01-08T01:00:00Z")).exits(4);
    let (verdict, message, remedy) = found(&ran, "protection");
    assert_eq!(verdict, "problem");
    let text = "2 of 2 have no complete backup of the last 7d: config, instance web";
    assert_eq!(message, text);
    assert_eq!(remedy, "incus-backup-all create prod: --target nas");
}

/// Does what the doctor says, as it says it.
#[track_caller]
fn follow(world: &World, remedy: &str, environment: &[(&str, &str)]) -> Ran {
    let words: Vec<&str> = remedy.split(' ').chain(["--yes"]).collect();
    let kind = words[0].strip_prefix("incus-backup-").unwrap();
    let mut command = world.command_for(kind, &words[1..]);
    command.env("INCUS_CONF", world.folder.path().join("conf"));
    command.envs(environment.iter().copied());
    Ran::of(&command.output().unwrap()).exits(0)
}

/// The rows about what ended runs left, of the server and of the target.
#[track_caller]
fn left(ran: &Ran) -> [(String, String, String); 2] {
    let rows = ran.rows();
    let left = rows.iter().filter(|row| row["check"] == "left-over");
    let left: Vec<_> = left
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("verdict"), text("message"), text("remedy"))
        })
        .collect();
    left.try_into().unwrap()
}

#[test]
fn what_a_killed_run_left_is_found_and_the_remedies_take_it_away() {
    let world = World::with_web(Series::Lts70, "dir");
    std::fs::create_dir(world.folder.path().join("conf")).unwrap();
    world.run_for("all", &["create", "--yes"]).exits(0);
    let is_partial = |path: &String| path.contains("/.partial-");
    let killed = (0..40).any(|step| {
        let mut create = world.command(&["create", "web", "--yes"]);
        create.env("INCUS_BACKUP_TEST_DIE_AT", step.to_string());
        create.output().unwrap();
        let left = world.left_over();
        left.iter().any(is_partial) && left.len() > 1
    });
    assert!(killed, "{:?}", world.left_over());
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let [server, target] = left(&ran);
    assert_eq!((&*server.0, &*target.0), ("warning", "warning"));
    assert!(server.1.contains("incus-backup-tmp-"), "{}", server.1);
    assert!(
        target.1.starts_with("1 unfinished versions"),
        "{}",
        target.1
    );
    follow(&world, &target.2, &[]);
    let [_, target] = left(&doctor(&world, &JSON, &[]).exits(0));
    assert_eq!(target.0, "fine", "{}", target.1);
    assert!(!world.left_over().iter().any(is_partial));
    follow(&world, &server.2, &[]);
    let [server, _] = left(&doctor(&world, &JSON, &[]).exits(0));
    assert_eq!(server.0, "fine", "{}", server.1);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

/// A version that takes more than any disk has is large only by its file's length.
#[test]
fn a_target_without_room_for_one_more_of_everything_is_a_problem() {
    let world = world("");
    world.run_for("all", &["create", "--yes"]).exits(0);
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let (verdict, message, _) = found(&ran, "room");
    assert_eq!(verdict, "fine");
    assert!(message.contains(" are free, and one version of everything takes "));
    let folder = world.root().join("fake/instances/default/web");
    let version = std::fs::read_dir(folder).unwrap().next().unwrap();
    let version = version.unwrap().path();
    let length: u64 = 8 << 40;
    let mut options = std::fs::OpenOptions::new();
    let archive = version.join("export.tar.zst");
    let archive = options.write(true).open(archive).unwrap();
    archive.set_len(length).unwrap();
    let manifest = version.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut described: Value = serde_json::from_str(&text).unwrap();
    described["archive"]["stored_size"] = length.into();
    std::fs::write(&manifest, described.to_string()).unwrap();
    let ran = doctor(&world, &JSON, &[]).exits(4);
    let (verdict, message, remedy) = found(&ran, "room");
    assert_eq!(verdict, "problem", "{message}");
    assert!(
        message.contains("one version of everything takes 8"),
        "{message}"
    );
    let prune = format!(
        "incus-backup-prune --target dir:{} ",
        world.root().display()
    );
    assert!(remedy.starts_with(&prune), "{remedy}");
    follow(&world, &remedy, &[]);
}

/// An environment in which the target is this one.
fn with_target<'a>(environment: &'a [(String, String)], uri: &'a str) -> Vec<(&'a str, &'a str)> {
    let own = environment.iter();
    let own = own.map(|(key, value)| (key.as_str(), value.as_str()));
    own.chain([("INCUS_BACKUP_TARGET", uri)]).collect()
}

#[test]
fn a_lock_of_a_restic_that_was_killed_is_found_and_the_remedy_takes_it_away() {
    if restic::binary().is_none() {
        return;
    }
    let (world, repository) = (world(""), Repository::new());
    let environment = repository.environment();
    let uri = repository.uri();
    let all = with_target(&environment, &uri);
    let mut create = world.command_for("all", &["create", "--yes"]);
    Ran::of(&create.envs(all.iter().copied()).output().unwrap()).exits(0);
    let mut holder = repository.holder();
    let ran = doctor(&world, &JSON, &all).exits(0);
    assert_eq!(found(&ran, "locks").0, "fine", "somebody has it");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let ran = doctor(&world, &JSON, &all).exits(4);
    let (verdict, message, remedy) = found(&ran, "locks");
    assert_eq!(verdict, "problem");
    assert!(message.starts_with("it is locked by PID "), "{message}");
    assert!(message.ends_with(", which is gone"), "{message}");
    assert_eq!(repository.locks(), 1, "nothing is changed by looking");
    follow(&world, &remedy, &all);
    assert_eq!(repository.locks(), 0);
    let ran = doctor(&world, &JSON, &all).exits(0);
    assert_eq!(found(&ran, "locks").0, "fine");
}

#[test]
fn a_restricted_client_is_told_what_it_can_back_up_and_restore() {
    let world = world("");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.incus.state().no_administrator = true;
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let (verdict, message, _) = found(&ran, "rights");
    assert_eq!(verdict, "note");
    assert!(
        message.starts_with("this client is restricted: instances, volumes, buckets and images of"),
        "{message}"
    );
    assert_eq!(found(&ran, "protection").0, "fine");
}

#[test]
fn a_remote_that_does_not_answer_is_a_problem_where_it_is_meant_and_else_a_warning() {
    let world = world("remotes: {far: {addr: 'unix:///nowhere/socket'}}\n");
    world.run_for("all", &["create", "--yes"]).exits(0);
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let rows = ran.rows();
    let far: Vec<&Value> = rows.iter().filter(|row| row["subject"] == "far").collect();
    assert_eq!(
        (far.len(), &far[0]["verdict"]),
        (1, &Value::from("warning"))
    );
    let ran = doctor(&world, &[&["far:"], JSON.as_slice()].concat(), &[]).exits(4);
    assert_eq!(found(&ran, "remote").0, "problem");
    doctor(&world, &["far"], &[]).exits(2);
    std::fs::write(world.folder.path().join("conf/config.yml"), "remotes: [").unwrap();
    let ran = doctor(&world, &JSON, &[]).exits(4);
    let (verdict, message, _) = found(&ran, "client");
    assert!(
        verdict == "problem" && message.starts_with("cannot "),
        "{message}"
    );
}

#[test]
fn leftovers_wrong_clocks_and_wrong_settings_are_found() {
    let world = world("");
    let now = [("INCUS_BACKUP_TEST_CLOCK", "2026-01-01T00:00:00Z")];
    world.run_for("all", &["create", "--yes"]).exits(0);
    let ran = doctor(&world, &JSON, &now);
    let (verdict, message, _) = found(&ran, "clock");
    assert_eq!(verdict, "warning");
    assert!(message.contains(" this machine's: versions "), "{message}");
    let partial = world
        .root()
        .join("fake/instances/default/web/.partial-20260101T000000Z-x");
    std::fs::create_dir(&partial).unwrap();
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let (verdict, message, remedy) = found(&ran, "left-over");
    assert_eq!(verdict, "warning");
    assert_eq!(message, "1 unfinished versions of ended runs take up room");
    assert!(
        remedy.starts_with("incus-backup-prune --target dir:/"),
        "{remedy}"
    );
    assert!(partial.exists());
    {
        let mut state = world.incus.state();
        state.add_instance("incus-backup-tmp-x-1", "tank", "Stopped", "container");
        let left = state.instance("incus-backup-tmp-x-1").unwrap();
        let owner = incus_backup::model::Owner::current(&incus_backup::model::RunId::begin());
        left.object["config"]["user.incus-backup"] = owner.to_string().into();
        left.object["config"]["user.incus-backup.role"] = "copy".into();
        left.object["config"]["user.incus-backup.name"] = "web".into();
    }
    let ran = doctor(&world, &JSON, &[]).exits(0);
    let of_server = ran.rows();
    let left = of_server
        .iter()
        .find(|row| row["check"] == "left-over")
        .unwrap();
    // This test's process lives, so it is not left over.
    assert_eq!(left["verdict"], "fine");
    std::fs::write(world.folder.path().join("conf/backup.yml"), "tarjets: {}\n").unwrap();
    let ran = doctor(&world, &JSON, &[]).exits(4);
    let (verdict, message, _) = found(&ran, "settings");
    assert!(
        verdict == "problem" && message.contains("tarjets"),
        "{message}"
    );
}

#[test]
fn restic_its_version_and_its_locks_are_looked_at() {
    if restic::binary().is_none() {
        return;
    }
    let world = world("");
    let repository = Repository::missing();
    let environment = repository.environment();
    let uri = repository.uri();
    let all = with_target(&environment, &uri);
    let ran = doctor(&world, &JSON, &all).exits(4);
    assert_eq!(found(&ran, "restic").0, "fine");
    assert_eq!(found(&ran, "target").0, "problem");
    let mut create = world.command_for("all", &["create", "--yes"]);
    Ran::of(&create.envs(all.iter().copied()).output().unwrap()).exits(0);
    let ran = doctor(&world, &JSON, &all).exits(0);
    assert_eq!(found(&ran, "locks").1, "no lock of a process that is gone");
    assert_eq!(found(&ran, "protection").0, "fine");
}
