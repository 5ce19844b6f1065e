//! What will be done (pure).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::gather::{Facts, PoolFacts, Server};
use super::request::{Existing, Request, Selection};
use crate::archive::Identity;
use crate::model::{Bytes, InstanceName, PoolName, ProjectName, ResourceId, Version};
use crate::plan::{Action, Fit, Plan, Room, Row, Step};
use crate::target::{Manifest, State, Stored};

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
    /// Whether the instance stays what it was or becomes another.
    pub identity: Identity,
    /// Whether an instance of that name is replaced.
    pub replace: bool,
}

/// Plans the restore of what was asked for.
pub fn plan(request: &Request, facts: &Facts) -> Plan<Work> {
    let mut rooms = Rooms::of(facts);
    let steps = facts.wanted.iter();
    let steps = steps.map(|(id, versions)| {
        let step = step(request, facts, id, versions);
        rooms.take_for(step, request.options.force)
    });
    steps.collect()
}

/// The room in the pools, which the steps take up in their order.
struct Rooms<'a>(BTreeMap<&'a PoolName, (&'a PoolFacts, Room)>);

impl<'a> Rooms<'a> {
    fn of(facts: &'a Facts) -> Self {
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
    fn take_for(&mut self, step: Step<Work>, force: bool) -> Step<Work> {
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
        let size = work.stored.size;
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

fn step(request: &Request, facts: &Facts, id: &ResourceId, versions: &[Stored]) -> Step<Work> {
    let refuse = |row: Row, reason: &str| Step::rest(row.because(reason));
    let row = |action| Row::new(action, id);
    let stored = match select(versions, request.selection) {
        Ok(stored) => stored,
        Err(reason) => return refuse(row(Action::Refuse), &reason),
    };
    let row = |action| row(action).version(stored.id.version);
    let Some(manifest) = &stored.manifest else {
        return refuse(row(Action::Refuse), "its manifest cannot be read");
    };
    let (Some(project), Some(stored_name)) = (id.project(), id.name()) else {
        return refuse(row(Action::Refuse), "it is not an instance");
    };
    let name: InstanceName = match (&request.options.target_name, stored_name.as_str().parse()) {
        (Some(name), _) => name.clone(),
        (None, Ok(name)) => name,
        (None, Err(error)) => return refuse(row(Action::Refuse), &error.to_string()),
    };
    let Some(server) = facts.projects.get(project) else {
        let reason = format!("project `{project}` does not exist on the server");
        return refuse(row(Action::Refuse), &reason);
    };
    let pool = mapped_pool(request, manifest);
    let problems = problems(server, facts, manifest, pool.as_ref());
    if !problems.is_empty() {
        return refuse(row(Action::Refuse), &problems.join("; "));
    }
    let renamed = name.as_str() != stored_name.as_str();
    let existing = server.instances.get(&name);
    let action = match (existing, request.existing) {
        (None, _) => Action::Create,
        (Some(_), Existing::Skip) => {
            return Step::rest(row(Action::Skip).because("it exists"));
        }
        (Some(_), Existing::Refuse) => {
            let reason = "it exists; --replace replaces it, --skip-existing leaves it, \
                          --target-name restores beside it";
            return refuse(row(Action::Refuse), reason);
        }
        (Some(instance), Existing::Replace) if instance.protected && !request.options.force => {
            let reason = "it exists and security.protection.delete is set; --force replaces it all \
                          the same";
            return refuse(row(Action::Refuse), reason);
        }
        (Some(_), Existing::Replace) => Action::Replace,
    };
    let mut shown = row(action).because(&manifest.consistency.to_string());
    if renamed {
        shown = shown.because(&format!("as `{name}`, with a new identity"));
    }
    if let Some(pool) = &pool {
        shown = shown.because(&format!("to pool `{pool}`"));
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
        pool,
        identity: if renamed {
            Identity::New
        } else {
            Identity::Keep
        },
        replace: action == Action::Replace,
    };
    Step::work(shown, work)
}

/// Whether something that was asked for is refused because what is stored of it is damaged.
pub fn lacks_undamaged(request: &Request, facts: &Facts) -> bool {
    let is_damaged = |stored: &&Stored| match request.selection {
        Selection::Exactly(version) => stored.id.version == version,
        Selection::Newest => true,
        Selection::AsOf(moment) => stored.id.version.timestamp() <= moment,
    } && stored.state == State::Damaged;
    facts.wanted.iter().any(|(_, versions)| {
        select(versions, request.selection).is_err() && versions.iter().any(|it| is_damaged(&it))
    })
}

/// The version that is meant, or why there is none.
fn select(versions: &[Stored], selection: Selection) -> Result<&Stored, String> {
    let complete = || {
        versions
            .iter()
            .filter(|stored| stored.state == State::Complete)
    };
    let exactly = |version: Version| versions.iter().find(|stored| stored.id.version == version);
    let newest = |until: Option<Timestamp>| {
        complete()
            .filter(|stored| until.is_none_or(|until| stored.id.version.timestamp() <= until))
            .max_by_key(|stored| stored.id.version)
    };
    match selection {
        Selection::Newest => newest(None).ok_or_else(|| match versions.len() {
            0 => "the target holds no version of it".to_owned(),
            _ => "none of its versions is complete".to_owned(),
        }),
        Selection::AsOf(moment) => newest(Some(moment))
            .ok_or_else(|| format!("it has no complete version that is not later than {moment}")),
        Selection::Exactly(version) => match exactly(version) {
            Some(stored) if stored.state == State::Complete => Ok(stored),
            Some(stored) => {
                let good = newest(None)
                    .map(|good| format!("; the newest complete one is {}", good.id.version))
                    .unwrap_or_default();
                Err(format!("version {version} is {}{good}", stored.state))
            }
            None => Err(format!("the target holds no version {version} of it")),
        },
    }
}

/// The pool that the request maps the backup's pool to.
fn mapped_pool(request: &Request, manifest: &Manifest) -> Option<PoolName> {
    let pool = manifest.instance.as_ref()?.pool.as_ref()?;
    request.options.pools.get(pool).cloned()
}

/// Everything that would make the server refuse the import, or make the result unusable.
fn problems(
    server: &Server,
    facts: &Facts,
    manifest: &Manifest,
    pool: Option<&PoolName>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let requires = &manifest.requires;
    let mut missing = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            problems.push(format!("missing {what}: {}", names.join(", ")));
        }
    };
    let lacks = |known: &dyn Fn(&str) -> bool, names: &[String]| -> Vec<String> {
        names
            .iter()
            .filter(|name| !known(name))
            .map(|name| format!("`{name}`"))
            .collect()
    };
    missing(
        "profiles",
        lacks(&|name| server.profiles.contains(name), &requires.profiles),
    );
    missing(
        "networks",
        lacks(&|name| server.networks.contains(name), &requires.networks),
    );
    missing(
        "volumes",
        lacks(&|name| server.volumes.contains(name), &requires.volumes),
    );
    let own = manifest.instance.as_ref();
    let wanted = pool.or(own.and_then(|instance| instance.pool.as_ref()));
    let driver = wanted.and_then(|pool| facts.pools.get(pool));
    if let (Some(wanted), None) = (wanted, driver) {
        problems.push(format!(
            "missing pool: `{wanted}`; restore to another one with --pool-map {wanted}=POOL"
        ));
    }
    if let (Some(own), Some(driver)) = (own, driver)
        && manifest.options.optimized
        && own
            .driver
            .as_ref()
            .is_some_and(|stored| *stored != driver.driver)
    {
        let stored = own.driver.as_deref().unwrap_or_default();
        problems.push(format!(
            "its optimized format needs a {stored} pool, not {}",
            driver.driver
        ));
    }
    if let Some(own) = own
        && !facts.architectures.is_empty()
        && !facts.architectures.contains(&own.architecture)
    {
        problems.push(format!("the server does not run {}", own.architecture));
    }
    if let Some(reason) = &server.refuses_imports {
        problems.push(reason.clone());
    }
    problems
}
