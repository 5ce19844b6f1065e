//! A file system that fails, for tests: the step that fails is told by its number.
//!
//! Whatever changes the file system asks here first, so a test can walk through the steps of an
//! operation and look at what each of them leaves when it is the last one.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// What happens after the step that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The file system works again: the disk was full, and something was deleted.
    Recovers,
    /// Nothing is written any more, not even what cleans up: the process was killed.
    Dies,
}

struct Plan {
    left: usize,
    then: Then,
    failed: Option<&'static str>,
}

thread_local! {
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Does some work on this thread with its `number`th step, counted from zero, failing.
///
/// Gives what came of it and which step failed; none where the work has fewer steps.
pub fn fail_at<T>(
    number: usize,
    then: Then,
    work: impl FnOnce() -> T,
) -> (T, Option<&'static str>) {
    let plan = Plan {
        left: number,
        then,
        failed: None,
    };
    PLAN.set(Some(plan));
    let done = work();
    (done, PLAN.take().and_then(|plan| plan.failed))
}

/// How many steps this process still does before it is killed.
static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Has this process killed (SIGKILL) before its step of this number, counted from zero.
pub fn die_at(number: usize) {
    LEFT.store(number, Ordering::SeqCst);
}

fn die_at_last() {
    let left = LEFT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        usize::MAX => None,
        left => Some(left.saturating_sub(1)),
    });
    if left == Ok(0) {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Asked before each step.
pub(super) fn step(name: &'static str) -> io::Result<()> {
    die_at_last();
    PLAN.with_borrow_mut(|plan| {
        let Some(plan) = plan else { return Ok(()) };
        let fails = match plan.failed {
            Some(_) => plan.then == Then::Dies,
            None => plan.left == 0,
        };
        if fails {
            plan.failed.get_or_insert(name);
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        plan.left = plan.left.saturating_sub(1);
        Ok(())
    })
}
