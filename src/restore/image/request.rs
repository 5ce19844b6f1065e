//! What is asked for.

use crate::model::{ProjectName, SourceName};
use crate::restore::{Existing, Mapping, Selection};

/// A request to bring images of one source back to one server.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose backups.
    pub source: SourceName,
    /// Which images.
    pub scope: Scope,
    /// Which versions of them.
    pub selection: Selection,
    /// What becomes of images that are there.
    pub existing: Existing,
    /// Other projects and profiles than those the backups name.
    pub mapping: Mapping,
    /// Move aliases that stand for other images.
    pub force: bool,
}

/// Which images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These of a project, by alias or by the beginning of their fingerprint.
    Named(ProjectName, Vec<String>),
    /// Every stored one of a project.
    Project(ProjectName),
    /// Every stored one.
    AllProjects,
}
