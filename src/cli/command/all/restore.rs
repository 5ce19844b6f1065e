//! `restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::config::pick_readable;
use super::super::report;
use super::super::restore::renamed;
use super::super::source::{sources, stored_of};
use super::sweep::sweep_everything;
use crate::cli::args::RestoreAll;
use crate::cli::context::{Agreed, Context, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::config::{self, Filter, Phase, RestoreFacts, RestoreRequest, Secrets};
use crate::incus::Client;
use crate::model::{
    InstanceName, Kind, ObjectId, ObjectKind, ProjectName, ResourceId, SourceName, Version,
};
use crate::plan::{Action, Approved, Coming, Outcome, Plan, Report, Row};
use crate::restore::{
    self, Existing, Lost, Mapping, Options, Request, Scope, Selection, VolumeRequest, VolumeScope,
    VolumeWork, bucket, image,
};
use crate::target::{Stored, Target};

/// What one step of the whole plan needs.
enum Work {
    Config(Box<config::Work>),
    Volume(Box<VolumeWork>),
    Bucket(Box<bucket::Work>),
    Image(Box<image::Work>),
    Instance(Box<restore::Work>),
}

/// Where from, and where to.
struct Sides {
    client: Arc<Client>,
    target: Arc<dyn Target>,
    source: SourceName,
}

/// Brings a whole server back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: RestoreAll,
) -> Result<Exit, CommandError> {
    let arguments: Vec<String> = args.remote.iter().cloned().collect();
    let config = context.config()?;
    let named = names::resolve(&config, &arguments)?;
    if !named.names.is_empty() {
        let text = "a whole server has no name: write `REMOTE:`".to_owned();
        return Err(CommandError::Usage(text));
    }
    let target = context.target(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = match &args.source.from {
        Some(source) => source.clone(),
        None => source_of(&client, &named.remote)?.name,
    };
    sources(&target, &source).await?;
    let sides = Sides {
        client: Arc::new(client),
        target,
        source,
    };
    let plan = context.unless_cancelled(plan(&args, &sides)).await?;
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Make 1 change?".to_owned(),
        count => format!("Make {count} changes?"),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            // What an earlier run left of what is there already is this run's to put right.
            sweep_everything(context, &sides.client).await?;
            let report = Report::of_rest(plan.rows());
            return report::finish(context, (&sides.target, &sides.source), &report, &args.rows)
                .await;
        }
        Agreed::Approved(approved) => approved,
    };
    sweep_everything(context, &sides.client).await?;
    let run = restore::Context {
        client: sides.client.clone(),
        target: sides.target.clone(),
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: options(&args),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = apply(&run, approved).await;
    report::finish(context, (&run.target, &sides.source), &report, &args.rows).await
}

fn options(args: &RestoreAll) -> Options {
    Options {
        target_name: None,
        mapping: mapping(args),
        mark: None,
        start: args.start,
        force: args.force,
        parallel: parallel(args.parallel),
    }
}

fn mapping(args: &RestoreAll) -> Mapping {
    Mapping {
        devices: if args.drop_missing_devices {
            Lost::Drop
        } else {
            Lost::Refuse
        },
        drop_unknown_keys: args.drop_unknown_keys,
        member: args.member.clone(),
        ..renamed(&args.renamings)
    }
}

fn selection(args: &RestoreAll) -> Selection {
    args.as_of.map_or(Selection::Newest, Selection::AsOf)
}

fn existing(args: &RestoreAll) -> Existing {
    match (args.replace, args.skip_existing) {
        (true, _) => Existing::Replace,
        (_, true) => Existing::Skip,
        _ => Existing::Refuse,
    }
}

/// One plan for everything, in the order in which the server can take it.
async fn plan(args: &RestoreAll, sides: &Sides) -> Result<Plan<Work>, CommandError> {
    let wanted = |kind| !args.skip.contains(&kind);
    let none = || Plan::new(Vec::new());
    let mut configured = None;
    let mut coming = Coming::default();
    let mut equal = BTreeSet::new();
    let (mut all, mut profiles, mut last) = (none(), none(), none());
    if wanted(Kind::Config) && !sides.client.server().administrator {
        all = config::not_shown();
    } else if wanted(Kind::Config)
        && let Some(facts) = configuration(args, sides).await?
    {
        let plan = config::plan_restore(&config_request(args), &facts);
        let rows: Vec<Row> = plan.rows().cloned().collect();
        coming = config::coming(&facts.backup, &rows, &[]);
        equal = equal_ones(&facts);
        let (first, later) = plan.divide(|work| work.phase() == Phase::BeforeVolumes);
        let (before, after) = later.divide(|work| work.phase() == Phase::BeforeInstances);
        [all, profiles, last] = [first, before, after].map(|plan| plan.map(of_config));
        configured = Some((facts, rows));
    }
    if wanted(Kind::Volume) {
        let request = VolumeRequest {
            scope: VolumeScope::AllProjects,
            selection: selection(args),
            existing: existing(args),
            equal: equal.clone(),
            target_name: None,
            mapping: mapping(args),
            force: args.force,
        };
        let stored = stored_of(&sides.target, &sides.source, Kind::Volume).await?;
        let mut facts =
            restore::gather_volumes(&sides.client, &request, &sides.target, stored).await?;
        facts.expect(&coming);
        let plan = restore::plan_volumes(&request, &facts);
        let back = brought_back(&plan, &facts.homes, &request.mapping);
        coming = match &configured {
            Some((facts, rows)) => config::coming(&facts.backup, rows, &back),
            None => with_volumes(&facts.homes, &back),
        };
        all = all.then(plan.map(|it| Work::Volume(Box::new(it))));
    }
    if wanted(Kind::Bucket) {
        let request = bucket::Request {
            source: sides.source.clone(),
            scope: bucket::Scope::AllProjects,
            selection: selection(args),
            // Buckets cannot be replaced, and what is in them is not known to a configuration.
            existing: Existing::Skip,
            target_name: None,
            mapping: mapping(args),
        };
        let stored = stored_of(&sides.target, &sides.source, Kind::Bucket).await?;
        let mut facts = bucket::gather(&sides.client, &request, &sides.target, stored).await?;
        facts.expect(&coming);
        all = all.then(bucket::plan(&request, &facts).map(|it| Work::Bucket(Box::new(it))));
    }
    all = all.then(profiles);
    if wanted(Kind::Image) {
        let request = image::Request {
            source: sides.source.clone(),
            scope: image::Scope::AllProjects,
            selection: selection(args),
            // One with the same fingerprint is the same.
            existing: match existing(args) {
                Existing::Refuse => Existing::Skip,
                said => said,
            },
            mapping: mapping(args),
            force: args.force,
        };
        let stored = stored_of(&sides.target, &sides.source, Kind::Image).await?;
        let mut facts = image::gather(&sides.client, &request, &sides.target, stored).await?;
        facts.expect(&coming);
        all = all.then(image::plan(&request, &facts).map(|it| Work::Image(Box::new(it))));
    }
    if wanted(Kind::Instance) {
        let request = Request {
            source: sides.source.clone(),
            scope: Scope::AllProjects,
            selection: selection(args),
            existing: existing(args),
            equal,
            options: options(args),
        };
        let stored = stored_of(&sides.target, &sides.source, Kind::Instance).await?;
        let mut facts = restore::gather(&sides.client, &request, &sides.target, stored).await?;
        facts.expect(&coming);
        all = all.then(restore::plan(&request, &facts).map(|it| Work::Instance(Box::new(it))));
    }
    Ok(all.then(last))
}

fn of_config(work: config::Work) -> Work {
    Work::Config(Box::new(work))
}

/// The configuration that was stored, and that of the server; none where none was stored.
async fn configuration(
    args: &RestoreAll,
    sides: &Sides,
) -> Result<Option<RestoreFacts>, CommandError> {
    let mut stored = stored_of(&sides.target, &sides.source, Kind::Config).await?;
    if let Some(moment) = args.as_of {
        stored.retain(|stored: &Stored| stored.id.version.timestamp() <= moment);
    }
    if stored.is_empty() {
        return Ok(None);
    }
    let picked = pick_readable(&sides.target, &stored, None).await?;
    let backup = config::load(sides.target.clone(), picked.id.clone()).await?;
    let now = Version::now().timestamp();
    let facts = config::gather_restore(&sides.client, backup, &mapping(args), now).await?;
    Ok(Some(facts))
}

/// Volumes and buckets come back with their data, not by their definition alone.
fn config_request(args: &RestoreAll) -> RestoreRequest {
    let with_data = [ObjectKind::Volume, ObjectKind::Bucket];
    let kinds = ObjectKind::ALL.into_iter();
    RestoreRequest {
        filter: Filter {
            kinds: kinds.filter(|kind| !with_data.contains(kind)).collect(),
            project: None,
        },
        existing: existing(args),
        force: args.force,
        empty_volumes: false,
        pool_sources: args.pool_source.iter().cloned().collect(),
    }
}

/// The volumes that will be there once a plan is applied, by the names that they have then; `homes`
/// are the projects that the volumes of each live in.
fn brought_back(
    plan: &Plan<VolumeWork>,
    homes: &BTreeMap<ProjectName, ProjectName>,
    mapping: &Mapping,
) -> Vec<ResourceId> {
    let stays = |row: &&Row| row.action != Action::Refuse;
    let id = |row: &Row| {
        let project = mapping.project(row.project.as_ref()?);
        let project = homes.get(project).unwrap_or(project).clone();
        let pool = mapping.pool(row.pool.as_ref()?.as_str()).parse().ok()?;
        let name = row.name.clone()?;
        Some(ResourceId::in_pool(Kind::Volume, project, pool, name))
    };
    plan.rows().filter(stays).filter_map(id).collect()
}

/// What there will be where no configuration is given back: volumes, in projects that are there.
fn with_volumes(homes: &BTreeMap<ProjectName, ProjectName>, volumes: &[ResourceId]) -> Coming {
    let mut coming = Coming::default();
    for (project, home) in homes {
        let own = volumes.iter().filter(|it| it.project() == Some(home));
        let entry = coming.projects.entry(project.clone()).or_default();
        entry.volumes.extend(own.map(ResourceId::path));
    }
    coming
}

/// The volumes and instances of the backup that the server has, and has just so.
fn equal_ones(facts: &RestoreFacts) -> BTreeSet<ResourceId> {
    let filter = Filter {
        kinds: [ObjectKind::Volume, ObjectKind::Instance].into(),
        project: None,
    };
    let compared = config::compare(&facts.backup, &facts.server, &filter, Secrets::Masked);
    let differ: BTreeSet<&ObjectId> = compared.differences.iter().map(|it| &it.id).collect();
    let same = |kind| {
        let objects = facts.backup.objects(kind).into_iter().flatten();
        let ids = objects.map(|(id, _)| id);
        ids.filter(|id| !differ.contains(id))
    };
    let instances = same(ObjectKind::Instance).filter_map(|id| {
        let name: InstanceName = id.name.as_str().parse().ok()?;
        Some(ResourceId::instance(id.project.clone()?, &name))
    });
    let volumes = same(ObjectKind::Volume).filter_map(|id| {
        let pool = id.parent.as_ref()?.as_str().parse().ok()?;
        let project = id.project.clone()?;
        Some(ResourceId::in_pool(
            Kind::Volume,
            project,
            pool,
            id.name.clone(),
        ))
    });
    instances.chain(volumes).collect()
}

async fn apply(run: &restore::Context, mut plan: Approved<Work>) -> Report {
    let mut outcomes: Vec<Outcome> = Vec::new();
    outcomes.extend(configure(run, &mut plan, Phase::BeforeVolumes).await);
    let volumes = plan.part(Kind::Volume, |work| match work {
        Work::Volume(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(restore::apply_volumes(run, volumes).await.outcomes);
    let buckets = plan.part(Kind::Bucket, |work| match work {
        Work::Bucket(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(bucket::apply(run, buckets).await.outcomes);
    outcomes.extend(configure(run, &mut plan, Phase::BeforeInstances).await);
    let images = plan.part(Kind::Image, |work| match work {
        Work::Image(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(image::apply(run, images).await.outcomes);
    let instances = plan.part(Kind::Instance, |work| match work {
        Work::Instance(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(restore::apply(run, instances).await.outcomes);
    outcomes.extend(configure(run, &mut plan, Phase::Last).await);
    outcomes.into_iter().collect()
}

/// Does what of the configuration belongs to a phase.
async fn configure(
    run: &restore::Context,
    plan: &mut Approved<Work>,
    phase: Phase,
) -> Vec<Outcome> {
    let part = plan.part(Kind::Config, |work| match work {
        Work::Config(work) if work.phase() == phase => Ok(*work),
        other => Err(other),
    });
    let (progress, cancel) = (&*run.progress, &run.cancel);
    config::apply_restore(&run.client, part, progress, cancel)
        .await
        .outcomes
}
