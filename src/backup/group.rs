//! An instance and the custom volumes that it mounts, of one moment.
//!
//! # Design
//!
//! Whatever runs and writes to any of them is paused while temporary copies are made of all; then it
//! goes on, and the copies are exported. What stands still anyway is exported as it is. A guard resumes
//! what is paused when this program is killed ([`Context::while_paused`]).

use std::time::Instant;

use super::apply::{AGAIN, Context, Subject, back_up, look, outcome};
use super::attempt::store_copy;
use super::copy::TemporaryCopy;
use super::error::BackupError;
use super::gather::is_running;
use super::grouping::GroupWork;
use super::hooks::Hooks;
use super::plan::Work;
use super::volume::{
    VolumeCopy, VolumeSubject, VolumeWork, back_up_volume, look_at_volume, store_iso,
    store_volume_copy,
};
use crate::incus::BackOff;
use crate::model::{Method, ResourceId, RunId, Version, VolumeContent};
use crate::plan::{Approved, Outcome, Report, Row, shared_out};
use crate::progress::Task;
use crate::target::{HookFacts, Moment, Stored};
use crate::temporary::InstanceAt;

/// Backs up what the plan names. One thing that fails does not stop the others.
pub async fn apply_groups(context: &Context, plan: Approved<GroupWork>) -> Report {
    let done = groups(plan).into_iter().map(|group| {
        let place = match &group {
            Group::Instance(_, work, _) => Some(work.location.clone()),
            Group::Rest(_) => None,
        };
        let done = async move {
            match group {
                Group::Rest(row) => vec![Outcome::rest(row)],
                Group::Instance(row, work, members) if !context.cancel.is_cancelled() => {
                    let outcomes = Box::pin(one(context, (row, work), members)).await;
                    for outcome in &outcomes {
                        outcome.tell(&*context.progress);
                    }
                    outcomes
                }
                Group::Instance(row, _, members) => {
                    let members = members.into_iter().map(|(row, _)| row);
                    std::iter::once(row)
                        .chain(members)
                        .map(Outcome::rest)
                        .collect()
                }
            }
        };
        (place, done)
    });
    let done = shared_out(done.collect(), context.options.parallel).await;
    done.into_iter().flatten().collect()
}

enum Group {
    Rest(Row),
    Instance(Row, Work, Vec<(Row, VolumeWork)>),
}

/// The steps as groups: each instance with the rows of its volumes.
fn groups(plan: Approved<GroupWork>) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut waiting: std::vec::IntoIter<VolumeWork> = Vec::new().into_iter();
    for step in plan.into_steps() {
        let (row, work) = step.into_parts();
        match work {
            Some(GroupWork::Instance(work, volumes)) => {
                waiting = volumes.into_iter();
                groups.push(Group::Instance(row, work, Vec::new()));
            }
            Some(GroupWork::Member) => match (groups.last_mut(), waiting.next()) {
                (Some(Group::Instance(_, _, members)), Some(volume)) => members.push((row, volume)),
                _ => groups.push(Group::Rest(row)),
            },
            None => groups.push(Group::Rest(row)),
        }
    }
    groups
}

async fn one(
    context: &Context,
    (row, work): (Row, Work),
    members: Vec<(Row, VolumeWork)>,
) -> Vec<Outcome> {
    let _turn = context.turn().await;
    let begun = Instant::now();
    let task = context.progress.task(work.name.as_str());
    if members.is_empty() {
        return vec![outcome(row, back_up(context, &work, &*task).await, begun)];
    }
    let mut tries = context.options.retries;
    let mut again = BackOff::from(AGAIN);
    loop {
        match Box::pin(cut(context, &work, &members, &*task)).await {
            Ok(Cut::Copies(copies)) => {
                return store(context, (row, copies), members, (&*task, begun)).await;
            }
            Ok(Cut::Still) => return still(context, (row, &work), members, (&*task, begun)).await,
            Err(error)
                if tries > 0 && error.is_worth_retrying() && !context.cancel.is_cancelled() =>
            {
                tries -= 1;
                context.before_next_try(&mut again, &error).await;
            }
            Err(error) => return failed(error, row, members, begun),
        }
    }
}

/// Without the copies nothing is stored of any of them.
fn failed(
    error: BackupError,
    row: Row,
    members: Vec<(Row, VolumeWork)>,
    begun: Instant,
) -> Vec<Outcome> {
    let name = row.subject();
    let interrupted = matches!(error, BackupError::Interrupted);
    let first = outcome(row, Err(error), begun);
    let rest = members.into_iter().map(|(row, _)| {
        let error = if interrupted {
            BackupError::Interrupted
        } else {
            BackupError::NotTogether(name.clone())
        };
        outcome(row, Err(error), begun)
    });
    std::iter::once(first).chain(rest).collect()
}

/// What was made at the moment.
enum Cut<'a> {
    /// Nothing runs that writes to any of them: they can be read as they are.
    Still,
    Copies(Box<Copies<'a>>),
}

struct Copies<'a> {
    subject: Subject,
    copy: TemporaryCopy<'a>,
    hooks: HookFacts,
    /// The volumes, and their copies but for those that nobody writes to.
    volumes: Vec<(VolumeSubject, Option<VolumeCopy<'a>>)>,
    moment: Moment,
}

/// Looks again, and copies everything while all that writes to it is paused.
async fn cut<'a>(
    context: &'a Context,
    work: &Work,
    members: &[(Row, VolumeWork)],
    task: &dyn Task,
) -> Result<Cut<'a>, BackupError> {
    let mut subject = look(context, work).await?;
    let mut volumes = Vec::new();
    for (_, volume) in members {
        volumes.push(look_at_volume(context, volume).await?);
    }
    let mut running: Vec<InstanceAt> = Vec::new();
    if is_running(&subject.instance) {
        running.push(InstanceAt {
            project: work.project.clone(),
            name: work.name.clone(),
        });
    }
    for at in volumes.iter().flat_map(VolumeSubject::running) {
        if !running.contains(&at) {
            running.push(at);
        }
    }
    // What is to be read as it runs is not paused either.
    if running.is_empty() || context.options.no_snapshot {
        return Ok(Cut::Still);
    }
    let hooks = Hooks::of(context, &subject.instance, task)?;
    task.phase("copying while paused", None);
    let (mut copy, mut copies) = (None, Vec::new());
    let copying = async {
        let made = copy.insert(TemporaryCopy::begin(context, &subject.instance).await?);
        for volume in &volumes {
            // Nobody writes to an ISO, and none can be marked.
            let copy = match volume.volume.content_type {
                VolumeContent::Iso => None,
                _ => Some(VolumeCopy::begin(context, volume).await?),
            };
            copies.push(copy);
        }
        made.made(task).await?;
        for copy in copies.iter().flatten() {
            copy.made(task).await?;
        }
        Ok(Version::now().timestamp())
    };
    // On the heap: it holds what all of the copying holds.
    let paused = Box::pin(context.while_paused(&running, copying));
    let ended = hooks.around(paused).await;
    let ((at, hooks), copy) = match (ended, copy) {
        (Ok(done), Some(copy)) => (done, copy),
        (ended, copy) => {
            for copy in copies.iter().flatten() {
                copy.take_back().await;
            }
            if let Some(copy) = copy {
                copy.take_back().await;
            }
            return Err(ended.err().unwrap_or(BackupError::Worker));
        }
    };
    if !subject.method.copies() {
        subject.method = Method::InstantCopy;
    }
    let moment = Moment {
        id: RunId::begin().to_string(),
        at,
        members: names(work, members),
    };
    Ok(Cut::Copies(Box::new(Copies {
        subject,
        copy,
        hooks,
        volumes: volumes.into_iter().zip(copies).collect(),
        moment,
    })))
}

/// What shares a moment, as the places in a target.
fn names(work: &Work, members: &[(Row, VolumeWork)]) -> Vec<String> {
    let instance = ResourceId::instance(work.project.clone(), &work.name);
    let volumes = members.iter().map(|(_, volume)| volume.id.components());
    std::iter::once(instance.components())
        .chain(volumes)
        .map(|components| components.join("/"))
        .collect()
}

/// Stores the copies, and deletes them.
async fn store(
    context: &Context,
    (row, copies): (Row, Box<Copies<'_>>),
    members: Vec<(Row, VolumeWork)>,
    (task, begun): (&dyn Task, Instant),
) -> Vec<Outcome> {
    let Copies {
        subject,
        copy,
        hooks,
        volumes,
        moment,
    } = *copies;
    let stored = store_copy(context, &subject, copy, (hooks, Some(moment.clone())), task).await;
    let mut outcomes = vec![outcome(row, stored, begun)];
    for ((row, _), (subject, copy)) in members.into_iter().zip(volumes) {
        let task = context.progress.task(&row.subject());
        let moment = Some(moment.clone());
        let stored = match copy {
            Some(copy) => store_volume_copy(context, &subject, copy, moment, &*task).await,
            None => store_iso(context, &subject, moment, &*task).await,
        };
        outcomes.push(outcome(row, stored, begun));
    }
    outcomes
}

/// Stores what stands still, one after the other.
async fn still(
    context: &Context,
    (row, work): (Row, &Work),
    members: Vec<(Row, VolumeWork)>,
    (task, begun): (&dyn Task, Instant),
) -> Vec<Outcome> {
    let stored: Result<Stored, BackupError> = back_up(context, work, task).await;
    let mut outcomes = vec![outcome(row, stored, begun)];
    for (row, volume) in members {
        let task = context.progress.task(&row.subject());
        let stored = back_up_volume(context, &volume, &*task).await;
        outcomes.push(outcome(row, stored, begun));
    }
    outcomes
}
