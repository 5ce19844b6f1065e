//! Commands on a restic repository, against the fake daemon and real restic.

use std::io::{Read as _, Write as _};

use incus_backup::testing::fake::Series;
use rstest::rstest;

use crate::fake::World;
use crate::lab::{Ran, variable};
use crate::restic::{Repository, needs_restic, tag};

/// A fake server and a repository.
pub struct Site {
    pub world: World,
    pub repository: Repository,
}

impl Site {
    pub fn with(repository: Repository) -> Self {
        Self {
            world: World::with_web(Series::Lts70, "zfs"),
            repository,
        }
    }

    pub fn command(&self, kind: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = self.world.command_for(kind, arguments);
        command
            .envs(self.repository.environment())
            .env("INCUS_BACKUP_TARGET", self.repository.uri());
        command
    }

    pub fn run(&self, kind: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(kind, arguments).output().unwrap())
    }

    pub fn create(&self) -> String {
        let ran = self.run("instance", &["create", "web", "--yes", "-f", "json"]);
        let rows = ran.exits(0).rows();
        rows[0]["version"].as_str().unwrap().to_owned()
    }

    /// How many snapshots there are of a part.
    pub fn parts(&self, part: &str) -> usize {
        let all = self.repository.snapshots();
        all.iter()
            .filter(|it| tag(it, "part").as_deref() == Some(part))
            .count()
    }
}

#[test]
fn a_repository_that_is_not_there_is_10_to_read_and_made_after_asking() {
    needs_restic!();
    let site = Site::with(Repository::missing());
    let ran = site.run("instance", &["list"]).exits(10);
    assert!(
        ran.stderr.contains("there is no restic repository at"),
        "{}",
        ran.stderr
    );
    site.run("instance", &["create", "web", "--dry-run"])
        .exits(0);
    let ran = site.run("instance", &["create", "web"]).exits(5);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(!site.repository.path().exists());
    site.create();
    assert_eq!(
        (
            site.parts("data"),
            site.parts("manifest"),
            site.parts("run")
        ),
        (1, 1, 1)
    );
    site.repository.is_clean();
}

#[rstest]
#[case("another password", "is wrong")]
#[case("", "is wrong")]
fn a_password_that_is_wrong_is_12(#[case] password: &str, #[case] text: &str) {
    needs_restic!();
    let site = Site::with(Repository::new());
    std::fs::write(site.repository.beside("password"), password).unwrap();
    let ran = site.run("instance", &["list"]);
    if password.is_empty() {
        // restic has no code for it: it is told in its words.
        assert!(ran.stderr.contains("empty password"), "{}", ran.stderr);
        return;
    }
    let ran = ran.exits(12);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("RESTIC_PASSWORD_FILE"),
        "{}",
        ran.stderr
    );
}

#[test]
fn without_any_password_nobody_is_asked_for_one() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let uri = format!("restic:{}", site.repository.path().display());
    let ran = site.run("instance", &["list", "--target", &uri]).exits(12);
    assert!(
        ran.stderr.contains("nothing says what the password"),
        "{}",
        ran.stderr
    );
    // Of the environment it is taken as restic takes it.
    let mut command = site.command("instance", &["list", "--target", &uri]);
    let password = crate::restic::PASSWORD;
    command
        .env("RESTIC_PASSWORD", password)
        .env("RESTIC_CACHE_DIR", site.repository.beside("c"));
    Ran::of(&command.output().unwrap()).exits(0);
}

/// An address at which nothing is ever found. restic would try one that does not answer for minutes.
fn nothing_there() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn credentials_of_an_address_are_shown_to_nobody() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let address = nothing_there();
    let uri = format!(
        "restic:repo=rest:http://me:s3cret@{address}/,password-file={}",
        site.repository.beside("password").display()
    );
    for words in [
        &["list"][..],
        &["list", "--debug"],
        &["create", "web", "-v"],
    ] {
        let words = [words, &["--target", &uri, "--lock-timeout", "0"]].concat();
        let ran = site.run("instance", &words);
        assert!(matches!(ran.code, Some(5 | 10)), "{ran:?}");
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    let ran = site.run("instance", &["list", "--target", &uri]).exits(10);
    let shown = format!("rest:http://***@{address}/");
    assert!(ran.stderr.contains(&shown), "{}", ran.stderr);
}

#[test]
fn an_archive_in_a_repository_is_not_compressed_before() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let ran = site
        .run(
            "instance",
            &["create", "web", "--yes", "--compression", "zstd"],
        )
        .exits(2);
    assert!(
        ran.stderr.contains("leave --compression out"),
        "{}",
        ran.stderr
    );
    site.run(
        "instance",
        &["create", "web", "--yes", "--compression", "none"],
    )
    .exits(0);
}

/// Where there is an old restic too.
#[test]
fn an_old_restic_is_asked_about_before_anything_else_happens() {
    needs_restic!();
    let Some(old) = variable("TEST_OLD_RESTIC") else {
        return;
    };
    let site = Site::with(Repository::new());
    let folder = std::path::Path::new(&old).parent().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let mut command = site.command("instance", arguments);
        Ran::of(&command.env("PATH", &folder).output().unwrap())
    };
    let warned = |ran: &Ran| {
        let text = "is older than 0.18.0, with which this program is tested";
        assert_eq!(ran.stderr.matches(text).count(), 1, "{}", ran.stderr);
    };
    let verbs: [&[&str]; 8] = [
        &["create", "web"],
        &["create", "web", "--dry-run"],
        &["list"],
        &["show", "web"],
        &["restore", "web"],
        &["delete", "web", "--all-versions"],
        &["protect", "web"],
        &["files", "list", "web/"],
    ];
    for words in verbs {
        let ran = run(words).exits(5);
        warned(&ran);
        assert_eq!(ran.stdout, "", "{words:?}");
        assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    }
    assert!(site.repository.snapshots().is_empty());
    run(&["create", "web", "--dry-run", "--yes"]).exits(0);
    assert!(site.repository.snapshots().is_empty());
    warned(&run(&["create", "web", "--yes"]).exits(0));
    let ran = run(&["list", "--yes", "-f", "json"]).exits(0);
    assert_eq!(ran.rows()[0]["state"], "complete");
    warned(&ran);
    run(&["show", "web", "-y"]).exits(0);
    run(&["files", "list", "web/", "-y"]).exits(0);
}

#[test]
fn without_restic_what_to_install_is_told() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let mut command = site.command("instance", &["list"]);
    let ran = Ran::of(
        &command
            .env("PATH", site.repository.beside("nothing"))
            .output()
            .unwrap(),
    );
    let ran = ran.exits(1);
    assert!(
        ran.stderr.contains("install restic 0.18.0"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_no_rule_keeps_goes_with_its_data_and_a_dry_run_changes_nothing() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let versions = [site.create(), site.create(), site.create()];
    site.run(
        "instance",
        &["protect", "web", "--version", &versions[0], "--yes"],
    )
    .exits(0);
    // restic lists those of one second in no order.
    let ids = || -> std::collections::BTreeSet<String> {
        let all = site.repository.snapshots();
        all.iter().map(|it| it["id"].to_string()).collect()
    };
    let before = ids();
    let prune = |more: &[&str]| {
        site.run(
            "prune",
            &[&["--keep-last", "1", "-f", "json"][..], more].concat(),
        )
    };
    let plan = prune(&["--dry-run"]).exits(0);
    assert_eq!(ids(), before);
    let ran = prune(&["--yes"]).exits(0);
    let told = |ran: &Ran| -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        ran.rows()
            .iter()
            .map(|row| (text(&row["action"]), text(&row["version"])))
            .collect()
    };
    assert_eq!(told(&plan), told(&ran));
    assert_eq!((site.parts("data"), site.parts("manifest")), (2, 2));
    let left = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let left: Vec<_> = left
        .iter()
        .map(|row| row["version"].as_str().unwrap())
        .collect();
    assert_eq!(left, [versions[0].as_str(), versions[2].as_str()]);
    site.repository.is_clean();
}

#[test]
fn a_repository_that_is_damaged_is_4_and_so_is_a_version_of_it() {
    needs_restic!();
    let site = Site::with(Repository::new());
    site.create();
    site.run("verify", &["--level", "quick"]).exits(0);
    // All that restic understands: a part at random, one of equal parts, and a size.
    for subset in ["100%", "5%", "0.5%", "1/1", "1/10", "10/10", "2G", "500K"] {
        let verify = ["--level", "quick", "--read-data-subset", subset];
        site.run("verify", &verify).exits(0);
    }
    for wrong in ["0%", "5", "11/10", "x", "-1G"] {
        let subset = format!("--read-data-subset={wrong}");
        let ran = site.run("verify", &["--level", "quick", &subset]);
        assert!(matches!(ran.code, Some(1 | 2)), "{wrong}: {ran:?}");
    }
    let listed = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    assert_eq!(listed[0]["state"], "complete");
    // The largest pack is that of the archive.
    let mut packs = Vec::new();
    for folder in std::fs::read_dir(site.repository.path().join("data")).unwrap() {
        for pack in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = pack.unwrap().path();
            packs.push((std::fs::metadata(&path).unwrap().len(), path));
        }
    }
    packs.sort();
    let (_, pack) = packs.pop().unwrap();
    // What rots where nothing refers to it by its place is found by whoever reads so much.
    let bytes = std::fs::read(&pack).unwrap();
    let mut rotten = bytes.clone();
    rotten[bytes.len() / 2] ^= 1;
    let put = |bytes: &[u8]| {
        let _ = std::fs::remove_file(&pack);
        std::fs::write(&pack, bytes).unwrap();
    };
    put(&rotten);
    site.run("verify", &["--level", "quick"]).exits(0);
    for subset in ["100%", "1/1", "2G"] {
        let verify = ["--level", "quick", "--read-data-subset", subset];
        let ran = site.run("verify", &verify).exits(4);
        assert!(ran.stderr.contains("it is damaged"), "{}", ran.stderr);
    }
    put(&bytes);
    std::fs::remove_file(&pack).unwrap();
    let ran = site.run("verify", &["--level", "quick"]).exits(4);
    assert!(ran.stderr.contains("it is damaged"), "{}", ran.stderr);
    site.run("verify", &["--level", "full"]).exits(4);
    let ran = site.run("instance", &["restore", "web", "--replace", "--yes"]);
    assert_ne!(ran.code, Some(0));
}

#[test]
fn what_another_restic_has_locked_is_11_and_named() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let versions = [site.create(), site.create()];
    let mut other = site.repository.holder();
    let doomed = [
        "delete",
        "web",
        "--version",
        &versions[0],
        "--yes",
        "--lock-timeout",
        "0",
    ];
    let ran = site.run("instance", &doomed).exits(11);
    let pid = format!("PID {}", other.id());
    assert!(
        ran.stderr.contains(&pid) && ran.stderr.contains("restic unlock"),
        "{}",
        ran.stderr
    );
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    site.run("instance", &doomed).exits(0);
}

/// At whatever moment restic dies: nothing wrong is listed, and the next run makes its own.
#[rstest]
fn a_restic_that_is_killed_leaves_no_version(#[values(1, 2, 3)] which: u32) {
    needs_restic!();
    let site = Site::with(Repository::new());
    let good = site.create();
    // Which one it is: the data, what describes it, the record of the run. It dies while its input is
    // open.
    let count = site.repository.beside("count");
    let script = format!(
        "[ \"$1\" = backup ] || exec $real \"$@\"\n\
         echo >>{count}\n[ $(wc -l <{count}) = {which} ] || exec $real \"$@\"\n\
         exec 3<&0\n(head -c 100; sleep 2) <&3 | $real \"$@\" &\nsleep 0.3; kill -9 $!; wait $!",
        count = count.display()
    );
    let wrapper = site.repository.wrapper(&script);
    let mut command = site.command("instance", &["create", "web", "--yes", "--retries", "0"]);
    let path = format!("{}:/usr/bin:/bin", wrapper.display());
    let ran = Ran::of(&command.env("PATH", path).output().unwrap());
    assert_eq!(ran.code == Some(0), which == 3, "{}", ran.stderr);
    site.repository.restic(&["unlock"]);
    let listed = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    assert!(listed.iter().all(|row| row["state"] == "complete"));
    assert_eq!(listed.len(), if which == 3 { 2 } else { 1 });
    assert_eq!(listed[0]["version"], good.as_str());
    site.create();
    assert_eq!(site.repository.orphans(), [""; 0]);
    site.repository.is_clean();
}

#[test]
fn a_whole_server_is_kept_in_a_repository() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let rows = site
        .run("all", &["create", "--yes", "-f", "json"])
        .exits(0)
        .rows();
    assert!(rows.iter().all(|row| row["status"] == "done"), "{rows:?}");
    let listed = site.run("all", &["list", "-f", "json"]).exits(0).rows();
    assert_eq!(listed.len(), rows.len());
    assert!(listed.iter().all(|row| row["state"] == "complete"));
    site.run("verify", &["--level", "full"]).exits(0);
    site.run("config", &["diff"]).exits(0);
}

/// Each start of restic takes half a second for the repository's key alone.
#[test]
fn a_run_starts_restic_as_seldom_as_it_can() {
    needs_restic!();
    let site = Site::with(Repository::new());
    let log = site.repository.beside("starts");
    let script = format!("echo $1 >>{}\nexec $real \"$@\"", log.display());
    let path = format!(
        "{}:/usr/bin:/bin",
        site.repository.wrapper(&script).display()
    );
    let starts = |kind: &str, arguments: &[&str]| -> Vec<String> {
        let _ = std::fs::remove_file(&log);
        let mut command = site.command(kind, arguments);
        Ran::of(&command.env("PATH", &path).output().unwrap()).exits(0);
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    // The first one also says which server the source is.
    let first = [
        "version",
        "snapshots",
        "backup",
        "backup",
        "backup",
        "backup",
    ];
    assert_eq!(starts("instance", &["create", "web", "--yes"]), first);
    // The data, what describes it, and the record of the run.
    let again = ["version", "snapshots", "backup", "backup", "backup"];
    assert_eq!(starts("instance", &["create", "web", "--yes"]), again);
    assert_eq!(starts("instance", &["list"]), ["version", "snapshots"]);
    let restore = ["restore", "web", "--replace", "--yes"];
    let restored = ["version", "snapshots", "dump", "dump", "backup"];
    assert_eq!(starts("instance", &restore), restored);
    // Of the configuration there is one snapshot, of the image and of the instance there are two.
    let all = starts("all", &["create", "--yes"]);
    let made = all.iter().filter(|verb| *verb == "backup").count();
    assert_eq!(made, 1 + 2 + 2 + 1, "{all:?}");
    assert_eq!(all[..2], ["version", "snapshots"]);
    assert_eq!(all.len(), 2 + made);
}
