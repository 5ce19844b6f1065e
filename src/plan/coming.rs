//! What a server will have by the time a step is done, because earlier steps of the same plan make it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{PoolName, ProjectName};

/// What earlier steps make that later ones name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coming {
    /// Storage pools, and their drivers.
    pub pools: BTreeMap<PoolName, String>,
    /// What each project can use then; a project that is not there yet is made.
    pub projects: BTreeMap<ProjectName, ComingProject>,
    /// The server serves the buckets of its own pools.
    pub serves_buckets: bool,
}

/// What the instances of a project can use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComingProject {
    /// Profiles, and the names of their devices.
    pub profiles: BTreeMap<String, BTreeSet<String>>,
    /// Networks.
    pub networks: BTreeSet<String>,
    /// Custom volumes, as `POOL/NAME`.
    pub volumes: BTreeSet<String>,
}
