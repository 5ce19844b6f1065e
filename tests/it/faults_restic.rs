//! What is killed, full or cut off while a repository of restic is written or read: nothing wrong is ever
//! listed, restic finds nothing wrong with the repository, and what was stored before comes back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use incus_backup::testing::fake::Fault;
use rstest::rstest;

use crate::bad_disks::{Mounted, fill};
use crate::lab::{kill, until};
use crate::restic::{Repository, needs_restic};
use crate::restic_commands::Site;
use crate::seed::{Chance, times};

const CREATE: [&str; 7] = ["create", "web", "--yes", "-q", "--retries", "0", "--unlock"];
const RESTORE: [&str; 5] = ["restore", "web", "--replace", "--yes", "-q"];
const PRUNE: [&str; 4] = ["--keep-last", "1", "--yes", "-q"];
/// How often each command is killed.
const TIMES: usize = 3;

/// What an instance holds.
type Content = BTreeMap<String, Vec<u8>>;

/// A server whose instance has `kib` KiB that do not get smaller, and one version of it.
fn site(repository: Repository, kib: usize) -> Site {
    let site = Site::with(repository);
    change(&site, 1, kib);
    site.create();
    site
}

/// Gives the instance another content.
fn change(site: &Site, seed: u32, kib: usize) {
    let mut seed = seed;
    let noise = (0..kib * 1024).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    });
    let mut state = site.world.incus.state();
    let web = state.instance("web").unwrap();
    web.files.insert("rootfs/noise".into(), noise.collect());
}

fn content(site: &Site) -> Content {
    site.world
        .incus
        .state()
        .instance("web")
        .unwrap()
        .files
        .clone()
}

fn versions(site: &Site, what: &str) -> Vec<String> {
    let rows = site
        .run("instance", &["list", "-f", "json"])
        .exits(0)
        .rows();
    let version = |row: &serde_json::Value| {
        assert_eq!(row["state"], "complete", "{what}: {row}");
        row["version"].as_str().unwrap().to_owned()
    };
    rows.iter().map(version).collect()
}

/// Everything that is listed is whole, restic finds nothing wrong, and a version comes back as it was.
#[track_caller]
fn is_sound(site: &Site, (version, stored): (&str, &Content), what: &str) {
    let before = versions(site, what);
    assert!(before.iter().any(|it| it == version), "{what}: {before:?}");
    let verify = ["--level", "full", "--unlock", "--yes", "-q"];
    let ran = site.run("verify", &verify);
    assert_eq!(ran.code, Some(0), "{what}: {}\n{}", ran.stdout, ran.stderr);
    site.repository.is_clean();
    // It may be between two names.
    let now = site
        .world
        .incus
        .state()
        .instance("web")
        .map(|web| web.files.clone());
    let restore = [&RESTORE[..], &["--version", version]].concat();
    let ran = site.run("instance", &restore);
    assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
    assert_eq!(content(site), *stored, "{what}");
    let mut state = site.world.incus.state();
    if let Some(now) = now {
        state.instance("web").unwrap().files = now;
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// The restic that runs.
    Restic,
    /// This program; its restic ends as it can.
    Ours,
}

/// Starts a command whose restics write down their numbers.
fn start(site: &Site, kind: &str, words: &[&str], notes: &Path) -> Child {
    let script = format!("echo $$ >>{}\nexec $real \"$@\"", notes.display());
    let wrapper = site.repository.wrapper(&script);
    let path = format!("{}:/usr/bin:/bin", wrapper.display());
    site.command(kind, words)
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The restics that were started and are there: one that has ended is there, and counts as living for
/// restic too, until the process that inherited it has looked after it.
fn running(notes: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(notes).unwrap_or_default();
    let all = text.lines().filter_map(|line| line.parse().ok());
    all.filter(|pid: &u32| Path::new("/proc").join(pid.to_string()).exists())
        .collect()
}

/// Runs a command and kills something after a while; tells whether there was something to kill.
fn strike(site: &Site, (kind, words): (&str, &[&str]), victim: Victim, after: Duration) -> bool {
    let notes = site.repository.beside("pids");
    let _ = std::fs::remove_file(&notes);
    let mut child = start(site, kind, words, &notes);
    std::thread::sleep(after);
    let mut hit = false;
    match victim {
        Victim::Ours => hit = child.try_wait().unwrap().is_none() && kill(child.id(), "KILL"),
        // The next one that runs, if none does now.
        Victim::Restic => until(60, "a restic, or the end", || {
            hit = running(&notes).iter().any(|pid| kill(*pid, "KILL"));
            hit || child.try_wait().unwrap().is_some()
        }),
    }
    child.wait().unwrap();
    until(60, "the end of every restic", || running(&notes).is_empty());
    hit
}

#[rstest]
#[case::create("instance", &CREATE)]
#[case::restore("instance", &RESTORE)]
#[case::prune("prune", &PRUNE)]
fn whatever_is_killed_at_any_time_costs_no_version(
    #[case] kind: &str,
    #[case] words: &[&str],
    #[values(Victim::Restic, Victim::Ours)] victim: Victim,
) {
    needs_restic!();
    let mut chance = Chance::of(&format!("restic {} {victim:?}", words[0]));
    let site = site(Repository::new(), 2048);
    let stored = content(&site);
    // Two of the same: prune has something to remove, and its survivor is as good.
    site.create();
    let begun = Instant::now();
    site.run(kind, words).exits(0);
    let mut limit = usize::try_from(begun.elapsed().as_millis()).unwrap().max(1);
    let mut left = times("FAULT_KILLS", TIMES);
    let mut seed = 2;
    while left > 0 {
        if words[0] == PRUNE[0] {
            site.create();
        } else {
            seed += 1;
            change(&site, seed, 2048);
        }
        let newest = versions(&site, "before").pop().unwrap();
        let good = if words[0] == CREATE[0] {
            versions(&site, "before").remove(0)
        } else {
            newest
        };
        let after = chance.below(limit);
        let hit = strike(
            &site,
            (kind, words),
            victim,
            Duration::from_millis(after as u64),
        );
        let what = format!("{words:?}: {victim:?} killed after {after} ms");
        if hit {
            left -= 1;
        } else {
            limit = after.max(1);
        }
        is_sound(&site, (&good, &stored), &what);
        // The next run puts right what is left.
        let again = [&CREATE[..], &["-f", "json"]].concat();
        let ran = site.run("instance", &again);
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(site.repository.orphans(), [""; 0], "{what}");
        assert_eq!(site.world.left_over(), Vec::<String>::new(), "{what}");
        // What it made is taken away again: it may be of another content.
        let all = versions(&site, &what);
        let newest = all.last().unwrap();
        let delete = ["delete", "web", "--yes", "-q", "--version", newest];
        site.run("instance", &delete).exits(0);
    }
}

/// The body of the export breaks off, or ends with an error in it, at every tenth.
#[test]
fn a_stream_that_is_cut_at_every_tenth_makes_no_snapshot() {
    needs_restic!();
    let site = site(Repository::new(), 1024);
    let stored = content(&site);
    let version = versions(&site, "before").remove(0);
    let whole = site.repository.data_of("web").len();
    change(&site, 2, 1024);
    let before = site.repository.snapshots().len();
    for tenth in 0..10 {
        let at = whole * tenth / 10;
        for fault in [Fault::CutBody(at), Fault::ErrorInBody(at)] {
            let what = format!("{fault:?} of {whole}");
            site.world.incus.inject(fault);
            let ran = site.run("instance", &CREATE);
            assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
            assert_eq!(site.world.incus.state().faults, [], "{what}");
            assert_eq!(versions(&site, &what), [version.as_str()], "{what}");
            let all = site.repository.snapshots();
            let data = all
                .iter()
                .filter(|it| crate::restic::tag(it, "part").as_deref() != Some("run"));
            assert_eq!(data.count(), before - 1, "{what}");
            assert_eq!(site.repository.locks(), 0, "{what}");
            assert_eq!(site.world.left_over(), Vec::<String>::new(), "{what}");
        }
    }
    is_sound(&site, (&version, &stored), "after all of them");
    site.create();
    assert_eq!(versions(&site, "at last").len(), 2);
}

/// A disk that is full at every size: the version is there and whole, or the run says why it is not.
#[test]
fn a_repository_on_a_full_disk_costs_no_version() {
    needs_restic!();
    let repository = Repository::missing();
    std::fs::create_dir(repository.path()).unwrap();
    let Some(mount) = Mounted::tmpfs(&repository.path(), 4096) else {
        eprintln!("nobody may mount here: not tested");
        return;
    };
    repository.fill();
    let site = site(repository, 300);
    let stored = content(&site);
    let version = versions(&site, "before").remove(0);
    let (mut failed, mut done) = (0, 0);
    for (seed, left) in (2..).zip([0, 20, 250, 350, 800]) {
        change(&site, seed, 300);
        let filler = site.repository.path().join("filler");
        fill(&filler, left * 1024);
        let begun = Instant::now();
        // What is refused beforehand, because there is no room, is tried all the same.
        let ran = site.run("instance", &[&CREATE[..], &["--force"]].concat());
        std::fs::remove_file(&filler).unwrap();
        let what = format!("{left} KiB: {}", ran.stderr);
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        let all = versions(&site, &what);
        match ran.code {
            Some(0) => {
                done += 1;
                assert_eq!(all.len(), 2, "{what}");
            }
            Some(1) => {
                failed += 1;
                assert_eq!(all, [version.as_str()], "{what}");
                assert!(ran.stderr.contains("no space left"), "{what}");
            }
            _ => panic!("{what}"),
        }
        is_sound(&site, (&version, &stored), &what);
        // Room for the next one.
        let keep = ["--keep-last", "1", "--yes", "-q", "--unlock"];
        if all.len() == 2 {
            let newest = &all[1];
            let delete = ["delete", "web", "--yes", "-q", "--version", newest];
            site.run("instance", &delete).exits(0);
        }
        site.run("prune", &keep).exits(0);
        site.repository.restic(&["prune"]);
        assert_eq!(site.repository.orphans(), [""; 0], "{what}");
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} done");
    drop(mount);
}
