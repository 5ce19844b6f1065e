//! What a killed run has set aside and the next sweep gives its name back (pure).
//!
//! A plan is made before anything is changed, the sweep included, and must not take such a thing for
//! one that is not there.

use std::collections::{BTreeMap, BTreeSet};

use super::reattach::Reattach;
use super::{Found, Mark, Remedy, remedies};
use crate::incus::{Holder, Instance, Mounter, Volume};
use crate::model::{InstanceName, ProjectName, ResourceName};

/// The instances that come back, by their own names, and whether each runs then.
pub fn returning_instances(instances: &[Instance]) -> Vec<(InstanceName, &Instance, bool)> {
    let names: BTreeSet<&InstanceName> = instances.iter().map(|it| &it.name).collect();
    let marked = instances.iter().map(|it| (&it.name, &it.config));
    let returning = returning(marked, |name| names.contains(name)).into_iter();
    let with_instance = returning.filter_map(|(aside, own, runs)| {
        let instance = instances.iter().find(|it| it.name == aside)?;
        Some((own, instance, runs))
    });
    with_instance.collect()
}

/// The volumes of a project that come back, by their own names, and the instances that then mount
/// them again.
pub fn returning_volumes<'a>(
    volumes: &'a [Volume],
    project: &ProjectName,
) -> Vec<(ResourceName, &'a Volume, Vec<Mounter>)> {
    let own = || volumes.iter().filter(|it| it.project == *project);
    let names: BTreeSet<&ResourceName> = own().map(|it| &it.name).collect();
    let marked = own().map(|it| (&it.name, &it.config));
    let returning = returning(marked, |name| names.contains(name)).into_iter();
    let with_volume = returning.filter_map(|(aside, name, _)| {
        let volume = own().find(|it| it.name == aside)?;
        Some((name, volume, mounters(&Reattach::read(&volume.config))))
    });
    with_volume.collect()
}

/// What has been set aside, its own name, and whether it ran before.
fn returning<'a, N>(
    marked: impl Iterator<Item = (&'a N, &'a BTreeMap<String, String>)>,
    exists: impl Fn(&N) -> bool,
) -> Vec<(N, N, bool)>
where
    N: Clone + Eq + std::fmt::Display + std::str::FromStr<Err = crate::model::InvalidName> + 'a,
{
    // A mark that cannot be understood is told of by the sweep.
    let found = marked.filter_map(|(name, config)| {
        let mark = Mark::<N>::read(config).ok().flatten()?;
        let liveness = mark.owner.liveness();
        let name = name.clone();
        Some(Found {
            name,
            mark,
            liveness,
        })
    });
    let found: Vec<Found<N>> = found.collect();
    let remedies = remedies(&found, exists).into_iter();
    let back = remedies.filter_map(|remedy| match remedy {
        Remedy::PutBack { aside, name, start } => Some((aside, name, start)),
        _ => None,
    });
    back.collect()
}

/// The instances that have something of theirs put back; those that were stopped for it run again.
fn mounters(reattach: &Reattach) -> Vec<Mounter> {
    let runs = |project: &ProjectName, name: &InstanceName| {
        let mut started = reattach.start.iter();
        started.any(|it| it.project == *project && it.name == *name)
    };
    let started = reattach.start.iter().map(|it| (&it.project, &it.name));
    let mounting = reattach.devices.iter().filter_map(|it| match &it.holder {
        Holder::Instance(name) => Some((&it.project, name)),
        Holder::Profile(_) => None,
    });
    let all: BTreeSet<(&ProjectName, &InstanceName)> = started.chain(mounting).collect();
    let mounter = |(project, name): (&ProjectName, &InstanceName)| Mounter {
        project: project.clone(),
        name: name.clone(),
        running: runs(project, name),
        stopped: !runs(project, name),
        ephemeral: false,
        last_used: String::new(),
    };
    all.into_iter().map(mounter).collect()
}
