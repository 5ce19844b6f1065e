//! What a copy leaves when it is cut off anywhere: nothing that is not whole, and the next run has only
//! the rest to do.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use incus_backup::plan::{Consent, Status};
use incus_backup::progress::{Cancel, Silent};
use incus_backup::target::faults::{Then, fail_at};
use incus_backup::target::{DirectoryTarget, Protection, State, StoredId, Target};
use incus_backup::testing::target_suite::{all, content, fill, instance, manifest, second, server};
use incus_backup::transfer::{self, Context, Encrypting, Packing};
use rstest::rstest;

use crate::restic::{Repository, needs_restic};
use crate::seed::{Chance, times};
use crate::transfer::{Place, Site, Sort};

fn open(root: &Path) -> Arc<dyn Target> {
    Arc::new(DirectoryTarget::open(root, Duration::ZERO).unwrap())
}

/// A target with three versions of two instances, one of them protected.
pub fn stored(root: &Path) -> Arc<dyn Target> {
    DirectoryTarget::create(root).unwrap();
    let (target, here) = (open(root), server("here", 1));
    target.enter_source(&here).unwrap();
    for (name, at) in [("web", 1), ("web", 2), ("db", 1)] {
        let id = StoredId {
            source: here.name.clone(),
            resource: instance(name),
            version: second(at),
        };
        let mut draft = target.begin(&id.source, &id.resource, id.version).unwrap();
        let written = fill(&mut *draft, format!("{name} {at}").as_bytes()).unwrap();
        draft.describe("instance.json", b"{}").unwrap();
        draft
            .commit(manifest(&id, written.size.0, written))
            .unwrap();
        if at == 2 {
            target.protect(&id, Protection::On).unwrap();
        }
    }
    target
}

/// Copies everything, as the command does.
fn copy(from: &Arc<dyn Target>, to: &Arc<dyn Target>) -> Vec<Status> {
    let Ok(facts) = transfer::gather(&**from, Some(&**to), all(&**from)) else {
        return Vec::new();
    };
    let plan = transfer::plan(
        Packing::Kept("none".parse().unwrap()),
        Encrypting::Keeps,
        &facts,
    );
    let context = Context {
        from: from.clone(),
        to: to.clone(),
        threads: std::num::NonZeroUsize::MIN,
        progress: Arc::new(Silent),
        cancel: Cancel::new(),
    };
    let report = transfer::apply(&context, plan.approve(Consent::given_by_yes()));
    let outcomes = report.outcomes.iter();
    outcomes.map(|outcome| outcome.status).collect()
}

/// What is there, and whether it is protected.
fn told(target: &dyn Target) -> Vec<(StoredId, bool, Vec<u8>)> {
    let tell = |stored: &incus_backup::target::Stored| {
        assert_eq!(stored.state, State::Complete, "{:?}", stored.id);
        let bytes = content(target, &stored.id);
        (stored.id.clone(), stored.protected, bytes)
    };
    all(target).iter().map(tell).collect()
}

/// Folders below a folder that are not through.
fn hidden(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
            // What is left of placing a mark goes with its version.
            if path.is_dir() {
                found.push(path.display().to_string());
            }
        } else if path.is_dir() {
            found.extend(hidden(&path));
        }
    }
    found
}

#[rstest]
fn a_copy_whose_every_step_fails_in_turn_lists_nothing_that_is_not_whole(
    #[values(Then::Recovers, Then::Dies)] then: Then,
) {
    let folder = tempfile::tempdir().unwrap();
    let from = stored(&folder.path().join("from"));
    let expected = told(&*from);
    let mut steps = Vec::new();
    loop {
        let root = folder.path().join(format!("to-{}", steps.len()));
        DirectoryTarget::create(&root).unwrap();
        let to = open(&root);
        let (statuses, failed) = fail_at(steps.len(), then, || copy(&from, &to));
        let there = told(&*to);
        let what = format!("{failed:?} as step {}: {statuses:?}", steps.len());
        for (id, protected, bytes) in &there {
            let own = expected.iter().find(|(it, ..)| it == id).unwrap();
            assert_eq!(bytes, &own.2, "{what}");
            assert!(!protected || own.1, "{what}");
        }
        let done = statuses.iter().filter(|it| **it == Status::Done).count();
        assert!(there.len() >= done, "{what}");
        assert_eq!(told(&*from), expected, "{what}");
        let Some(failed) = failed else {
            assert_eq!(there, expected);
            break;
        };
        assert!(done < expected.len(), "{what}");
        if then == Then::Recovers {
            assert!(
                done + 1 >= expected.len(),
                "one failure stops no other: {what}"
            );
        }
        assert_eq!(copy(&from, &to).len(), expected.len());
        assert_eq!(told(&*to), expected, "{what}");
        assert_eq!(hidden(&root), Vec::<String>::new(), "{what}");
        steps.push(failed);
    }
    assert!(steps.len() > 30, "{steps:?}");
}

/// Copies until it is killed, at any moment; what is there is whole, and the rest comes with the next run.
fn killed(site: &Site, mut command: Command, step: Option<usize>, after: Duration) -> bool {
    if let Some(step) = step {
        command.env("INCUS_BACKUP_TEST_DIE_AT", step.to_string());
    }
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    if step.is_none() {
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    let killed = child.wait().unwrap().signal() == Some(9);
    let what = format!("step {step:?}, after {after:?}");
    if let Place::Restic(repository) = &site.to {
        // A restic that was killed leaves its lock, and one that was not takes a moment to end.
        crate::lab::until(60, "no lock", || {
            repository.restic(&["unlock"]);
            let locks = repository.restic(&["list", "locks", "--no-lock"]);
            locks.stdout.is_empty()
        });
    }
    if site.is_there(&site.to) {
        for row in site.listed(&site.to) {
            assert_eq!(row["state"], "complete", "{what}: {row}");
        }
        site.is_whole(&site.to);
    }
    let ran = site.copy(&["--yes"]);
    assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
    assert_eq!(site.told(&site.to), site.told(&site.from), "{what}");
    match &site.to {
        Place::Folder(_) => assert_eq!(hidden(&site.to.root()), Vec::<String>::new(), "{what}"),
        Place::Restic(repository) => {
            assert_eq!(repository.orphans(), Vec::<String>::new(), "{what}");
        }
    }
    site.is_whole(&site.to);
    killed
}

#[rstest]
#[case(Sort::Folder, 20)]
#[case(Sort::Restic, 4)]
fn a_copy_that_is_killed_at_any_moment_costs_nothing(#[case] to: Sort, #[case] usual: usize) {
    let Some(mut site) = Site::new(Sort::Folder, to) else {
        return;
    };
    let mut chance = Chance::of(&format!("copy to {to:?}"));
    let begun = Instant::now();
    site.copy(&["--yes"]).exits(0);
    let mut took = usize::try_from(begun.elapsed().as_micros()).unwrap();
    let mut steps = if to == Sort::Folder { 150 } else { 1 };
    let mut left = times("FAULT_KILLS", usual);
    while left > 0 {
        // A restic that makes a repository goes on when this program is killed, beside the next run.
        site.to = match to {
            Sort::Folder => Place::missing(to).unwrap(),
            Sort::Restic => Place::Restic(Repository::new()),
        };
        let step = (steps > 1 && chance.below(3) > 0).then(|| chance.below(steps));
        let after = chance.below(took);
        let micros = Duration::from_micros(u64::try_from(after).unwrap());
        if killed(&site, site.copying(&["--yes"]), step, micros) {
            left -= 1;
        } else if let Some(step) = step {
            steps = step.max(2);
        } else {
            took = after.max(1);
        }
    }
}

/// A restic whose backup of this number fails, before or after it has done what it was asked.
fn failing_restic(folder: &Path, number: usize, done: bool) {
    use std::os::unix::fs::PermissionsExt as _;
    let real = crate::restic::binary().unwrap();
    let (real, count) = (real.display(), folder.join("count"));
    let done = if done { "\"$real\" \"$@\"" } else { "" };
    let script = format!(
        "#!/bin/sh\nreal='{real}' count='{count}'\n\
         if [ \"$1\" = backup ]; then\n\
           n=$(cat \"$count\" 2>/dev/null || echo 0)\n\
           echo $((n + 1)) > \"$count\"\n\
           if [ \"$n\" = {number} ]; then {done}\n echo 'the line broke' >&2; exit 1; fi\n\
         fi\n\
         exec \"$real\" \"$@\"\n",
        count = count.display()
    );
    let path = folder.join("restic");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What is written into a repository is the source, the data, the manifest and the record of the run.
#[rstest]
fn a_copy_to_a_repository_whose_every_backup_fails_in_turn_lists_nothing_that_is_not_whole(
    #[values(false, true)] done: bool,
    #[values(0, 1, 2, 3)] number: usize,
) {
    needs_restic!();
    let mut site = Site::new(Sort::Folder, Sort::Restic).unwrap();
    let rows = site.told(&site.from);
    let newest = rows.iter().rfind(|row| row["name"] == "web").unwrap();
    let expected = [newest.clone()];
    site.to = Place::Restic(Repository::new());
    let tools = tempfile::tempdir().unwrap();
    failing_restic(tools.path(), number, done);
    let mut command = site.copying(&["web", "--latest", "--yes"]);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    let code = command.env("PATH", path).output().unwrap().status.code();
    let starts = std::fs::read_to_string(tools.path().join("count")).unwrap();
    assert!(starts.trim().parse::<usize>().unwrap() > number, "{starts}");
    // That the record of a run is not kept is only a warning.
    assert_eq!(code, Some(i32::from(number < 3)));
    let there = site.told(&site.to);
    let whole = number == 3 || (number == 2 && done);
    assert_eq!(there, if whole { &expected[..] } else { &[] });
    site.copy(&["web", "--latest", "--yes"]).exits(0);
    assert_eq!(site.told(&site.to), expected);
    let Place::Restic(repository) = &site.to else {
        unreachable!()
    };
    assert_eq!(repository.orphans(), Vec::<String>::new());
    site.is_whole(&site.to);
}
