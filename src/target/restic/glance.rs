//! What a repository holds, for somebody who waits no longer than a moment.
//!
//! # Design
//!
//! A listing needs no lock, so that restic can be ended in the middle of it. It is read on a thread: whoever
//! waits for it goes on when the time is over, and restic is interrupted. Manifests that are too large for a
//! tag would cost a restic each, and are not read.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::address::Repository;
use super::catalog::Catalog;
use super::process::{Restic, Running};
use super::repository::{Opening, ResticTarget};
use super::snapshot::Snapshot;
use super::version::ResticVersion;
use crate::model::SourceName;
use crate::target::{Filter, Stored};

/// How long a restic that is interrupted may take to end.
const MERCY: Duration = Duration::from_millis(500);

/// What a repository holds.
#[derive(Debug, Clone, Default)]
pub struct Glance {
    /// The servers.
    pub sources: Vec<SourceName>,
    /// The versions; nothing is said of a manifest that is too large.
    pub stored: Vec<Stored>,
}

impl ResticTarget {
    /// What a repository holds, if restic tells it within this time, asks nobody, and is one that this
    /// program is tested with. Whatever goes wrong, nothing is said.
    pub fn glance(repository: &Repository, opening: Opening, within: Duration) -> Option<Glance> {
        let end = Instant::now() + within;
        let repository = repository.clone().without_questions()?;
        // A program that is called restic may not even tell its version.
        let glance = on_a_thread(move || {
            let target = Self::new(&repository, opening).ok()?;
            let restic = &target.inner.restic;
            (restic.version >= ResticVersion::OLDEST).then_some(())?;
            look(restic, end)
        });
        glance.recv_timeout(within + MERCY).ok()?
    }
}

/// Does something while somebody else waits for it, or does not.
fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, waiting) = channel();
    std::thread::spawn(move || {
        let _ = done.send(work());
    });
    waiting
}

fn look(restic: &Restic, end: Instant) -> Option<Glance> {
    let arguments = ["--json", "--no-lock"].map(str::to_owned);
    let mut running = restic.stream("snapshots", &arguments).ok()?;
    let output = output(&mut running, end)?;
    running.finish().ok()?;
    let snapshots: Vec<Snapshot> = serde_json::from_slice(&output).ok()?;
    let catalog = Catalog::of(&snapshots);
    Some(Glance {
        sources: catalog.sources.keys().cloned().collect(),
        stored: catalog.stored(&Filter::default()),
    })
}

/// All that it writes, unless that takes longer. Dropped then, it is interrupted.
fn output(running: &mut Running, end: Instant) -> Option<Vec<u8>> {
    let mut stdout = running.stdout.take()?;
    let read = on_a_thread(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let left = end.saturating_duration_since(Instant::now());
    read.recv_timeout(left).ok()?.ok()
}
