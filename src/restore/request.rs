//! What is asked for.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use jiff::Timestamp;

use crate::model::{InstanceName, ProjectName, ResourceId, ResourceName, SourceName, Version};
use crate::plan::{Existing, Mapping};
use crate::temporary::Mark;

/// A request to bring instances of one source back to one server.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose backups.
    pub source: SourceName,
    /// Which instances.
    pub scope: Scope,
    /// Which versions of them.
    pub selection: Selection,
    /// What becomes of instances that exist.
    pub existing: Existing,
    /// Those of the server that are what the backup holds: nothing is left to do for them.
    pub equal: BTreeSet<ResourceId>,
    /// How they are restored.
    pub options: Options,
}

/// Which instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These of a project.
    Named(ProjectName, Vec<ResourceName>),
    /// Every stored one of a project.
    Project(ProjectName),
    /// Every stored one.
    AllProjects,
}

/// Which version of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The newest complete one.
    Newest,
    /// This one.
    Exactly(Version),
    /// The newest complete one that is not later.
    AsOf(Timestamp),
}

/// How instances are restored.
#[derive(Debug, Clone)]
pub struct Options {
    /// Another name, for a single instance.
    pub target_name: Option<InstanceName>,
    /// Other names than those the backups give.
    pub mapping: Mapping,
    /// The mark that it carries from its first moment on, where it is no instance to stay.
    pub mark: Option<Mark>,
    /// Start what was restored.
    pub start: bool,
    /// Replace even an instance that is protected from deletion.
    pub force: bool,
    /// How many instances at a time.
    pub parallel: NonZeroUsize,
}
