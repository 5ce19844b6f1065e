//! Locks of restic, and what it says while it works.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use incus_backup::model::{Owner, RunId};
use incus_backup::progress::{Cancel, Progress, Silent, Task};
use incus_backup::target::{Depth, Location, Opening, ResticTarget, Target, TargetError, Tool};

use crate::lab::{kill, until};
use crate::restic::{Repository, binary, needs_restic};
use crate::restic_commands::Site;

/// What a lock stands in the way of.
const CHECK: [&str; 4] = ["--level", "quick", "--lock-timeout", "0s"];

/// A restic that was killed left its lock.
fn site_with_a_lock_left() -> (Site, u32) {
    let site = Site::with(Repository::new());
    site.create();
    let mut child = site.repository.holder();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(site.repository.locks(), 1);
    (site, child.id())
}

#[test]
fn a_lock_whose_process_is_gone_is_named_with_what_clears_it() {
    needs_restic!();
    let (site, pid) = site_with_a_lock_left();
    let ran = site.run("verify", &CHECK).exits(11);
    let said = format!("is locked by PID {pid} on ");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(ran.stderr.contains("which is gone"), "{}", ran.stderr);
    let command = format!("restic -r {} unlock", site.repository.path().display());
    assert!(ran.stderr.contains(&command), "{}", ran.stderr);
    assert!(ran.stderr.contains("--unlock"), "{}", ran.stderr);
}

#[test]
fn a_lock_whose_process_is_gone_is_cleared_after_asking() {
    needs_restic!();
    let (site, pid) = site_with_a_lock_left();
    let unlocking = |more: &[&str]| {
        let words = [&CHECK[..], &["--unlock"], more].concat();
        site.run("verify", &words)
    };
    let ran = unlocking(&[]).exits(5);
    assert!(
        ran.stderr.contains(&format!("PID {pid} on ")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    site.run("instance", &["list", "--unlock"]).exits(5);
    site.run("instance", &["create", "web", "--unlock", "--dry-run"])
        .exits(0);
    assert_eq!(site.repository.locks(), 1);
    unlocking(&["--yes"]).exits(0);
    assert_eq!(site.repository.locks(), 0);
}

#[test]
fn a_lock_whose_process_lives_stays() {
    needs_restic!();
    let site = Site::with(Repository::new());
    site.create();
    let mut other = site.repository.holder();
    let words = [&CHECK[..], &["--unlock", "--yes"]].concat();
    let ran = site.run("verify", &words).exits(11);
    assert!(!ran.stderr.contains("which is gone"), "{}", ran.stderr);
    assert_eq!(site.repository.locks(), 1);
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    site.run("verify", &CHECK).exits(0);
}

/// Whoever waits gets through when the other one ends.
#[test]
fn a_lock_is_waited_for() {
    needs_restic!();
    let site = Site::with(Repository::new());
    site.create();
    let mut other = site.repository.holder();
    let mut waiting = site
        .command("verify", &["--level", "quick", "--retry-lock", "5m", "-v"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let heard = said.any(|line| line.unwrap().contains("already locked, waiting up to 5m"));
    assert!(heard, "it says that it waits");
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    said.for_each(drop);
    assert!(waiting.wait().unwrap().success());
}

#[test]
fn what_restic_says_is_shown_as_it_says_it() {
    needs_restic!();
    let site = Site::with(Repository::new());
    site.create();
    let go = site.repository.beside("go");
    let script = format!(
        "[ \"$1\" = check ] || exec $real \"$@\"\necho looking closely\n\
         while [ ! -e {} ]; do sleep 0.05; done\nexec $real \"$@\"",
        go.display()
    );
    let mut child = start_wrapped(&site, &script, &["--level", "quick", "-v"]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("restic: looking closely")));
    std::fs::write(&go, "").unwrap();
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    let has = |text: &str| rest.iter().any(|line| line.contains(text));
    assert!(has("restic: no errors were found"), "{rest:#?}");
    assert!(!has("%"), "how far it is belongs on a bar: {rest:#?}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn whoever_interrupts_a_check_leaves_no_restic_behind() {
    needs_restic!();
    let site = Site::with(Repository::new());
    site.create();
    let pid = site.repository.beside("pid");
    let script = format!(
        "[ \"$1\" = check ] || exec $real \"$@\"\necho $$ >{0}.new; mv {0}.new {0}\nexec sleep 600",
        pid.display()
    );
    let mut child = start_wrapped(&site, &script, &["--level", "quick"]);
    until(30, "the check", || pid.exists());
    let restic = std::fs::read_to_string(&pid).unwrap();
    let restic = Path::new("/proc").join(restic.trim());
    assert!(restic.exists());
    assert!(kill(child.id(), "INT"));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(!restic.exists(), "it runs on");
}

/// `verify`, with a script in the place of restic.
fn start_wrapped(site: &Site, script: &str, words: &[&str]) -> Child {
    let wrapper = site.repository.wrapper(script);
    let path = format!("{}:/usr/bin:/bin", wrapper.display());
    site.command("verify", words)
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes down what it is told.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Progress for Heard {
    fn task(&self, name: &str) -> Box<dyn Task> {
        self.0.lock().unwrap().push(name.to_owned());
        Box::new(self.clone())
    }

    fn warn(&self, message: &str) {
        panic!("{message}");
    }
}

impl Task for Heard {
    fn phase(&self, what: &str, _total: Option<u64>) {
        self.0.lock().unwrap().push(what.to_owned());
    }

    fn advance(&self, _bytes: u64) {}

    fn detail(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

#[test]
fn how_far_restic_is_goes_to_whoever_listens() {
    needs_restic!();
    let repository = Repository::new();
    repository.backup("x", &[], b"x");
    let heard = Heard::default();
    let target = ResticTarget::open(&parsed(&repository), opening(&repository, &heard)).unwrap();
    assert_eq!(
        target.check(&Depth::Subset("100%".to_owned())).unwrap(),
        None
    );
    let told = heard.0.lock().unwrap().clone();
    assert_eq!(told[..2], ["restic check", "checking"]);
    for told_once in [
        "check snapshots, trees and blobs: 1 / 1 snapshots",
        "no errors were found",
    ] {
        assert!(told.iter().any(|it| it == told_once), "{told:#?}");
    }
    assert!(
        told.iter().any(|it| it.ends_with("2 / 2 packs")),
        "{told:#?}"
    );
}

/// A process that was stopped begins no long work.
#[test]
fn a_check_that_is_stopped_ends() {
    needs_restic!();
    let repository = Repository::new();
    let wrapper = repository.wrapper("[ $1 = check ] || exec $real \"$@\"\nexec sleep 600");
    let mut opening = opening(&repository, &Silent);
    opening.tool.binary = wrapper.join("restic");
    let cancel = opening.cancel.clone();
    let target = ResticTarget::open(&parsed(&repository), opening).unwrap();
    cancel.cancel();
    let stopped = target.check(&Depth::Structure);
    assert!(
        matches!(stopped, Err(TargetError::Interrupted)),
        "{stopped:?}"
    );
}

fn parsed(repository: &Repository) -> incus_backup::target::Repository {
    let Location::Restic(parsed) = Location::parse(&repository.uri()).unwrap() else {
        unreachable!()
    };
    parsed
}

fn opening(repository: &Repository, progress: &(impl Progress + Clone + 'static)) -> Opening {
    Opening {
        tool: Tool::new(binary().unwrap(), false),
        owner: Owner::current(&RunId::begin()),
        state: repository.beside("state"),
        patience: Duration::ZERO,
        fresh: Duration::ZERO,
        progress: Arc::new(progress.clone()),
        cancel: Cancel::new(),
    }
}
