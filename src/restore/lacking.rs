//! What of the things that devices refer to is not there (pure).

use std::collections::BTreeSet;

use super::gather::{Facts, Server};
use crate::archive::{Reference, References};
use crate::plan::{Lost, Mapping};

/// What is not there, by its new name, and the devices that need it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lacking {
    /// Pools of root disks.
    pub(super) pools: BTreeSet<String>,
    /// Networks.
    pub(super) networks: BTreeSet<String>,
    /// Custom volumes, as `POOL/NAME`.
    pub(super) volumes: BTreeSet<String>,
    /// The devices that need one of those networks or volumes.
    pub(super) devices: BTreeSet<String>,
}

impl Lacking {
    /// Looks for what devices refer to, by its new name.
    pub(super) fn of(
        used: &BTreeSet<(String, Reference)>,
        mapping: &Mapping,
        server: &Server,
        facts: &Facts,
    ) -> Self {
        let mut lacking = Self::default();
        for (device, reference) in used {
            match reference {
                Reference::Network(old) => {
                    let new = mapping.network(old);
                    if !server.networks.contains(new) {
                        lacking.networks.insert(new.to_owned());
                        lacking.devices.insert(device.clone());
                    }
                }
                Reference::Volume { pool, name } => {
                    let volume = format!("{}/{name}", mapping.pool(pool));
                    if !server.volumes.contains(&volume) {
                        lacking.volumes.insert(volume);
                        lacking.devices.insert(device.clone());
                    }
                }
                Reference::Root(pool) => {
                    let new = mapping.pool(pool);
                    if !facts.pools.keys().any(|pool| pool.as_str() == new) {
                        lacking.pools.insert(new.to_owned());
                    }
                }
            }
        }
        lacking
    }

    /// Has the devices taken out that need what is not there, if that was asked for.
    pub(super) fn taken_out_of(&self, mut names: References, lost: Lost) -> References {
        if lost != Lost::Refuse {
            names.lost_networks.extend(self.networks.iter().cloned());
            names.lost_volumes.extend(self.volumes.iter().cloned());
        }
        names
    }
}
