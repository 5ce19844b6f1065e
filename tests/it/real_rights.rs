//! Real clients that are no administrators: a certificate that is restricted to projects, and a member of
//! the group `incus`.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::lab::{Lab, Ran, command, lab, unique, until, variable};

/// A client that the server trusts by a token, for some projects; forgotten at the end.
struct Restricted {
    conf: PathBuf,
    name: String,
    project: String,
}

impl Restricted {
    /// Does what `docs/backup-user.md` says.
    fn to(lab: &Lab, project: &str) -> Self {
        let name = unique("backup");
        let told = lab.incus(&[
            "config",
            "trust",
            "add",
            &name,
            "--restricted",
            "--projects",
            project,
        ]);
        let token = told.lines().last().unwrap().trim().to_owned();
        let client = Self {
            conf: lab.folder.path().join("restricted"),
            name,
            project: project.to_owned(),
        };
        let url = variable("LAB_HTTPS_URL").expect("the lab names its address");
        let token = format!("--token={token}");
        let add = [
            "remote",
            "add",
            "prod",
            &url,
            "--accept-certificate",
            &token,
        ];
        let mut command = command("incus");
        command.args(add).env("INCUS_CONF", &client.conf);
        Ran::of(&command.output().unwrap()).exits(0);
        client
    }

    fn run(&self, lab: &Lab, kind: &str, arguments: &[&str]) -> Ran {
        let mut command = lab.command_for(kind, arguments);
        command.env("INCUS_CONF", &self.conf);
        Ran::of(&command.output().unwrap())
    }

    /// Backs up the instances of its project.
    fn create(&self, lab: &Lab) {
        let create = ["create", "prod:", "--project", &self.project, "--yes"];
        self.run(lab, "instance", &create).exits(0);
    }
}

/// Deletes the instances of a project, which are in the way of its end.
fn empty(project: &str) {
    for name in names("instances", project) {
        let _ = command("incus")
            .args(["delete", "-f", &name, "--project", project])
            .output();
    }
}

fn names(family: &str, project: &str) -> Vec<String> {
    let path = format!("/1.0/{family}?project={project}");
    let listed = command("incus").args(["query", &path]).output().unwrap();
    let all: Vec<String> = serde_json::from_slice(&listed.stdout).unwrap_or_default();
    let name = |url: &String| url.split('?').next()?.rsplit('/').next().map(str::to_owned);
    all.iter().filter_map(name).collect()
}

impl Drop for Restricted {
    fn drop(&mut self) {
        empty(&self.project);
        forget(&self.name);
    }
}

/// Takes the server's trust in a client back.
fn forget(name: &str) {
    let listed = command("incus")
        .args(["query", "/1.0/certificates?recursion=1"])
        .output()
        .unwrap();
    let all: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
    for certificate in all.as_array().into_iter().flatten() {
        if certificate["name"] == name {
            let print = certificate["fingerprint"].as_str().unwrap_or_default();
            let _ = command("incus")
                .args(["config", "trust", "remove", print])
                .output();
        }
    }
}

/// The verdict, message and remedy of each finding of a check.
#[track_caller]
fn findings(ran: &Ran, check: &str) -> Vec<[String; 3]> {
    let text =
        |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = ran.rows().into_iter().filter(|row| row["check"] == check);
    rows.map(|row| ["verdict", "message", "remedy"].map(|key| text(&row, key)))
        .collect()
}

#[test]
fn a_restricted_certificate_backs_its_project_up_and_brings_it_back() {
    let Some(mut lab) = lab() else { return };
    let (own, other) = (lab.project(), lab.project());
    let name = lab.launch("own", &["--project", &own]);
    let foreign = lab.launch("foreign", &["--project", &other]);
    let (pool, volume) = (lab.pool_dir(), unique("vol"));
    let in_own =
        |arguments: &[&str]| lab.incus(&[&["--project", own.as_str()], arguments].concat());
    in_own(&["storage", "volume", "create", &pool, &volume]);
    in_own(&[
        "storage", "volume", "attach", &pool, &volume, &name, "mnt", "/mnt",
    ]);
    in_own(&["exec", &name, "--", "sh", "-c", "echo kept > /mnt/note"]);
    let client = Restricted::to(&lab, &own);
    let planned = client
        .run(&lab, "all", &["create", "prod:", "--dry-run", "-f", "json"])
        .exits(0)
        .rows();
    let told: Vec<String> = planned
        .iter()
        .map(|row| format!("{} {} {}", row["action"], row["type"], row["name"]).replace('"', ""))
        .collect();
    assert_eq!(told[0], "skip config null", "{told:?}");
    assert!(
        told.contains(&format!("create instance {name}")),
        "{told:?}"
    );
    assert!(
        told.contains(&format!("create volume {volume}")),
        "{told:?}"
    );
    assert!(!told.iter().any(|row| row.contains(&foreign)), "{told:?}");
    client
        .run(&lab, "all", &["create", "prod:", "--yes"])
        .exits(0);
    client.create(&lab);
    let at = format!("prod:{name}");
    client
        .run(&lab, "instance", &["list", "prod:", "-f", "json"])
        .exits(0);
    client
        .run(&lab, "all", &["list", "prod:", "--unprotected"])
        .exits(0);
    in_own(&["delete", "-f", &name]);
    in_own(&["storage", "volume", "delete", &pool, &volume]);
    client
        .run(&lab, "all", &["restore", "prod:", "--yes"])
        .exits(0);
    let there = format!("/1.0/instances/{name}?project={own}");
    assert_eq!(lab.query(&there)["name"], name.as_str());
    in_own(&["start", &name]);
    let note = || in_own(&["exec", &name, "--", "cat", "/mnt/note"]);
    assert_eq!(note(), "kept\n");
    client
        .run(
            &lab,
            "instance",
            &[
                "restore",
                &at,
                "--project",
                &own,
                "--replace",
                "--force",
                "--yes",
            ],
        )
        .exits(0);
    assert_eq!(lab.query(&there)["name"], name.as_str());
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
    empty(&other);
}

/// In words, and nothing comes of it.
#[test]
fn what_a_restricted_certificate_may_not_is_refused() {
    let Some(mut lab) = lab() else { return };
    let (own, other) = (lab.project(), lab.project());
    let name = lab.launch("own", &["--project", &own]);
    let foreign = lab.launch("foreign", &["--project", &other]);
    let client = Restricted::to(&lab, &own);
    client.create(&lab);
    let ran = client.run(
        &lab,
        "verify",
        &["--level", "drill", "--remote", "prod:", "--yes"],
    );
    let why =
        "it is not drilled, for its copy needs a project of its own, which administrators make";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    let at = format!("prod:{foreign}");
    let ran = client
        .run(
            &lab,
            "instance",
            &["create", &at, "--project", &other, "--yes"],
        )
        .exits(1);
    assert!(ran.stderr.contains(&other), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(lab.versions(&other, &foreign), Vec::<PathBuf>::new());
    let ran = client
        .run(&lab, "config", &["create", "prod:", "--yes"])
        .exits(1);
    assert!(ran.stderr.contains("only administrators"), "{}", ran.stderr);
    assert_eq!(lab.left_over(&name), Vec::<String>::new());
    let ran = client.run(&lab, "setup", &["doctor", "prod:", "-f", "json"]);
    let rights = findings(&ran, "rights");
    let text = format!(
        "this client is restricted: instances, volumes, buckets and images of project `{own}` can be \
         backed up and restored; the configuration of the server, drills and new projects need an \
         administrator"
    );
    assert_eq!(rights, [["note", &text, ""].map(str::to_owned)]);
    empty(&other);
}

/// `nobody`, whom every system has.
const USER: u32 = 65534;
const PROJECT: &str = "user-65534";

/// The daemon of the group `incus`, and what it made on the server: removed at the end.
struct IncusUser {
    daemon: Child,
    folder: PathBuf,
}

impl IncusUser {
    /// Starts it where it can be: beside a daemon of this machine.
    fn start() -> Option<Self> {
        let folder = PathBuf::from(variable("INCUS_DIR")?);
        let places = ["/usr/libexec/incus", "/usr/lib/incus", "/opt/incus/bin"];
        let mut programs = places
            .iter()
            .map(|place| Path::new(place).join("incus-user"));
        let program = programs.find(|program| program.exists());
        let (Some(program), true) = (program, folder.join("server.crt").exists()) else {
            eprintln!("left out: the daemon is not of this machine, or there is no incus-user");
            return None;
        };
        // As it makes it, but for the network of the user: here may be no free subnet.
        let mut create = vec!["project", "create", PROJECT];
        for setting in [
            "restricted=true",
            "restricted.containers.nesting=allow",
            "restricted.devices.disk=allow",
            "features.networks=false",
        ] {
            create.extend(["-c", setting]);
        }
        Ran::of(&command("incus").args(create).output().unwrap()).exits(0);
        let daemon = command(program)
            .args(["--group", "nogroup"])
            .env("INCUS_DIR", &folder)
            .spawn()
            .unwrap();
        let started = Self { daemon, folder };
        let socket = started.folder.join("unix.socket.user");
        until(30, "incus-user", || socket.exists());
        Some(started)
    }

    /// A command as a member of the group.
    fn by_member(&self, lab: &Lab, mut command: Command) -> Ran {
        command
            .uid(USER)
            .gid(USER)
            .env("INCUS_DIR", &self.folder)
            .env("INCUS_CONF", lab.folder.path().join("none"))
            .env("HOME", lab.folder.path())
            .env_remove("INCUS_SOCKET");
        Ran::of(&command.output().unwrap())
    }
}

impl Drop for IncusUser {
    fn drop(&mut self) {
        let run = |arguments: &[&str]| {
            let _ = command("incus").args(arguments).output();
        };
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        empty(PROJECT);
        // It has images of its own.
        for image in names("images", PROJECT) {
            run(&["image", "delete", &image, "--project", PROJECT]);
        }
        run(&["project", "delete", PROJECT]);
        forget("incus-user-65534");
        let _ = std::fs::remove_file(self.folder.join("unix.socket.user"));
        let _ = std::fs::remove_dir_all(self.folder.join(format!("users/{USER}")));
    }
}

#[test]
fn a_member_of_the_group_incus_backs_up_what_the_administrator_allows() {
    let Some(lab) = lab() else { return };
    let Some(user) = IncusUser::start() else {
        return;
    };
    let folder = lab.folder.path();
    std::os::unix::fs::chown(folder, Some(USER), Some(USER)).unwrap();
    // Whoever comes first has everything set up; two at a time stand in each other's way.
    until(30, "incus-user", || {
        let mut first = command("incus");
        first.args(["query", "/1.0"]);
        user.by_member(&lab, first).code == Some(0)
    });
    let run =
        |kind: &str, arguments: &[&str]| user.by_member(&lab, lab.command_for(kind, arguments));
    let doctor = || {
        let ran = run("setup", &["doctor", "-f", "json"]);
        let found = findings(&ran, "rights");
        assert!(!found.is_empty(), "{}{}", ran.stdout, ran.stderr);
        found
    };
    let rights = doctor();
    let text = format!(
        "this client is a member of the group `incus`: nothing of project `{PROJECT}` can be backed \
         up; the configuration of the server, drills and new projects need an administrator"
    );
    assert_eq!(rights[0], ["note", &text, ""].map(str::to_owned));
    let allow = "incus project set local:user-65534 restricted.backups=allow, by an administrator of \
                 the server";
    assert_eq!(rights[1][0], "problem", "{rights:?}");
    assert_eq!(rights[1][2], allow);
    lab.incus(&[
        "image",
        "copy",
        "busybox",
        "local:",
        "--target-project",
        PROJECT,
    ]);
    let image = names("images", PROJECT).remove(0);
    let name = unique("u");
    let pool = lab.pool_dir();
    lab.incus(&[
        "init",
        &image,
        &name,
        "--project",
        PROJECT,
        "--no-profiles",
        "-s",
        &pool,
    ]);
    let ran = run("instance", &["create", &name, "--yes"]).exits(1);
    let words = "its project does not allow backups; an administrator can allow them";
    assert!(
        ran.stderr.contains(words) || ran.stdout.contains(words),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let set = |key: &str| lab.incus(&["project", "set", PROJECT, key]);
    set("restricted.backups=allow");
    run("instance", &["create", &name, "--yes"]).exits(0);
    run("all", &["create", "--yes"]).exits(0);
    let listed = run("instance", &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(
        listed.iter().all(|row| row["project"] == PROJECT),
        "{listed:?}"
    );
    lab.incus(&["delete", &name, "--project", PROJECT]);
    let there = || {
        let path = format!("/1.0/instances/{name}?project={PROJECT}");
        lab.try_incus(&["query", &path]).code == Some(0)
    };
    // On 6.0 a project with restrictions takes no import until somebody eases it.
    if !lab.has("instance_nbd") {
        let ran = run("instance", &["restore", &name, "--yes"]).exits(1);
        let words = "which these credentials may not set for the time of the restore";
        assert!(
            ran.stderr.contains(words) || ran.stdout.contains(words),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        assert!(!there());
        assert_eq!(doctor().last().unwrap()[0], "warning");
        set("restricted.containers.lowlevel=allow");
        set("restricted.virtual-machines.lowlevel=allow");
    }
    run("instance", &["restore", &name, "--yes"]).exits(0);
    assert!(there());
}
