//! Another name and pool for the volume or the bucket of an archive (pure).

use serde_yaml::Value;

use super::ArchiveError;
use super::rewrite::{Edit, set};
use crate::model::{PoolName, ResourceName};

/// Gives a custom volume or a bucket its name and place on a server.
#[derive(Debug)]
pub struct Relocation {
    /// Its name.
    pub name: ResourceName,
    /// Its pool.
    pub pool: PoolName,
}

impl Edit for Relocation {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        set(document, "name", self.name.as_str());
        set(document, "pool", self.pool.as_str());
        Ok(())
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        for described in ["volume", "bucket"] {
            if let Some(described) = config.get_mut(described) {
                set(described, "name", self.name.as_str());
            }
        }
        Ok(())
    }
}
