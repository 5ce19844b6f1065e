//! What will be done (pure).

use super::gather::{Candidate, Facts};
use super::method::{Wishes, choose};
use super::request::{Options, Request, Scope};
use crate::model::{InstanceName, Method, ProjectName, ResourceId};
use crate::plan::{Action, Plan, Row, Step};

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The project.
    pub project: ProjectName,
    /// The instance.
    pub name: InstanceName,
}

/// Plans the backup of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    let mut steps: Vec<Step<Work>> = facts
        .candidates
        .iter()
        .map(|candidate| step(request, candidate))
        .collect();
    steps.extend(facts.missing.iter().map(|(project, name)| {
        let id = ResourceId::instance(project.clone(), name);
        Step::rest(Row::new(Action::Refuse, &id).because("it does not exist"))
    }));
    Plan::new(steps)
}

fn step(request: &Request, candidate: &Candidate) -> Step<Work> {
    let Candidate { project, name, .. } = candidate;
    let id = ResourceId::instance(project.clone(), name);
    let row = |action| Row::new(action, &id);
    if candidate.temporary {
        return Step::rest(row(Action::Skip).because("a temporary instance of another run"));
    }
    if candidate.unreachable {
        let reason = format!(
            "its cluster member `{}` cannot be reached",
            candidate.location
        );
        return Step::rest(row(Action::Refuse).because(&reason));
    }
    if !candidate.backups_allowed {
        return Step::rest(row(Action::Refuse).because(
            "its project does not allow backups; an administrator can allow them: \
             `incus project set PROJECT restricted.backups=allow`",
        ));
    }
    let named = matches!(request.scope, Scope::Named(..));
    if candidate.excluded && !named {
        return Step::rest(row(Action::Skip).because("user.backup.exclude is set"));
    }
    let Some(circumstances) = &candidate.circumstances else {
        return Step::rest(row(Action::Refuse).because("it has no root disk"));
    };
    let hooks = match &candidate.hooks {
        Ok(hooks) => hooks,
        Err(error) => return Step::rest(row(Action::Refuse).because(&error.to_string())),
    };
    let method = choose(circumstances, wishes(request.options));
    let mut shown = row(Action::Create).because(&describe(method, candidate));
    if circumstances.running && !hooks.keys().is_empty() {
        let note = format!("runs {} inside it", hooks.keys().join(" and "));
        shown = shown.because(&note);
    }
    if request.options.optimized && candidate.driver != "btrfs" && candidate.driver != "zfs" {
        let note = format!(
            "{} has no optimized format, exported plainly",
            candidate.driver
        );
        shown = shown.because(&note);
    }
    if !candidate.volumes.is_empty() {
        let note = format!("not included: volumes {}", candidate.volumes.join(", "));
        shown = shown.because(&note);
    }
    Step::work(
        shown,
        Work {
            project: project.clone(),
            name: name.clone(),
        },
    )
}

/// What of the options bears on the method.
pub(super) fn wishes(options: Options) -> Wishes {
    Wishes {
        no_snapshot: options.no_snapshot,
        optimized: options.optimized,
    }
}

/// How an instance will be read, in the words of the preview.
fn describe(method: Method, candidate: &Candidate) -> String {
    let consistency = method.consistency();
    match method {
        Method::Direct => format!("{consistency}: it does not run"),
        Method::ServerSnapshot => format!("{consistency}: from a snapshot of {}", candidate.driver),
        Method::InstantCopy => format!("{consistency}: from an instant copy"),
        Method::PausedCopy => match candidate.used {
            Some(used) => format!("{consistency}: paused while {used} are copied"),
            None => format!("{consistency}: paused while it is copied"),
        },
        Method::Live => format!("{consistency}: exported while it runs"),
    }
}
