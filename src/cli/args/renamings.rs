//! Other names for what configuration refers to.

use clap::Args;

use super::Renaming;
use crate::model::{PoolName, ProjectName, ResourceName};

/// Which names of a stored configuration become which.
#[derive(Debug, Args)]
pub struct Renamings {
    /// Restore what was in storage pool OLD to storage pool NEW, which is made as OLD was where it is
    /// not there
    #[arg(long, value_name = "OLD=NEW")]
    pub pool_map: Vec<Renaming<PoolName>>,
    /// Put what was on network OLD onto network NEW, which is made as OLD was where it is not there
    #[arg(long, value_name = "OLD=NEW")]
    pub network_map: Vec<Renaming<ResourceName>>,
    /// Give what had profile OLD profile NEW, which is made as OLD was where it is not there
    #[arg(long, value_name = "OLD=NEW")]
    pub profile_map: Vec<Renaming<ResourceName>>,
    /// Restore what was in project OLD into project NEW, which is made as OLD was where it is not there
    #[arg(long, value_name = "OLD=NEW")]
    pub project_map: Vec<Renaming<ProjectName>>,
}
