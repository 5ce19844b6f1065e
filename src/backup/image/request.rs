//! What is asked for.

use crate::model::{ProjectName, SourceName};

/// A request to back images of one server up.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the target calls the server.
    pub source: SourceName,
    /// Which images.
    pub scope: Scope,
}

/// Which images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These of a project, by alias or by the beginning of their fingerprint.
    Named(ProjectName, Vec<String>),
    /// Every one of a project that the server did not fetch by itself.
    Project(ProjectName),
    /// Every such one of the server.
    AllProjects,
}
