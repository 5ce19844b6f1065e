//! What is asked for.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::model::{CompressionChoice, InstanceName, ProjectName};

/// A request to back instances of one server up.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where they are.
    pub scope: Scope,
    /// How.
    pub options: Options,
}

/// Which instances, or other things that are called `N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<N = InstanceName> {
    /// These of a project.
    Named(ProjectName, Vec<N>),
    /// Every one of a project.
    Project(ProjectName),
    /// Every one of the server.
    AllProjects,
}

/// How long the server may send nothing before an export is given up, where nothing else is said.
pub const IDLE: Duration = Duration::from_secs(300);

/// How instances are backed up.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent wishes")]
pub struct Options {
    /// Export running instances as they are.
    pub no_snapshot: bool,
    /// Use the storage driver's own format.
    pub optimized: bool,
    /// Leave snapshots out.
    pub instance_only: bool,
    /// Try even what the target clearly has no room for.
    pub force: bool,
    /// How archives are compressed.
    pub compression: CompressionChoice,
    /// How often a live export is tried again when files change under it.
    pub retries: u32,
    /// How long the server may send nothing before an export is given up.
    pub idle: Duration,
    /// How many instances at a time.
    pub parallel: NonZeroUsize,
    /// On how many threads an archive is compressed.
    pub threads: NonZeroUsize,
}

impl Options {
    /// The same for so many archives, of which several are made at a time: then each is compressed on
    /// fewer threads, whose buffers are most of the memory. Twice as many threads as there would be
    /// for one keep every core busy when one archive has come to its end.
    #[must_use]
    pub fn shared_by(self, archives: usize) -> Self {
        let at_a_time = self.parallel.get().min(archives).max(1);
        let each = (2 * self.threads.get() / at_a_time).min(self.threads.get());
        Self {
            threads: NonZeroUsize::new(each).unwrap_or(NonZeroUsize::MIN),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one(2, 4, 1, 2)]
    #[case::two(2, 4, 2, 2)]
    #[case::three(2, 4, 3, 1)]
    #[case::four(2, 4, 4, 1)]
    #[case::many(2, 4, 50, 1)]
    #[case::many_one_by_one(2, 1, 50, 2)]
    #[case::many_cores(8, 4, 9, 4)]
    #[case::nothing(8, 4, 0, 8)]
    fn archives_that_are_made_at_a_time_share_the_threads(
        #[case] threads: usize,
        #[case] parallel: usize,
        #[case] archives: usize,
        #[case] each: usize,
    ) {
        let options = Options {
            no_snapshot: false,
            optimized: false,
            instance_only: false,
            force: false,
            compression: CompressionChoice::DEFAULT,
            retries: 0,
            idle: IDLE,
            parallel: NonZeroUsize::new(parallel).unwrap(),
            threads: NonZeroUsize::new(threads).unwrap(),
        };
        assert_eq!(options.shared_by(archives).threads.get(), each);
    }
}
