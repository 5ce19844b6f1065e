//! What has another name where it is restored to (pure).

use std::collections::BTreeMap;

use crate::archive::References;
use crate::model::{PoolName, ProjectName};

/// Other names than those the backups give, and what becomes of what is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Everything goes to this project.
    pub to_project: Option<ProjectName>,
    /// What was in one project goes to another.
    pub projects: BTreeMap<ProjectName, ProjectName>,
    /// What was in one pool goes to another.
    pub pools: BTreeMap<PoolName, PoolName>,
    /// What was on one network goes to another.
    pub networks: BTreeMap<String, String>,
    /// What had one profile gets another.
    pub profiles: BTreeMap<String, String>,
    /// Everything goes to this member of the cluster, instead of the one where it was.
    pub member: Option<String>,
    /// What becomes of devices that need what is not there.
    pub devices: Lost,
    /// What becomes of configuration keys that the server does not know: taken out, or refused.
    pub drop_unknown_keys: bool,
    /// What becomes of profiles that are not there.
    pub saved_profiles: Saved,
}

/// What becomes of devices whose network or volume is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lost {
    /// The step is refused.
    #[default]
    Refuse,
    /// They are taken out.
    Drop,
    /// So are all others but the instance's own: nothing else is to be touched by it.
    Isolate,
}

/// What becomes of profiles that are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Saved {
    /// The step is refused.
    #[default]
    Ignore,
    /// They are made as they were saved with the instance.
    BringBack,
}

impl Mapping {
    /// Whether everything keeps its name.
    pub fn keeps_names(&self) -> bool {
        let Self {
            to_project,
            projects,
            pools,
            networks,
            profiles,
            ..
        } = self;
        to_project.is_none()
            && projects.is_empty()
            && pools.is_empty()
            && networks.is_empty()
            && profiles.is_empty()
    }

    /// The names of what instances and profiles refer to, as archives are rewritten with.
    pub fn references(&self) -> References {
        let pools = self.pools.iter();
        References {
            pools: pools
                .map(|(old, new)| (old.to_string(), new.to_string()))
                .collect(),
            networks: self.networks.clone(),
            profiles: self.profiles.clone(),
            ..References::default()
        }
    }

    /// The project that something of a project goes to.
    pub fn project<'a>(&'a self, stored: &'a ProjectName) -> &'a ProjectName {
        let mapped = self.projects.get(stored);
        self.to_project.as_ref().or(mapped).unwrap_or(stored)
    }

    /// The name that a network has now.
    pub fn network<'a>(&'a self, stored: &'a str) -> &'a str {
        self.networks.get(stored).map_or(stored, String::as_str)
    }

    /// The name that a profile has now.
    pub fn profile<'a>(&'a self, stored: &'a str) -> &'a str {
        self.profiles.get(stored).map_or(stored, String::as_str)
    }

    /// The name that a pool has now.
    pub fn pool<'a>(&'a self, stored: &'a str) -> &'a str {
        let found = self.pools.iter().find(|(old, _)| old.as_str() == stored);
        found.map_or(stored, |(_, new)| new.as_str())
    }
}
