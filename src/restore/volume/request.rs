//! What is asked for.

use std::collections::BTreeSet;

use super::super::request::Selection;
use crate::model::{ProjectName, ResourceId, ResourceName, Subject};
use crate::plan::{Existing, Mapping};

/// A request to bring custom volumes of one source back to one server.
#[derive(Debug, Clone)]
pub struct VolumeRequest {
    /// Which volumes.
    pub scope: VolumeScope,
    /// Which versions of them.
    pub selection: Selection,
    /// What becomes of volumes that exist.
    pub existing: Existing,
    /// Those of the server that are what the backup holds: nothing is left to do for them.
    pub equal: BTreeSet<ResourceId>,
    /// Another name, for a single volume.
    pub target_name: Option<ResourceName>,
    /// Other names than those the backups give.
    pub mapping: Mapping,
    /// Stop running instances for a replacement, and try what clearly has no room.
    pub force: bool,
}

/// Which volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VolumeScope {
    /// These, as a project sees them.
    Named(ProjectName, Vec<Subject>),
    /// Every stored one that a project sees.
    Project(ProjectName),
    /// Every stored one.
    AllProjects,
}
