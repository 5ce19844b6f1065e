//! What will be done (pure).

use super::gather::{Candidate, Facts, Sizes};
use super::method::{Wishes, choose};
use super::request::{Options, Request, Scope};
use crate::model::{Bytes, InstanceName, Method, ProjectName, ResourceId};
use crate::plan::{Action, Fit, Plan, Room, Row, Step};

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The project.
    pub project: ProjectName,
    /// The instance.
    pub name: InstanceName,
    /// The cluster member that it is on; on every other server the same text.
    pub location: String,
}

/// Plans the backup of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    let mut room = Room::new(facts.free);
    let mut steps: Vec<Step<Work>> = facts
        .candidates
        .iter()
        .map(|candidate| step(request, candidate, &mut room))
        .collect();
    steps.extend(facts.missing.iter().map(|(project, name)| {
        let id = ResourceId::instance(project.clone(), name);
        Step::rest(Row::new(Action::Refuse, &id).because("it does not exist"))
    }));
    Plan::new(steps)
}

fn step(request: &Request, candidate: &Candidate, room: &mut Room) -> Step<Work> {
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
    match short_of_room(candidate.stored, candidate.used, room) {
        Some(Short::Likely(note)) => shown = shown.because(&note),
        Some(Short::Clearly(note)) if request.options.force => shown = shown.because(&note),
        Some(Short::Clearly(note)) => {
            let note = format!("{note}; --force tries it all the same");
            return Step::rest(row(Action::Refuse).because(&note));
        }
        None => {}
    }
    Step::work(
        shown,
        Work {
            project: project.clone(),
            name: name.clone(),
            location: candidate.location.clone(),
        },
    )
}

/// That the target has too little room.
pub(super) enum Short {
    /// It may be too little.
    Likely(String),
    /// It is.
    Clearly(String),
}

/// Takes room up for a candidate, by the best that is known of its size: what its newest version
/// took; else what its disk takes, which says nothing of compression.
pub(super) fn short_of_room(
    stored: Option<Sizes>,
    used: Option<Bytes>,
    room: &mut Room,
) -> Option<Short> {
    let needed = match (stored, used) {
        (Some(stored), _) => stored.stored_size,
        (None, Some(used)) => used,
        (None, None) => return None,
    };
    match (room.take(needed, Bytes(0)), stored) {
        (Fit::Enough, _) => None,
        (Fit::Impossible { free, needed }, Some(_)) => Some(Short::Clearly(format!(
            "the target has {free} free, and its newest version took {needed}"
        ))),
        (Fit::Impossible { free, needed }, None) => Some(Short::Likely(format!(
            "the target may be too small: {free} free, and its disk takes {needed}"
        ))),
        (Fit::Tight { free, needed }, _) => Some(Short::Likely(format!(
            "the target may be too small: {free} free, about {needed} to be written up to here"
        ))),
    }
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
        Method::PausedCopy => match candidate.stored.map(|it| it.size).or(candidate.used) {
            Some(used) => format!("{consistency}: paused while {used} are copied"),
            None => format!("{consistency}: paused while it is copied"),
        },
        Method::Live => format!("{consistency}: exported while it runs"),
        Method::ReadTwice => format!("{consistency}: read twice"),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::backup::hooks::Commands;
    use crate::backup::method::{Circumstances, Storage};
    use crate::model::{CompressionChoice, InstanceType};

    fn candidate(name: &str, stored: Option<u64>, used: Option<u64>) -> Candidate {
        Candidate {
            project: ProjectName::default_project(),
            name: name.parse().unwrap(),
            location: "none".to_owned(),
            driver: "dir".to_owned(),
            circumstances: Some(Circumstances {
                instance_type: InstanceType::Container,
                running: false,
                storage: Storage::Plain,
            }),
            temporary: false,
            unreachable: false,
            excluded: false,
            backups_allowed: true,
            hooks: Commands::of(&std::collections::BTreeMap::new()),
            volumes: Vec::new(),
            stored: stored.map(|size| Sizes {
                size: Bytes(size),
                stored_size: Bytes(size),
            }),
            used: used.map(Bytes),
        }
    }

    fn planned(candidates: Vec<Candidate>, force: bool) -> Vec<(Action, String)> {
        let options = Options {
            no_snapshot: false,
            optimized: false,
            instance_only: false,
            force,
            compression: CompressionChoice::None,
            retries: 0,
            idle: Duration::ZERO,
            parallel: NonZeroUsize::MIN,
            threads: NonZeroUsize::MIN,
        };
        let scope = Scope::Project(ProjectName::default_project());
        let facts = Facts {
            candidates,
            missing: Vec::new(),
            free: Some(Bytes(100)),
        };
        let plan = plan(&Request { scope, options }, &facts);
        let rows = plan.rows();
        rows.map(|row| (row.action, row.reason.clone())).collect()
    }

    #[rstest]
    #[case::fits(Some(100), None, Action::Create, "consistent: it does not run")]
    #[case::unknown(None, None, Action::Create, "consistent: it does not run")]
    #[case::tight(
        Some(101),
        None,
        Action::Create,
        "consistent: it does not run; the target may be too small: 100 B free, about 101 B to be \
         written up to here"
    )]
    #[case::hopeless(
        Some(202),
        None,
        Action::Refuse,
        "the target has 100 B free, and its newest version took 202 B; --force tries it all the same"
    )]
    #[case::unpacked(
        None,
        Some(202),
        Action::Create,
        "consistent: it does not run; the target may be too small: 100 B free, and its disk takes \
         202 B"
    )]
    fn what_the_target_has_no_room_for_is_told_or_refused(
        #[case] stored: Option<u64>,
        #[case] used: Option<u64>,
        #[case] action: Action,
        #[case] reason: &str,
    ) {
        let rows = planned(vec![candidate("web", stored, used)], false);
        assert_eq!(rows, [(action, reason.to_owned())]);
    }

    #[test]
    fn force_tries_what_has_no_room_and_later_rows_count_those_before_them() {
        let both = || {
            vec![
                candidate("a", Some(202), None),
                candidate("b", Some(60), None),
                candidate("c", Some(60), None),
            ]
        };
        let actions = |force| -> Vec<Action> {
            let rows = planned(both(), force).into_iter();
            rows.map(|(action, _)| action).collect()
        };
        assert_eq!(
            actions(false),
            [Action::Refuse, Action::Create, Action::Create]
        );
        assert_eq!(
            actions(true),
            [Action::Create, Action::Create, Action::Create]
        );
        let rows = planned(both(), false);
        assert!(!rows[1].1.contains("too small"), "{rows:?}");
        assert!(rows[2].1.contains("about 120 B to be written"), "{rows:?}");
    }
}
