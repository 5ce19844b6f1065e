//! Whether the pools have room for what is restored to them (pure).

use std::collections::BTreeMap;

use super::gather::{Facts, PoolFacts};
use super::plan::Work;
use crate::model::{Bytes, PoolName};
use crate::plan::{Action, Fit, Room, Row, Step};

/// The room in the pools, which the steps take up in their order.
pub(super) struct Rooms<'a>(BTreeMap<&'a PoolName, (&'a PoolFacts, Room)>);

impl<'a> Rooms<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        let pools = facts.pools.iter();
        Self(
            pools
                .map(|(name, pool)| (name, (pool, Room::new(pool.free))))
                .collect(),
        )
    }

    /// Takes room up for a step, or refuses it.
    ///
    /// The server keeps the whole archive in its folder of backups while it unpacks it. Where that is,
    /// it does not say; pools of the driver `dir` usually are on the same file system.
    pub(super) fn take_for(&mut self, step: Step<Work>, force: bool) -> Step<Work> {
        let (row, work) = step.into_parts();
        let Some(work) = work else {
            return Step::rest(row);
        };
        let own = work.stored.manifest.as_ref();
        let own = own.and_then(|manifest| manifest.instance.as_ref()?.pool.as_ref());
        let Some(name) = work.pool.as_ref().or(own).cloned() else {
            return Step::work(row, work);
        };
        let Some((pool, room)) = self.0.get_mut(&name) else {
            return Step::work(row, work);
        };
        // At least what it takes, where it was not measured.
        let size = work.stored.size.max(work.stored.stored_size);
        let meanwhile = match pool.driver.as_str() {
            "dir" => size,
            _ => Bytes(0),
        };
        match room.take(size, meanwhile) {
            Fit::Enough => Step::work(row, work),
            Fit::Tight { free, needed } => {
                let note = format!(
                    "pool `{name}` may be too small: {free} free, about {needed} needed up to here; \
                     the server also keeps the whole archive while it unpacks it"
                );
                Step::work(row.because(&note), work)
            }
            Fit::Impossible { free, needed } => {
                let note = format!("pool `{name}` has {free} free, and it needs about {needed}");
                if force {
                    return Step::work(row.because(&note), work);
                }
                let note = format!("{note}; --force tries it all the same");
                let refused = Row {
                    action: Action::Refuse,
                    reason: note,
                    ..row
                };
                Step::rest(refused)
            }
        }
    }
}
