//! Which versions go (pure).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{Consistency, Version};
use crate::plan::{Action, Plan, Row, Step};
use crate::retention::{Candidate, Fate, InvalidRules, Mark, Reason, Rules, Worth, mark};
use crate::target::{State, Stored, StoredId, grouped};

/// What decides.
#[derive(Debug, Clone)]
pub struct Request {
    /// The rules of the command line: they hold for everything.
    pub flags: Rules,
    /// The rules of the settings: they hold for what has none of its own.
    pub settings: Rules,
    /// Remove also the last good version, where the rules keep nothing.
    pub force: bool,
    /// The time.
    pub now: Timestamp,
    /// Where days begin.
    pub zone: TimeZone,
}

impl Request {
    /// Whether neither flags nor settings have a rule.
    pub fn says_nothing(&self) -> bool {
        let none = |rules: &Rules| rules.counts.is_empty() && rules.within.is_none();
        none(&self.flags) && none(&self.settings)
    }
}

/// What removing one version needs.
#[derive(Debug)]
pub struct Work {
    pub(super) id: StoredId,
    /// The newest complete version that is to stay; without it nothing is removed.
    pub(super) survivor: Option<Version>,
}

/// Plans the removal of what no rule keeps; `stored` is what is looked at.
pub fn plan(request: &Request, stored: &[Stored]) -> Plan<Work> {
    grouped(stored, |version| (&version.id.source, &version.id.resource))
        .into_values()
        .flat_map(|versions| plan_one(request, &versions))
        .collect()
}

/// The rules that hold for a resource: the command line's, its own, the settings'. Its own are those
/// that it had when its newest version was made.
fn rules(request: &Request, versions: &[&Stored]) -> Result<Rules, InvalidRules> {
    if !request.flags.counts.is_empty() || request.flags.within.is_some() {
        return Ok(request.flags.clone());
    }
    let manifests = versions
        .iter()
        .filter_map(|stored| stored.manifest.as_ref());
    let newest = manifests.max_by_key(|manifest| manifest.version);
    match newest.and_then(|manifest| manifest.retention.as_deref()) {
        Some(own) => own.parse(),
        None => Ok(request.settings.clone()),
    }
}

fn plan_one(request: &Request, versions: &[&Stored]) -> Vec<Step<Work>> {
    let Some(first) = versions.first() else {
        return Vec::new();
    };
    let rest = |action, reason: &str| {
        let row = Row::new(action, &first.id.resource).because(reason);
        vec![Step::rest(row)]
    };
    let rules = match rules(request, versions) {
        Ok(rules) => rules,
        Err(error) => return rest(Action::Refuse, &format!("its own retention: {error}")),
    };
    if rules.is_empty() && !request.force {
        return rest(Action::Keep, "no rule says what may go");
    }
    let candidates: Vec<Candidate> = versions.iter().map(|stored| candidate(stored)).collect();
    let mut marks = mark(&candidates, &rules, request.now, &request.zone);
    if rules.is_empty() {
        marks.iter_mut().for_each(let_go);
    }
    let survivor = marks
        .iter()
        .find(|mark| mark.worth > Worth::Bad && mark.fate != Fate::Remove)
        .map(|mark| mark.version);
    marks
        .into_iter()
        .filter_map(|mark| {
            let stored = versions
                .iter()
                .find(|stored| stored.id.version == mark.version)?;
            Some(step(stored, &mark, survivor))
        })
        .collect()
}

fn candidate(stored: &Stored) -> Candidate {
    let consistency = stored
        .manifest
        .as_ref()
        .map(|manifest| manifest.consistency);
    Candidate {
        version: stored.id.version,
        worth: match (stored.state, consistency) {
            // That a copy does not run may be the fault of the command that says so.
            (State::Complete, _) if stored.checks.failed_drill().is_some() => Worth::Inconsistent,
            (State::Complete, Some(Consistency::Inconsistent)) => Worth::Inconsistent,
            (State::Complete, _) => Worth::Good,
            (State::Damaged | State::Incomplete, _) => Worth::Bad,
        },
        protected: stored.protected,
    }
}

/// Takes away what only the promise to keep a last version keeps: `--force` with rules that keep
/// nothing.
fn let_go(mark: &mut Mark) {
    if let Fate::Keep(reasons) = &mark.fate
        && !reasons.contains(&Reason::Protected)
        && !reasons.contains(&Reason::Future)
    {
        mark.fate = Fate::Remove;
    }
}

fn step(stored: &Stored, mark: &Mark, survivor: Option<Version>) -> Step<Work> {
    let row = |action| {
        let row = Row::new(action, &stored.id.resource).version(mark.version);
        match stored.state {
            State::Complete if stored.checks.failed_drill().is_some() => {
                row.because("its drill failed")
            }
            State::Complete => row,
            state => row.because(&state.to_string()),
        }
    };
    match &mark.fate {
        Fate::Keep(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            Step::rest(row(Action::Keep).because(&reasons.join(", ")))
        }
        Fate::Remove => Step::work(
            row(Action::Delete).because(&format!("frees {}", stored.stored_size)),
            Work {
                id: stored.id.clone(),
                survivor,
            },
        ),
    }
}
