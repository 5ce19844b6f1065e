//! Locks of restic that stand in a repository, and whether anybody still holds them.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::process::Restic;
use crate::model::Version;
use crate::target::TargetError;

/// After how long restic takes a lock to be abandoned that nobody has renewed.
const ABANDONED: SignedDuration = SignedDuration::from_mins(30);
/// How many locks are looked at: each takes a start of restic.
const MANY: usize = 20;

/// A lock, as `restic cat lock` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Held {
    time: Timestamp,
    hostname: String,
    username: String,
    pid: i32,
}

impl Held {
    /// Who holds it, as restic says it.
    fn holder(&self) -> String {
        let Self {
            pid,
            hostname,
            username,
            ..
        } = self;
        format!("PID {pid} on {hostname} by {username}")
    }

    /// Whether nobody holds it any more: the rule by which `restic unlock` decides. `lives` tells
    /// whether a process of this machine, whose name is `here`, runs.
    fn is_abandoned(&self, now: Timestamp, here: &str, lives: impl Fn(i32) -> bool) -> bool {
        now.duration_since(self.time) > ABANDONED || (self.hostname == here && !lives(self.pid))
    }

    fn is_abandoned_now(&self) -> bool {
        let name = rustix::system::uname();
        let here = name.nodename().to_string_lossy();
        let lives = |pid: i32| Path::new("/proc").join(pid.to_string()).exists();
        self.is_abandoned(Version::now().timestamp(), &here, lives)
    }
}

/// The locks that stand in a repository.
fn held(restic: &Restic) -> Result<Vec<Held>, TargetError> {
    let words =
        |words: &[&str]| -> Vec<String> { words.iter().map(|it| (*it).to_owned()).collect() };
    let ids = restic.run("list", &words(&["locks", "--no-lock"]))?;
    let ids = String::from_utf8_lossy(&ids).into_owned();
    let locks = ids.lines().filter(|id| !id.is_empty()).take(MANY);
    let read = |id: &str| {
        // One that went away in the meantime is none.
        let text = restic.run("cat", &words(&["lock", id, "--no-lock"])).ok()?;
        serde_json::from_slice(&text).ok()
    };
    Ok(locks.filter_map(read).collect())
}

/// Who held the locks that nobody holds any more.
pub(super) fn abandoned(restic: &Restic) -> Result<Vec<String>, TargetError> {
    let locks = held(restic)?;
    let abandoned = locks.iter().filter(|lock| lock.is_abandoned_now());
    Ok(abandoned.map(Held::holder).collect())
}

/// Takes away the locks that nobody holds any more, as restic decides it.
pub(super) fn unlock(restic: &Restic) -> Result<(), TargetError> {
    restic.change("unlock", &[])
}

/// The same error; where it is that the repository is locked, whether anybody holds that lock.
pub(super) fn explain(restic: &Restic, error: TargetError) -> TargetError {
    let TargetError::RepositoryLocked { repository, holder } = error else {
        return error;
    };
    let locks = held(restic).unwrap_or_default();
    let one = locks.iter().find(|lock| holder.starts_with(&lock.holder()));
    match one {
        Some(lock) if lock.is_abandoned_now() => TargetError::Abandoned {
            repository,
            holder: lock.holder(),
        },
        _ => TargetError::RepositoryLocked { repository, holder },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("here", 7, "2026-01-02T03:04:00Z", false)]
    #[case("here", 8, "2026-01-02T03:04:00Z", true)]
    #[case("there", 8, "2026-01-02T03:04:00Z", false)]
    #[case("there", 7, "2026-01-02T02:33:00Z", true)]
    #[case("here", 7, "2026-01-02T02:33:00Z", true)]
    fn a_lock_is_abandoned_when_its_process_is_gone_or_nobody_renewed_it(
        #[case] host: &str,
        #[case] pid: i32,
        #[case] time: &str,
        #[case] abandoned: bool,
    ) {
        let text = format!(
            r#"{{"time":"{time}","exclusive":true,"hostname":"{host}","username":"root","pid":{pid},"uid":0}}"#
        );
        let lock: Held = serde_json::from_str(&text).unwrap();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(lock.is_abandoned(now, "here", |pid| pid == 7), abandoned);
        assert_eq!(lock.holder(), format!("PID {pid} on {host} by root"));
    }
}
