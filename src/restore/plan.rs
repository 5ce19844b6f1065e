//! What will be done (pure).

use std::collections::BTreeSet;

use super::description::Description;
use super::error::no_project;
use super::fitting::{Fitting, SavedProfile, fit};
use super::gather::{Existence, Facts, Server};
use super::limits::{Limits, Permit, Verdict};
use super::member::Choice;
use super::quotas::Quotas;
use super::request::Request;
use super::rooms::Rooms;
use super::select::select;
use crate::archive::{Identity, References};
use crate::incus::Member;
use crate::model::{InstanceName, InstanceType, PoolName, ProjectName, ResourceId};
use crate::plan::{Action, Existing, Plan, Row, Step};
use crate::target::{Manifest, Stored};

/// What applying one step needs.
#[derive(Debug)]
pub struct Work {
    /// The version to restore.
    pub stored: Stored,
    /// The project to restore into.
    pub project: ProjectName,
    /// The name to restore under.
    pub name: InstanceName,
    /// The pool to restore to, where it is not the one that the backup names.
    pub pool: Option<PoolName>,
    /// What has other names there, or is not there.
    pub references: References,
    /// The profiles that must be made before.
    pub profiles: Vec<SavedProfile>,
    /// Whether the instance stays what it was or becomes another.
    pub identity: Identity,
    /// Whether its project must be opened for it.
    pub permit: Permit,
    /// The limits and restrictions of its project.
    pub limits: Limits,
    /// Whether an instance of that name is replaced.
    pub replace: bool,
    /// The cluster member whose address it is sent to, where it is not the one that is asked.
    pub member: Option<Member>,
}

/// Plans the restore of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    let mut rooms = Rooms::of(facts);
    let mut quotas = Quotas::of(facts);
    let mut taken: BTreeSet<(ProjectName, InstanceName)> = BTreeSet::new();
    let steps = facts.wanted.iter();
    let steps = steps.map(|(id, versions)| {
        let row = |action| Row::new(action, id);
        let refuse = |reason: String| Step::rest(row(Action::Refuse).because(&reason));
        let step = place(request, facts, id, versions).map_or_else(refuse, |place| {
            // Two of different projects may be mapped to one.
            if taken.insert((place.project.clone(), place.name.clone())) {
                step(request, facts, id, place)
            } else {
                refuse(format!(
                    "something else is restored to `{}` of project `{}`",
                    place.name, place.project
                ))
            }
        });
        let step = quotas.take_for(step);
        rooms.take_for(step, request.options.force)
    });
    steps.collect()
}

/// A version, and where it goes to.
struct Place<'a> {
    stored: &'a Stored,
    manifest: &'a Manifest,
    project: &'a ProjectName,
    name: InstanceName,
}

fn place<'a>(
    request: &'a Request,
    facts: &'a Facts,
    id: &'a ResourceId,
    versions: &'a [Stored],
) -> Result<Place<'a>, String> {
    let stored = select(versions, request.selection)?;
    let Some(manifest) = &stored.manifest else {
        return Err("its manifest cannot be read".to_owned());
    };
    let (Some(project), Some(stored_name)) = (id.project(), id.name()) else {
        return Err("it is not an instance".to_owned());
    };
    let name = match &request.options.target_name {
        Some(name) => name.clone(),
        None => stored_name
            .as_str()
            .parse()
            .map_err(|error: crate::model::InvalidName| error.to_string())?,
    };
    let project = request.options.mapping.project(project);
    if !facts.projects.contains_key(project) {
        return Err(no_project(project));
    }
    Ok(Place {
        stored,
        manifest,
        project,
        name,
    })
}

fn step(request: &Request, facts: &Facts, id: &ResourceId, place: Place<'_>) -> Step<Work> {
    let Place {
        stored,
        manifest,
        project,
        name,
    } = place;
    let row = |action| Row::new(action, id).version(stored.id.version);
    let refuse = |reason: &str| Step::rest(row(Action::Refuse).because(reason));
    let Some(server) = facts.projects.get(project) else {
        return refuse("its project does not exist");
    };
    let described = facts.described.get(&stored.id);
    let mut fitting = fit(request, facts, server, (manifest, described));
    let instance_type = manifest.instance.as_ref().map(|own| own.instance_type);
    let judged = judge(request, server, instance_type, described);
    let permit = match judged {
        Ok(permit) => permit,
        Err(problem) => {
            fitting.problems.push(problem);
            Permit::Needless
        }
    };
    let (member, landing) = land(request, facts, manifest).unwrap_or_else(|problem| {
        fitting.problems.push(problem);
        (None, None)
    });
    if !fitting.problems.is_empty() {
        return refuse(&fitting.problems.join("; "));
    }
    let existing = server.instances.get(&name);
    let there = ResourceId::instance(project.clone(), &name);
    if existing.is_some() && request.equal.contains(&there) {
        return Step::rest(row(Action::Skip).because("it is there, and equal"));
    }
    let action = match decide(request, existing) {
        Ok(Action::Skip) => return Step::rest(row(Action::Skip).because("it exists")),
        Ok(action) => action,
        Err(reason) => return refuse(reason),
    };
    let original = facts.has_original(id);
    let renamed = id.name().is_none_or(|own| own.as_str() != name.as_str());
    let moved = id.project() != Some(project);
    let identity = if renamed || (moved && original) {
        Identity::New
    } else {
        Identity::Keep
    };
    let mut shown = row(action).because(&manifest.consistency.to_string());
    if let Some(problem) = stored.checks.failed_drill() {
        shown = shown.because(&format!("its drill failed: {problem}"));
    }
    if moved {
        shown = shown.because(&format!("into project `{project}`"));
    }
    match (renamed, identity) {
        (true, _) => shown = shown.because(&format!("as `{name}`, with a new identity")),
        (false, Identity::New) => {
            shown = shown.because("with a new identity, because the original exists");
        }
        (false, Identity::Keep) => {}
    }
    shown = describe(shown, &fitting);
    if let Some(landing) = landing {
        shown = shown.because(&landing);
    }
    if permit == Permit::Open {
        shown = shown.because(&format!(
            "limits and restrictions of project `{project}` are eased while it is imported"
        ));
    }
    if existing.is_some_and(|instance| instance.running) {
        shown = shown.because("the running one is stopped");
    }
    shown = shown.because(if request.options.start {
        "started"
    } else {
        "left stopped"
    });
    let work = Work {
        stored: stored.clone(),
        project: project.clone(),
        name,
        pool: fitting.pool,
        references: fitting.references,
        profiles: fitting.profiles,
        identity,
        permit,
        limits: server.limits.clone(),
        replace: action == Action::Replace,
        member,
    };
    Step::work(shown, work)
}

/// The member of a cluster whose address it is sent to, and what is shown of that.
fn land(
    request: &Request,
    facts: &Facts,
    manifest: &Manifest,
) -> Result<(Option<Member>, Option<String>), String> {
    let was = manifest.instance.as_ref();
    let was = was.and_then(|instance| instance.location.as_deref());
    let asked = request.options.mapping.member.as_deref();
    Ok(match facts.members.landing(asked, was)? {
        Choice::Here => (None, None),
        Choice::To(member) => {
            let other = member.name != facts.members.own;
            let shown = format!("onto member `{}`", member.name);
            (other.then(|| member.clone()), Some(shown))
        }
        Choice::Elsewhere(why) => (None, Some(why)),
    })
}

/// Whether the project must be opened for an import, or why it cannot be.
fn judge(
    request: &Request,
    server: &Server,
    instance_type: Option<InstanceType>,
    described: Option<&Description>,
) -> Result<Permit, String> {
    let Some(instance_type) = instance_type else {
        return Ok(Permit::Needless);
    };
    let described = described.map(Description::instance);
    match server.limits.judge(instance_type, described) {
        Verdict::Free => Ok(Permit::Needless),
        Verdict::Open => Ok(Permit::Open),
        Verdict::Closed(_) if request.options.force => Ok(Permit::Needless),
        Verdict::Closed(reason) => Err(format!("{reason}; --force tries it all the same")),
    }
}

/// What is done where there is or is not an instance of the name.
fn decide(request: &Request, existing: Option<&Existence>) -> Result<Action, &'static str> {
    match (existing, request.existing) {
        (None, _) => Ok(Action::Create),
        (Some(_), Existing::Skip) => Ok(Action::Skip),
        (Some(_), Existing::Refuse) => Err("it exists; --replace replaces it, --skip-existing \
             leaves it, --target-name restores beside it"),
        (Some(instance), Existing::Replace) if instance.protected && !request.options.force => {
            Err("it exists and security.protection.delete is set; --force replaces it all the same")
        }
        (Some(_), Existing::Replace) => Ok(Action::Replace),
    }
}

/// What the user should know of how it is made to fit.
fn describe(mut row: Row, fitting: &Fitting) -> Row {
    if let Some(pool) = &fitting.pool {
        row = row.because(&format!("to pool `{pool}`"));
    }
    for note in &fitting.notes {
        row = row.because(note);
    }
    row
}
