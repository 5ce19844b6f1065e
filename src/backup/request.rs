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
    /// On how many threads archives are compressed, all together.
    pub threads: NonZeroUsize,
}
