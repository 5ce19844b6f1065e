//! Exit codes: the same in every binary, and said in the man pages and the README.

use std::process::ExitCode;

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// Nothing of use was done.
    Failed,
    /// The command line was wrong.
    Usage,
    /// Some resources failed; the rest is complete.
    Partial,
    /// A check found something wrong: damage, a failed drill, something unprotected.
    Damaged,
    /// It was not confirmed.
    NotConfirmed,
    /// The target or repository does not exist.
    NoTarget,
    /// The target is locked by another process.
    Locked,
    /// The password or key of the target is wrong.
    Password,
    /// It was interrupted, and cleaned up.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Damaged => 4,
            Self::NotConfirmed => 5,
            Self::NoTarget => 10,
            Self::Locked => 11,
            Self::Password => 12,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What `--help` and the man pages say about exit codes.
pub const EXIT_STATUS: &str = "Exit status:
  0    done
  1    failed
  2    wrong usage
  3    done in part: some resources failed, the rest is complete
  4    a check found something wrong
  5    not confirmed
  10   the target does not exist
  11   the target is locked
  12   the password or key of the target is wrong
  130  interrupted, and cleaned up";
