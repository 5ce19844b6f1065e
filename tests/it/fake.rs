//! The program against the fake daemon: what must hold on every series, and what faults must not do.

use std::path::PathBuf;

use incus_backup::testing::fake::{FakeCommand, FakeIncus, Fault, Series};
use rstest::rstest;
use tempfile::TempDir;

use crate::lab::{Bare as _, Ran, command, kill, program, program_for};

/// A fake server and a target.
pub struct World {
    pub incus: FakeIncus,
    /// Before the folder, whose name tells which guards are meant.
    _guards: Guards,
    pub folder: TempDir,
}

/// Ends the guards of paused instances at last: what was killed leaves them, and they wait ten minutes
/// for a server that does not come back here.
struct Guards(PathBuf);

impl Drop for Guards {
    fn drop(&mut self) {
        let folder = format!("INCUS_DIR={}\0", self.0.display());
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read(process.path().join(file)).unwrap_or_default();
            let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|it| it == text);
            if !has(&read("cmdline"), b"--guard-paused-instances")
                || !has(&read("environ"), folder.as_bytes())
            {
                continue;
            }
            if let Some(pid) = process.file_name().to_str().and_then(|it| it.parse().ok()) {
                kill(pid, "KILL");
            }
        }
    }
}

impl World {
    pub fn new(series: Series) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let incus = FakeIncus::start(folder.path(), series).unwrap();
        let guards = Guards(folder.path().to_owned());
        Self {
            incus,
            _guards: guards,
            folder,
        }
    }

    /// A server with the container `web`, running on a pool of this driver, with a snapshot.
    pub fn with_web(series: Series, driver: &str) -> Self {
        let world = Self::new(series);
        {
            let mut state = world.incus.state();
            state.add_pool("tank", driver);
            state.add_instance("web", "tank", "Running", "container");
            let web = state.instance("web").unwrap();
            web.add_snapshot("s0", "2077-01-02T03:04:05Z");
            web.files.insert("rootfs/data/y".into(), vec![7; 70_000]);
        }
        world
    }

    /// Has `web` wait for a command before its backup, which does not end.
    pub fn hang_before_a_backup(&self) {
        let mut state = self.incus.state();
        let hangs = FakeCommand {
            hangs: true,
            ..FakeCommand::default()
        };
        state.commands.insert("wait".into(), hangs);
        let web = state.instance("web").unwrap();
        web.set("user.backup.pre", "wait");
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs the program for a kind, such as `image`.
    pub fn run_for(&self, kind: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command_for(kind, arguments).output().unwrap())
    }

    /// The program under test, with this world's server and target.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        self.command_for("instance", arguments)
    }

    /// The program for a kind, with this world's server and target.
    pub fn command_for(&self, kind: &str, arguments: &[&str]) -> std::process::Command {
        let target = format!("dir:{}", self.root().display());
        let mut command = command(program_for(kind));
        command
            .args(arguments)
            .bare()
            .env("INCUS_DIR", self.folder.path())
            .env("INCUS_CONF", self.folder.path().join("none"))
            .env("INCUS_BACKUP_TARGET", target);
        command
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    pub fn versions(&self) -> usize {
        let listed = self.run(&["list", "-f", "json"]);
        if listed.code == Some(10) {
            0
        } else {
            listed.exits(0).rows().len()
        }
    }

    /// What is left of a run: temporary instances, backups on the server, hidden folders.
    pub fn left_over(&self) -> Vec<String> {
        let state = self.incus.state();
        let mut found: Vec<String> = state
            .names()
            .into_iter()
            .filter(|name| name.starts_with("incus-backup-tmp"))
            .collect();
        found.extend(
            state
                .instances
                .values()
                .flat_map(|instance| instance.backups.keys().cloned()),
        );
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                    found.push(path.display().to_string());
                } else if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        found
    }

    pub fn flag(&self, name: &str) -> String {
        let mut state = self.incus.state();
        state
            .instance(name)
            .map_or_else(|| "gone".to_owned(), |instance| instance.status.to_owned())
    }
}

#[rstest]
#[case(Series::Lts60, "dir")]
#[case(Series::Lts60, "btrfs")]
#[case(Series::Lts70, "dir")]
#[case(Series::Lts70, "zfs")]
fn an_instance_comes_back_as_it_was(#[case] series: Series, #[case] driver: &str) {
    let world = World::with_web(series, driver);
    let before = world.incus.state().instance("web").unwrap().clone();
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(world.left_over(), Vec::<String>::new());
    world.incus.state().instances.clear();
    world.run(&["restore", "web", "--yes"]).exits(0);
    let mut state = world.incus.state();
    let after = state.instance("web").unwrap();
    assert_eq!(after.files, before.files);
    assert_eq!(after.status, "Stopped");
    for key in ["description", "profiles", "devices", "created_at"] {
        assert_eq!(after.object[key], before.object[key], "{key}");
    }
    let mut config = before.object["config"].clone();
    config["volatile.last_state.power"] = "STOPPED".into();
    assert_eq!(after.object["config"], config);
    assert_eq!(
        after.snapshots[0].object["expires_at"],
        before.snapshots[0].object["expires_at"]
    );
    assert_eq!(after.snapshots[0].files, before.snapshots[0].files);
}

#[rstest]
#[case("container", "Stopped", "dir", "direct", "consistent")]
#[case("container", "Frozen", "dir", "direct", "consistent")]
#[case("container", "Running", "dir", "paused-copy", "crash-consistent")]
#[case("container", "Running", "btrfs", "server-snapshot", "crash-consistent")]
#[case("container", "Running", "zfs", "server-snapshot", "crash-consistent")]
#[case("container", "Running", "lvm", "instant-copy", "crash-consistent")]
#[case("container", "Running", "ceph", "instant-copy", "crash-consistent")]
#[case("virtual-machine", "Stopped", "zfs", "direct", "consistent")]
#[case(
    "virtual-machine",
    "Running",
    "zfs",
    "instant-copy",
    "crash-consistent"
)]
#[case(
    "virtual-machine",
    "Running",
    "lvm",
    "instant-copy",
    "crash-consistent"
)]
#[case("virtual-machine", "Running", "dir", "paused-copy", "crash-consistent")]
fn each_state_and_driver_has_its_method(
    #[case] kind: &str,
    #[case] status: &'static str,
    #[case] driver: &str,
    #[case] method: &str,
    #[case] consistency: &str,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = World::new(series);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", driver);
        state.add_instance("it", "tank", status, kind);
    }
    let plan = world
        .run(&["create", "it", "--dry-run", "-f", "json"])
        .exits(0);
    assert!(
        plan.rows()[0]["reason"]
            .as_str()
            .unwrap()
            .starts_with(consistency)
    );
    assert!(!world.root().exists(), "a dry run changes nothing");
    world.run(&["create", "it", "--yes"]).exits(0);
    let shown = world.run(&["show", "it", "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (&manifest["method"], &manifest["consistency"]),
        (&method.into(), &consistency.into())
    );
    assert_eq!(world.flag("it"), status);
    // It restores beside itself, as another one.
    world
        .run(&["restore", "it", "--target-name", "copy", "--yes"])
        .exits(0);
    let mut state = world.incus.state();
    let config = state.instance("copy").unwrap().object["config"].clone();
    assert_ne!(config["volatile.uuid"], "uuid-it");
}

/// Incus copies the snapshots of a machine on thin LVM so that they cannot be exported; what runs is
/// stored all the same, of the same copy, and what is not in it is told.
#[rstest]
fn a_copy_whose_snapshots_cannot_be_exported_is_stored_without_them(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = World::new(series);
    {
        let mut state = world.incus.state();
        state.add_pool("tank", "lvm");
        state.add_instance("web", "tank", "Running", "virtual-machine");
        let web = state.instance("web").unwrap();
        web.add_snapshot("s0", "2077-01-02T03:04:05Z");
    }
    let text = "Backup create: Failed to mount LVM snapshot volume: Failed to mount \"/dev/x\"";
    world.incus.inject(Fault::Fail("Backing up", text));
    let ran = world.run(&["create", "web", "--yes"]).exits(0);
    let told = "`web` is stored without its snapshots";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(world.versions(), 1);
    assert_eq!(world.left_over(), Vec::<String>::new());
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let facts = &manifest["instance"];
    assert_eq!(facts["snapshots"], serde_json::json!([]));
    assert_eq!(facts["missing_snapshots"], serde_json::json!(["s0"]));
    assert_eq!(manifest["options"]["instance_only"], false);
    assert_eq!(manifest["consistency"], "crash-consistent");
    // A trouble of another kind is none that fewer snapshots would cure.
    let other = Fault::Fail("Backing up", "Failed to mount LVM volume");
    world.incus.inject(other);
    world.run(&["create", "web", "--yes"]).exits(1);
    assert_eq!(world.versions(), 1);
    // The next one has them again, where the server can.
    world.run(&["create", "web", "--yes"]).exits(0);
    let shown = world.run(&["show", "web", "-f", "json"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["instance"]["snapshots"], serde_json::json!(["s0"]));
}

#[test]
fn a_live_export_is_recorded_as_inconsistent() {
    let world = World::with_web(Series::Lts70, "dir");
    let ran = world
        .run(&["create", "web", "--no-snapshot", "--yes", "-f", "json"])
        .exits(0);
    assert_eq!(ran.rows()[0]["consistency"], "inconsistent");
}

#[test]
fn a_server_that_streams_is_never_asked_for_a_named_backup() {
    let world = World::with_web(Series::Lts70, "dir");
    world.run(&["create", "web", "--yes"]).exits(0);
    let requests = world.incus.state().requests.clone();
    assert!(
        !requests.iter().any(|request| request.contains("/backups/")),
        "{requests:?}"
    );
}

/// Whatever goes wrong, no version appears and nothing is left, and then it goes right.
#[rstest]
#[case::copy_fails(
    Series::Lts60,
    Fault::Fail("Creating instance", "no space left on device")
)]
#[case::export_fails(Series::Lts60, Fault::Fail("Backing up", "no space left on device"))]
#[case::export_refused(Series::Lts70, Fault::Refuse("POST", "/backups", 500, "not today"))]
#[case::error_at_the_end(Series::Lts70, Fault::ErrorInBody(4096))]
#[case::error_in_a_file(Series::Lts70, Fault::ErrorInBody(20_000))]
#[case::cut(Series::Lts70, Fault::CutBody(9_000))]
#[case::cut_at_nothing(Series::Lts70, Fault::CutBody(0))]
#[case::copy_reset(Series::Lts60, Fault::Reset("POST", "/1.0/instances"))]
#[case::flipped(Series::Lts70, Fault::FlipBit(150))]
fn a_failed_create_leaves_nothing(#[case] series: Series, #[case] fault: Fault) {
    let world = World::with_web(series, "dir");
    world.incus.inject(fault);
    let ran = world
        .run(&["create", "web", "--yes", "--retries", "0"])
        .exits(1);
    assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains("panicked") && !ran.stderr.contains("Some("),
        "{}",
        ran.stderr
    );
    assert_eq!(world.versions(), 0);
    assert_eq!(world.left_over(), Vec::<String>::new());
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(world.versions(), 1);
}

/// What is only lost on the way is got again.
#[rstest]
#[case::starting(
    Series::Lts60,
    Fault::Refuse("GET", "/1.0/instances/web", 503, "Daemon is starting up")
)]
#[case::download_cut(Series::Lts60, Fault::CutBody(9_000))]
#[case::forgotten(Series::Lts60, Fault::Vanish("Removing instance backup"))]
#[case::copy_deleted_but_forgotten(Series::Lts60, Fault::Vanish("Deleting instance"))]
#[case::reset(Series::Lts60, Fault::Reset("GET", "/wait"))]
fn what_is_lost_on_the_way_is_got_again(#[case] series: Series, #[case] fault: Fault) {
    let world = World::with_web(series, "dir");
    world.incus.inject(fault);
    world.run(&["create", "web", "--yes"]).exits(0);
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
    world.incus.state().instances.clear();
    world.run(&["restore", "web", "--yes"]).exits(0);
}

#[rstest]
#[case::import(Fault::Fail("Restoring backup", "the disk is on fire"), 1)]
#[case::upload(Fault::Refuse("POST", "/1.0/instances", 500, "not today"), 1)]
#[case::mark(Fault::Refuse("PUT", "/1.0/instances/web", 500, "not today"), 1)]
#[case::stop(Fault::Refuse("PUT", "/state", 500, "not today"), 0)]
#[case::first_rename(Fault::Refuse("POST", "/1.0/instances/web", 500, "not today"), 1)]
#[case::second_rename(
    Fault::Refuse("POST", "/1.0/instances/incus-backup-tmp", 500, "not today"),
    1
)]
fn a_failed_replacement_gives_the_old_one_back(
    #[case] fault: Fault,
    #[case] code: i32,
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = World::with_web(series, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state
            .instance("web")
            .unwrap()
            .files
            .insert("rootfs/old".into(), b"old".to_vec());
        state.faults.push(fault);
    }
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(code);
    assert!(
        world.incus.state().faults.is_empty(),
        "the fault never struck"
    );
    assert_eq!(world.left_over(), Vec::<String>::new());
    let mut state = world.incus.state();
    let web = state.instance("web").unwrap();
    let old = web.files.contains_key("rootfs/old");
    assert_eq!(
        (web.status, old),
        if code == 1 {
            ("Running", true)
        } else {
            ("Stopped", false)
        }
    );
    assert!(web.object["config"].get("user.incus-backup").is_none());
}

#[test]
fn an_old_one_that_cannot_be_deleted_is_told_of_and_the_next_run_deletes_it() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.incus.inject(Fault::Fail("Deleting instance", "busy"));
    let ran = world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    assert!(
        ran.stderr.contains("warning: `web` is replaced"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.left_over().len(), 1);
    world.run(&["create", "web", "--yes"]).exits(0);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn what_a_restore_lacks_is_said_before_anything_is_sent() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.incus.state().profiles.push("special".into());
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap();
        web.object["profiles"] = serde_json::json!(["default", "special"]);
        web.object["devices"]["eth0"] = serde_json::json!({ "type": "nic", "network": "incusbr0" });
        web.object["devices"]["data"] =
            serde_json::json!({ "type": "disk", "pool": "tank", "source": "vol", "path": "/mnt" });
    }
    world.run(&["create", "web", "--yes"]).exits(0);
    {
        let mut state = world.incus.state();
        state.instances.clear();
        state.profiles.pop();
        state.networks.clear();
        state.pools.remove("tank");
        state.requests.clear();
    }
    let ran = world
        .run(&["restore", "web", "--yes", "-f", "json"])
        .exits(1);
    let reason = ran.rows()[0]["reason"].as_str().unwrap().to_owned();
    for part in [
        "profiles: `special`",
        "networks: `incusbr0`",
        "volumes: `tank/vol`",
        "pool: `tank`",
    ] {
        assert!(reason.contains(part), "{part} in {reason}");
    }
    assert!(
        !world
            .incus
            .state()
            .requests
            .iter()
            .any(|request| request.starts_with("POST"))
    );
}

#[test]
fn what_cannot_be_backed_up_is_refused_with_the_reason() {
    let world = World::with_web(Series::Lts60, "dir");
    {
        let mut state = world.incus.state();
        state.add_instance("far", "tank", "Error", "container");
        state.add_instance("not-this", "tank", "Stopped", "container");
        state
            .instance("not-this")
            .unwrap()
            .set("user.backup.exclude", "true");
    }
    let rows = world
        .run(&["create", "--yes", "-f", "json"])
        .exits(3)
        .rows();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("far", "refused"), ("not-this", "skipped"), ("web", "done")]
    );
    let named = ["create", "far", "web", "--yes", "-f", "json"];
    let rows = world.run(&named).exits(3).rows();
    assert_eq!(
        (&rows[0]["status"], &rows[1]["status"]),
        (&"refused".into(), &"done".into())
    );
    let config = serde_json::json!({ "restricted": "true" });
    world
        .incus
        .state()
        .projects
        .insert("default".into(), config.as_object().unwrap().clone());
    let ran = world.run(&["create", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr.contains("restricted.backups=allow"),
        "{}",
        ran.stderr
    );
}

#[rstest]
#[case(&["create", "no-such", "--yes"], 1, "it does not exist")]
#[case(&["create", "a/b", "--yes"], 2, "it contains a `/`")]
#[case(&["create", "..", "--yes"], 2, "it is a path, not a name")]
#[case(&["create", "--project", "nowhere", "--yes"], 1, "project `nowhere` does not exist")]
#[case(&["create", "nowhere:web", "--yes"], 1, "the remote `nowhere` does not exist")]
#[case(&["create", "images:web", "--yes"], 1, "the remote `images` does not exist")]
#[case(&["create", "web", "--target", "backups", "--yes"], 2, "write dir:/absolute/path")]
#[case(&["create", "web", "--target", "dir:backups", "--yes"], 2, "write dir:/absolute/path")]
#[case(&["create", "web", "--target", "ftp://x", "--yes"], 2, "is not a kind of target")]
#[case(&["create", "web", "--target", "dir:/no/such/parent", "--yes"], 1, "the folder above it does not exist")]
#[case(&["create", "web", "--target", "dir:/etc/passwd", "--yes"], 1, "it is not a folder")]
#[case(&["create", "web", "--target", "dir:/etc/passwd/x", "--yes"], 1, "the folder above it is a file")]
#[case(&["create", "web", "--target", "dir:/etc", "--yes"], 1, "it holds other things")]
#[case(&["restore", "web", "--yes"], 10, "there is no backup target")]
#[case(&["list"], 10, "there is no backup target")]
#[case(&["create", "web"], 5, "--yes")]
#[case(&["create", "web", "--compression", "lzma"], 2, "`zstd:LEVEL`")]
fn bad_input_names_the_thing_and_the_cause(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] text: &str,
) {
    let world = World::with_web(Series::Lts60, "dir");
    let ran = world.run(arguments).exits(code);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
    assert_eq!(world.incus.state().names(), ["web"]);
}

#[test]
fn a_daemon_that_does_not_run_is_told_with_its_socket_and_a_hint() {
    let world = World::with_web(Series::Lts60, "dir");
    let mut command = command(program());
    command.args(["create", "web", "--yes"]).bare();
    command.env("INCUS_SOCKET", world.folder.path().join("nothing"));
    command.env("INCUS_CONF", world.folder.path());
    command.env(
        "INCUS_BACKUP_TARGET",
        format!("dir:{}", world.root().display()),
    );
    let ran = Ran::of(&command.output().unwrap()).exits(1);
    assert!(
        ran.stderr
            .starts_with("error: no Incus daemon answers on `"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: start it"), "{}", ran.stderr);
}

#[test]
fn a_socket_without_permission_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let world = World::with_web(Series::Lts60, "dir");
    let folder = world.folder.path();
    let own = std::fs::metadata(folder).unwrap();
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        eprintln!("left out: only root can be somebody else");
        return;
    }
    for (path, mode) in [
        (folder.to_owned(), 0o755),
        (folder.join("unix.socket"), 0o700),
    ] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    // Where the program is built may be closed to others.
    let copy = folder.join("program");
    std::fs::copy(program(), &copy).unwrap();
    let mut command = command(&copy);
    command
        .args(["create", "web", "--yes"])
        .bare()
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    command
        .env("INCUS_DIR", folder)
        .env("INCUS_CONF", folder.join("none"));
    command.env(
        "INCUS_BACKUP_TARGET",
        format!("dir:{}", world.root().display()),
    );
    let ran = Ran::of(&command.output().unwrap()).exits(1);
    assert!(
        ran.stderr.starts_with("error: no permission to use `"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("incus-admin"), "{}", ran.stderr);
}

#[test]
fn a_locked_instance_is_told_with_its_holder() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let lock = world.root().join("locks/fake/instances/default/web.lock");
    std::fs::write(&lock, "host, pid 7: somebody\n").unwrap();
    let held = std::fs::File::open(&lock).unwrap();
    held.try_lock().unwrap();
    let ran = world
        .run(&["create", "web", "--yes", "--lock-timeout", "0"])
        .exits(11);
    assert!(
        ran.stderr
            .contains("`web` is locked by host, pid 7: somebody"),
        "{}",
        ran.stderr
    );
    drop(held);
    world.run(&["create", "web", "--yes"]).exits(0);
}

#[test]
fn another_server_of_the_same_name_is_refused() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let source = world.root().join("fake/source.json");
    let text = std::fs::read_to_string(&source)
        .unwrap()
        .replace(&"a".repeat(64), &"b".repeat(64));
    std::fs::write(&source, text).unwrap();
    let ran = world.run(&["create", "web", "--yes"]).exits(1);
    assert!(
        ran.stderr
            .contains("source `fake` of this target is another server"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_target_of_the_settings_is_used_by_its_name_and_never_made_by_the_way() {
    let world = World::with_web(Series::Lts60, "btrfs");
    let conf = world.folder.path().join("none");
    std::fs::create_dir(&conf).unwrap();
    let nas = world.folder.path().join("nas");
    let text = format!(
        "targets:\n  nas: {{ uri: 'dir:{}', compression: none }}\n",
        nas.display()
    );
    std::fs::write(conf.join("backup.yml"), text).unwrap();
    let ran = world
        .run(&["create", "web", "--target", "nas", "--yes"])
        .exits(10);
    assert!(
        ran.stderr.contains("is its file system mounted?"),
        "{}",
        ran.stderr
    );
    let uri = format!("dir:{}", nas.display());
    world
        .run(&["create", "web", "--target", &uri, "--yes"])
        .exits(0);
    world
        .run(&["create", "web", "--target", "nas", "--yes"])
        .exits(0);
    let shown = world
        .run(&["show", "web", "--target", "nas", "-f", "json"])
        .exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(manifest["archive"]["file"], "export.tar");
    world.incus.state().instances.clear();
    world
        .run(&["restore", "web", "--target", "nas", "--yes"])
        .exits(0);
    std::fs::write(conf.join("backup.yml"), "retention: {}\ntargetz: {}\n").unwrap();
    let ran = world.run(&["list"]).exits(1);
    assert!(
        ran.stderr.contains("targetz") && ran.stderr.contains("line 2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_truncated_archive_is_refused_and_an_older_version_is_taken_instead() {
    let world = World::with_web(Series::Lts60, "btrfs");
    for _ in 0..2 {
        world.run(&["create", "web", "--yes"]).exits(0);
    }
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    let versions: Vec<&str> = rows
        .iter()
        .map(|row| row["version"].as_str().unwrap())
        .collect();
    let folder = world.root().join("fake/instances/default/web");
    let cut = |version: &str| {
        let archive = folder.join(version).join("export.tar.zst");
        let bytes = std::fs::read(&archive).unwrap();
        std::fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
    };
    cut(versions[1]);
    let ran = world
        .run(&[
            "restore",
            "web",
            "--replace",
            "--version",
            versions[1],
            "--yes",
        ])
        .exits(4);
    assert!(
        ran.stderr
            .contains(&format!("the newest complete one is {}", versions[0]))
    );
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    cut(versions[0]);
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(4);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn the_last_complete_version_is_deleted_only_by_force() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    world.run(&["create", "web", "--yes"]).exits(0);
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    let versions: Vec<String> = rows
        .iter()
        .map(|row| row["version"].as_str().unwrap().to_owned())
        .collect();
    world
        .run(&["delete", "web", "--version", &versions[0], "--yes"])
        .exits(0);
    let ran = world
        .run(&["delete", "web", "--all-versions", "--yes"])
        .exits(1);
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(world.versions(), 1);
    world
        .run(&["delete", "web", "--all-versions", "--yes", "--force"])
        .exits(0);
    assert_eq!(world.versions(), 0);
}

#[test]
fn versions_are_chosen_by_name_and_by_time() {
    let world = World::with_web(Series::Lts60, "btrfs");
    for generation in ["first", "second"] {
        let content = generation.as_bytes().to_vec();
        world
            .incus
            .state()
            .instance("web")
            .unwrap()
            .files
            .insert("rootfs/g".into(), content);
        world.run(&["create", "web", "--yes"]).exits(0);
    }
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    let first = rows[0]["version"].as_str().unwrap();
    let moment = rows[0]["created_at"].as_str().unwrap();
    for flag in [["--version", first], ["--as-of", moment]] {
        world
            .run(&["restore", "web", "--replace", "--yes", flag[0], flag[1]])
            .exits(0);
        let restored = world.incus.state().instance("web").unwrap().files["rootfs/g"].clone();
        assert_eq!(restored, b"first");
    }
    world
        .run(&[
            "restore",
            "web",
            "--replace",
            "--yes",
            "--as-of",
            "2001-01-01T00:00:00Z",
        ])
        .exits(1);
    world
        .run(&["restore", "web", "--replace", "--yes"])
        .exits(0);
    assert_eq!(
        world.incus.state().instance("web").unwrap().files["rootfs/g"],
        b"second"
    );
}

/// A stored archive that stands for a quarter of a terabyte is given up where its manifest ends.
#[test]
fn an_archive_that_unfolds_to_more_than_it_was_is_given_up() {
    let world = World::with_web(Series::Lts60, "btrfs");
    world.run(&["create", "web", "--yes"]).exits(0);
    let rows = world.run(&["list", "-f", "json"]).exits(0).rows();
    let version = rows[0]["version"].as_str().unwrap();
    let folder = world
        .root()
        .join("fake/instances/default/web")
        .join(version);
    let archive = std::fs::read(folder.join("export.tar.zst")).unwrap();
    let zeros = zstd::encode_all(&vec![0; 64 << 20][..], 3).unwrap();
    let bomb = [archive.clone(), zeros.repeat(4096)].concat();
    std::fs::write(folder.join("export.tar.zst"), &bomb).unwrap();
    let manifest = folder.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let size = |bytes: &[u8]| format!("\"stored_size\": {}", bytes.len());
    assert!(text.contains(&size(&archive)));
    std::fs::write(&manifest, text.replace(&size(&archive), &size(&bomb))).unwrap();
    world.incus.state().instances.clear();
    let ran = world.run(&["restore", "web", "--yes"]).exits(4);
    assert!(
        ran.stderr.contains("it holds more than the"),
        "{}",
        ran.stderr
    );
    assert!(world.incus.state().names().is_empty());
}

/// The server tells the backups that it keeps apart by the instance's name, but not by its project.
#[rstest]
fn instances_of_one_name_in_two_projects_are_backed_up_at_once(
    #[values(Series::Lts60, Series::Lts70)] series: Series,
) {
    let world = World::with_web(series, "btrfs");
    {
        let mut state = world.incus.state();
        let web = state.instance("web").unwrap().clone();
        for project in ["p1", "p2", "p3"] {
            state
                .projects
                .insert(project.into(), serde_json::Map::new());
            state
                .instances
                .insert((project.into(), "web".into()), web.clone());
        }
    }
    let rows = world
        .run(&["create", "--all-projects", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 4);
    assert_eq!(world.versions(), 4);
    assert_eq!(world.left_over(), Vec::<String>::new());
}
