//! What will be done (pure).

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::no_project;
use super::super::member::Choice;
use super::super::select::select;
use super::gather::{ExistingVolume, VolumeFacts};
use super::request::VolumeRequest;
use crate::model::{Bytes, Kind, PoolName, ProjectName, ResourceId, ResourceName, VolumeContent};
use crate::plan::{Action, Existing, Fit, Plan, Room, Row, Step};
use crate::target::{Manifest, Stored};
use crate::temporary::VolumeAt;

/// What applying one step needs.
#[derive(Debug)]
pub struct VolumeWork {
    /// The version to restore.
    pub stored: Stored,
    /// Where it is restored to.
    pub at: VolumeAt,
    /// The name to restore under.
    pub name: ResourceName,
    /// What it holds.
    pub content: VolumeContent,
    /// Whether a volume of that name is replaced.
    pub replace: bool,
    /// Whether running instances that mount it may be stopped for that.
    pub stop: bool,
}

/// Where something is restored to.
type Destination = (ProjectName, PoolName, ResourceName);

/// Plans the restore of what was asked for.
pub fn plan_volumes(request: &VolumeRequest, facts: &VolumeFacts) -> Plan<VolumeWork> {
    let mut taken: BTreeSet<Destination> = BTreeSet::new();
    let pools = facts.pools.iter();
    let mut rooms: BTreeMap<&PoolName, Room> = pools
        .map(|(name, pool)| (name, Room::new(pool.free)))
        .collect();
    let steps = facts.wanted.iter().map(|(id, versions)| {
        let place = match place(request, facts, id, versions) {
            Ok(place) => place,
            Err(reason) => return Step::rest(Row::new(Action::Refuse, id).because(&reason)),
        };
        let row = |action| Row::new(action, id).version(place.stored.id.version);
        let (project, pool, name) = &place.destination;
        // Two of different projects or pools may be mapped to one.
        if !taken.insert(place.destination.clone()) {
            let reason = format!("something else is restored to `{pool}/{name}` of `{project}`");
            return Step::rest(row(Action::Refuse).because(&reason));
        }
        let existing = facts.volumes.get(&place.destination);
        let there =
            ResourceId::in_pool(Kind::Volume, project.clone(), pool.clone(), name.clone());
        if existing.is_some() && request.equal.contains(&there) {
            return Step::rest(row(Action::Skip).because("it is there, and equal"));
        }
        let action = match decide(request, existing) {
            Ok(action) => action,
            Err(reason) => return Step::rest(row(Action::Refuse).because(&reason)),
        };
        if action == Action::Skip {
            return Step::rest(row(action).because("it exists"));
        }
        if action == Action::Replace && place.content == VolumeContent::Iso {
            let reason = "Incus lets nobody change the configuration of an ISO volume, so that none \
                          can be marked and replaced safely; --target-name restores it beside";
            return Step::rest(row(Action::Refuse).because(reason));
        }
        let mut shown = describe(row(action), id, &place, existing);
        if let Some(room) = rooms.get_mut(pool) {
            match room.take(place.stored.size, Bytes(0)) {
                Fit::Enough => {}
                Fit::Tight { free, .. } => {
                    let note = format!("pool `{pool}` may be too small: {free} free");
                    shown = shown.because(&note);
                }
                Fit::Impossible { free, needed } => {
                    let note =
                        format!("pool `{pool}` has {free} free, and it needs about {needed}");
                    if !request.force {
                        let note = format!("{note}; --force tries it all the same");
                        return Step::rest(row(Action::Refuse).because(&note));
                    }
                    shown = shown.because(&note);
                }
            }
        }
        Step::work(shown, place.work(request, existing))
    });
    steps.collect()
}

/// A version, and where it goes to.
struct Place<'a> {
    stored: &'a Stored,
    manifest: &'a Manifest,
    content: VolumeContent,
    destination: Destination,
    /// The cluster member that it goes to, and what is to be said of that.
    member: Option<String>,
    note: Option<String>,
}

impl Place<'_> {
    fn work(self, request: &VolumeRequest, existing: Option<&ExistingVolume>) -> VolumeWork {
        let (project, pool, name) = self.destination;
        VolumeWork {
            stored: self.stored.clone(),
            at: VolumeAt {
                project,
                pool,
                member: match existing {
                    Some(existing) => existing.member.clone(),
                    None => self.member,
                },
            },
            name,
            content: self.content,
            replace: existing.is_some(),
            stop: request.force,
        }
    }
}

fn place<'a>(
    request: &VolumeRequest,
    facts: &VolumeFacts,
    id: &ResourceId,
    versions: &'a [Stored],
) -> Result<Place<'a>, String> {
    let stored = select(versions, request.selection)?;
    let Some(manifest) = &stored.manifest else {
        return Err("its manifest cannot be read".to_owned());
    };
    let (Some(project), Some(pool), Some(stored_name), Some(volume)) =
        (id.project(), id.pool(), id.name(), &manifest.volume)
    else {
        return Err("it is not a volume".to_owned());
    };
    if manifest.archive.is_none() {
        return Err(format!(
            "only its configuration was stored: a server without `backup_iso` gives the content of \
             no {} volume",
            volume.content_type
        ));
    }
    let to = request.mapping.project(project);
    let Some(home) = facts.homes.get(to) else {
        return Err(no_project(to));
    };
    let wanted = request.mapping.pool(pool.as_str());
    let Some((pool, found)) = facts.pools.iter().find(|(name, _)| name.as_str() == wanted) else {
        return Err(format!(
            "missing pool: `{wanted}`; restore to another one with --pool-map {wanted}=POOL"
        ));
    };
    if manifest.options.optimized && volume.driver != found.driver {
        return Err(format!(
            "its optimized format needs a {} pool, and `{pool}` is a {} one",
            volume.driver, found.driver
        ));
    }
    let name = request.target_name.as_ref().unwrap_or(stored_name);
    let asked = request.mapping.member.as_deref();
    let (member, note) = match facts.members.place(asked, volume.location.as_deref())? {
        Choice::Here => (None, None),
        Choice::To(member) => {
            let note = asked.map(|_| format!("onto member `{}`", member.name));
            (Some(member.name.clone()), note)
        }
        Choice::Elsewhere(why) => (None, Some(why)),
    };
    Ok(Place {
        stored,
        manifest,
        content: volume.content_type,
        destination: (home.clone(), pool.clone(), name.clone()),
        member,
        note,
    })
}

/// What is done where there is or is not a volume of the name.
fn decide(request: &VolumeRequest, existing: Option<&ExistingVolume>) -> Result<Action, String> {
    let Some(existing) = existing else {
        return Ok(Action::Create);
    };
    match request.existing {
        Existing::Skip => Ok(Action::Skip),
        Existing::Refuse => Err(
            "it exists; --replace replaces it, --skip-existing leaves it, \
                                 --target-name restores beside it"
                .to_owned(),
        ),
        Existing::Replace if existing.of_the_server => {
            Err("the server keeps its own things in it".to_owned())
        }
        Existing::Replace => {
            let fleeting = names(existing, |mounter| !mounter.stopped && mounter.ephemeral);
            if !fleeting.is_empty() {
                return Err(format!(
                    "{fleeting} mounts it and is ephemeral: stopping it would delete it"
                ));
            }
            let running = names(existing, |mounter| !mounter.stopped);
            if running.is_empty() || request.force {
                return Ok(Action::Replace);
            }
            Err(format!(
                "it is mounted by {running}; --force stops what runs, and starts it again"
            ))
        }
    }
}

/// The instances of a kind that mount a volume, as a list.
fn names(existing: &ExistingVolume, which: impl Fn(&crate::incus::Mounter) -> bool) -> String {
    let names = existing
        .mounters
        .iter()
        .filter(|mounter| which(mounter))
        .map(|mounter| match mounter.project.as_str() {
            "default" => format!("`{}`", mounter.name),
            project => format!("`{}` of project `{project}`", mounter.name),
        });
    names.collect::<Vec<_>>().join(", ")
}

fn describe(
    row: Row,
    id: &ResourceId,
    place: &Place<'_>,
    existing: Option<&ExistingVolume>,
) -> Row {
    let (project, pool, name) = &place.destination;
    let mut shown = row.because(&place.manifest.consistency.to_string());
    if id.project() != Some(project) {
        shown = shown.because(&format!("into project `{project}`"));
    }
    if id.pool() != Some(pool) {
        shown = shown.because(&format!("to pool `{pool}`"));
    }
    if id.name() != Some(name) {
        shown = shown.because(&format!("as `{name}`"));
    }
    if let (Some(note), None) = (&place.note, existing) {
        shown = shown.because(note);
    }
    if let Some(existing) = existing {
        let running = names(existing, |mounter| !mounter.stopped);
        if !running.is_empty() {
            shown = shown.because(&format!("{running} stopped, and started again"));
        }
    }
    shown
}
