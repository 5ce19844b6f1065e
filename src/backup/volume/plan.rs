//! What will be done (pure).

use super::super::plan::{Short, short_of_room, wishes};
use super::super::request::Scope;
use super::gather::{VolumeCandidate, VolumeFacts};
use super::method::choose;
use super::request::VolumeRequest;
use crate::incus::{Exportable, Mounter};
use crate::model::{Method, PoolName, ResourceId, VolumeContent};
use crate::plan::{Action, Plan, Room, Row, Step};

/// What applying one step needs.
#[derive(Debug, Clone)]
pub struct VolumeWork {
    /// Which volume.
    pub id: ResourceId,
    /// Its pool.
    pub pool: PoolName,
    /// Where it is on the server.
    pub what: Exportable,
}

/// Plans the backup of what was asked for.
pub fn plan_volumes(request: &VolumeRequest, facts: &VolumeFacts) -> Plan<VolumeWork> {
    let mut room = Room::new(facts.free);
    let mut steps: Vec<Step<VolumeWork>> = facts
        .candidates
        .iter()
        .map(|candidate| step(request, candidate, &mut room))
        .collect();
    steps.extend(
        facts
            .missing
            .iter()
            .map(|id| Step::rest(Row::new(Action::Refuse, id).because("it does not exist"))),
    );
    Plan::new(steps)
}

fn step(request: &VolumeRequest, candidate: &VolumeCandidate, room: &mut Room) -> Step<VolumeWork> {
    let row = |action| Row::new(action, &candidate.id);
    let rest = |action, reason: &str| Step::rest(row(action).because(reason));
    if candidate.temporary {
        return rest(Action::Skip, "a temporary volume of another run");
    }
    if candidate.of_the_server {
        return rest(Action::Skip, "the server keeps its own things in it");
    }
    if candidate.ambiguous {
        return rest(
            Action::Refuse,
            "several cluster members have a volume of that name",
        );
    }
    if !candidate.backups_allowed {
        return rest(
            Action::Refuse,
            "its project does not allow backups; an administrator can allow them: \
             `incus project set PROJECT restricted.backups=allow`",
        );
    }
    let named = matches!(request.scope, Scope::Named(..));
    if candidate.excluded && !named {
        return rest(Action::Skip, "user.backup.exclude is set");
    }
    let Some(pool) = candidate.id.pool() else {
        return rest(Action::Refuse, "it is in no pool");
    };
    let mut shown = row(Action::Create);
    if candidate.exportable {
        let method = choose(candidate.circumstances, wishes(request.options));
        shown = shown.because(&describe(method, candidate));
        let driver = candidate.driver.as_str();
        if request.options.optimized
            && candidate.circumstances.content != VolumeContent::Iso
            && !matches!(driver, "btrfs" | "zfs")
        {
            let note = format!("{driver} has no optimized format, exported plainly");
            shown = shown.because(&note);
        }
    } else {
        let reason = "only its configuration: this server cannot export ISO volumes";
        shown = shown.because(reason);
    }
    match short_of_room(candidate.stored, None, room) {
        Some(Short::Likely(note)) => shown = shown.because(&note),
        Some(Short::Clearly(note)) if request.options.force => shown = shown.because(&note),
        Some(Short::Clearly(note)) => {
            let note = format!("{note}; --force tries it all the same");
            return rest(Action::Refuse, &note);
        }
        None => {}
    }
    let work = VolumeWork {
        id: candidate.id.clone(),
        pool: pool.clone(),
        what: candidate.what.clone(),
    };
    Step::work(shown, work)
}

/// How a volume will be read, in the words of the preview.
pub(in crate::backup) fn describe(method: Method, candidate: &VolumeCandidate) -> String {
    let consistency = method.consistency();
    let running = names(&candidate.mounters);
    match method {
        Method::Direct if candidate.circumstances.content == VolumeContent::Iso => {
            format!("{consistency}: nothing writes to it")
        }
        Method::Direct => format!("{consistency}: nothing that runs mounts it"),
        Method::ServerSnapshot => format!("{consistency}: from a snapshot of {}", candidate.driver),
        Method::InstantCopy => format!("{consistency}: from an instant copy"),
        Method::PausedCopy => {
            let copied = match candidate.stored {
                Some(stored) => format!("{} are copied", stored.size),
                None => "it is copied".to_owned(),
            };
            format!("{consistency}: {running} paused while {copied}")
        }
        Method::ReadTwice => consistency.to_string(),
        Method::Live => format!("{consistency}: exported while {running} may write to it"),
    }
}

/// The instances that run, as a list.
fn names(mounters: &[Mounter]) -> String {
    let names = mounters
        .iter()
        .filter(|mounter| mounter.running)
        .map(|mounter| format!("`{}`", mounter.name));
    names.collect::<Vec<_>>().join(", ")
}
