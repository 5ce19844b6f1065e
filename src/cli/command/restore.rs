//! `restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::report;
use super::source::stored_of;
use super::volume::sweep_both;
use crate::cli::args::{Renaming, Renamings, Restore};
use crate::cli::context::{Agreed, Context, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::cli::names;
use crate::incus::Client;
use crate::model::{Kind, ProjectName, ResourceName};
use crate::plan::{Action, Coming, ComingProject, Plan, Report};
use crate::restore::{
    self, Existing, Facts, Lost, Mapping, Options, Request, Saved, Scope, Selection, VolumeRequest,
    VolumeScope, VolumeWork,
};
use crate::target::{Manifest, Stored, Target};

/// Brings instances back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: Restore,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let target = context.target(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = match &args.source.from {
        Some(source) => source.clone(),
        None => source_of(&client, &named.remote)?.name,
    };
    let request = Request {
        source: source.clone(),
        scope: scope(&args, &named.names, || {
            names::project(&config, &client, &named.remote, args.scope.project.as_ref())
        })?,
        selection: match (args.version, args.as_of) {
            (Some(version), _) => Selection::Exactly(version),
            (None, Some(moment)) => Selection::AsOf(moment),
            (None, None) => Selection::Newest,
        },
        existing: match (args.replace, args.skip_existing) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Skip,
            _ => Existing::Refuse,
        },
        equal: BTreeSet::new(),
        options: Options {
            target_name: args.target_name.clone(),
            mapping: mapping(&args),
            mark: None,
            start: args.start,
            force: args.force,
            parallel: parallel(args.parallel),
        },
    };
    let stored = stored_of(&target, &source, Kind::Instance).await?;
    let gathered = async { Ok(restore::gather(&client, &request, &target, stored).await?) };
    let mut facts = context.unless_cancelled(gathered).await?;
    let volumes = if args.with_volumes {
        let sides = (&client, &target);
        let planned = volumes_of(&request, &facts, sides);
        let (plan, coming) = context.unless_cancelled(planned).await?;
        facts.expect(&coming);
        plan
    } else {
        Plan::new(Vec::new())
    };
    let projects: BTreeSet<ProjectName> = facts.projects.keys().cloned().collect();
    let damaged = restore::lacks_undamaged(&request, &facts);
    let instances = restore::plan(&request, &facts);
    let plan = volumes
        .map(|work| Work::Volume(Box::new(work)))
        .then(instances.map(|work| Work::Instance(Box::new(work))));
    let question = question(&plan);
    let mut approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            // What an earlier run left of what is there already is this run's to put right.
            sweep_both(context, &client, &projects).await?;
            let report = Report::of_rest(plan.rows());
            let exit = match exit_of_report(&report) {
                Exit::Failed if damaged => Exit::Damaged,
                exit => exit,
            };
            let to = (&target, &source);
            return report::finish_as(context, to, (&report, exit), &args.rows).await;
        }
        Agreed::Approved(approved) => approved,
    };
    sweep_both(context, &client, &projects).await?;
    let run = restore::Context {
        client: Arc::new(client),
        target,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: request.options,
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let volumes = approved.part(Kind::Volume, |work| match work {
        Work::Volume(work) => Ok(*work),
        other @ Work::Instance(_) => Err(other),
    });
    let instances = approved.part(Kind::Instance, |work| match work {
        Work::Instance(work) => Ok(*work),
        other @ Work::Volume(_) => Err(other),
    });
    let mut report = restore::apply_volumes(&run, volumes).await;
    let of_instances = restore::apply(&run, instances).await;
    report.outcomes.extend(of_instances.outcomes);
    report::finish(context, (&run.target, &source), &report, &args.rows).await
}

/// What one step needs.
enum Work {
    Volume(Box<VolumeWork>),
    Instance(Box<restore::Work>),
}

fn question(plan: &Plan<Work>) -> String {
    let count = |kind| {
        let rows = plan.rows();
        rows.filter(|row| row.action.changes() && row.kind == kind)
            .count()
    };
    let text = match count(Kind::Instance) {
        1 => "Restore 1 instance".to_owned(),
        count => format!("Restore {count} instances"),
    };
    match count(Kind::Volume) {
        0 => format!("{text}?"),
        1 => format!("{text} and 1 volume?"),
        count => format!("{text} and {count} volumes?"),
    }
}

/// Plans the volumes that were stored with the instances that are meant: of the same moment, or of the
/// same run where each stood still.
async fn volumes_of(
    request: &Request,
    facts: &Facts,
    (client, target): (&Client, &Arc<dyn Target>),
) -> Result<(Plan<VolumeWork>, Coming), CommandError> {
    let mapping = &request.options.mapping;
    let mut stored = stored_of(target, &request.source, Kind::Volume).await?;
    let meant: Vec<&Manifest> = restore::selected(request, facts)
        .into_iter()
        .filter_map(|stored| stored.manifest.as_deref())
        .collect();
    stored.retain(|volume| meant.iter().any(|instance| belongs_to(volume, instance)));
    let volumes = VolumeRequest {
        scope: VolumeScope::AllProjects,
        selection: Selection::Newest,
        existing: request.existing,
        equal: BTreeSet::new(),
        target_name: None,
        mapping: mapping.clone(),
        force: request.options.force,
    };
    let of_volumes = restore::gather_volumes(client, &volumes, target, stored).await?;
    let plan = restore::plan_volumes(&volumes, &of_volumes);
    let mut coming = Coming::default();
    let brought = plan.rows().filter(|row| row.action != Action::Refuse);
    let brought: BTreeSet<String> = brought
        .filter_map(|row| {
            let pool = mapping.pool(row.pool.as_ref()?.as_str());
            Some(format!("{pool}/{}", row.name.as_ref()?))
        })
        .collect();
    for project in meant
        .iter()
        .filter_map(|manifest| manifest.project.as_ref())
    {
        let own = mapping.project(project).clone();
        // Only what is there is added to: a project that is missing stays so.
        if facts.projects.contains_key(&own) {
            let entry: &mut ComingProject = coming.projects.entry(own).or_default();
            entry.volumes.extend(brought.iter().cloned());
        }
    }
    Ok((plan, coming))
}

/// Whether a stored volume was stored together with an instance.
fn belongs_to(volume: &Stored, instance: &Manifest) -> bool {
    let Some(manifest) = &volume.manifest else {
        return false;
    };
    match (&manifest.moment, &instance.moment) {
        (Some(own), Some(other)) => own.id == other.id,
        (None, None) => {
            let path = volume.id.resource.path();
            // What the earlier tool stored says of no run.
            let together = manifest.run == instance.run && !instance.run.is_empty();
            together && instance.requires.volumes.contains(&path)
        }
        _ => false,
    }
}

fn mapping(args: &Restore) -> Mapping {
    Mapping {
        to_project: args.to_project.clone(),
        projects: pairs(&args.project_map),
        pools: pairs(&args.pool_map),
        networks: texts(&args.network_map),
        profiles: texts(&args.profile_map),
        member: args.member.clone(),
        devices: if args.drop_missing_devices {
            Lost::Drop
        } else {
            Lost::Refuse
        },
        drop_unknown_keys: args.drop_unknown_keys,
        saved_profiles: if args.with_profiles {
            Saved::BringBack
        } else {
            Saved::Ignore
        },
    }
}

/// The names that become others.
pub(super) fn renamed(args: &Renamings) -> Mapping {
    Mapping {
        projects: pairs(&args.project_map),
        pools: pairs(&args.pool_map),
        networks: texts(&args.network_map),
        profiles: texts(&args.profile_map),
        ..Mapping::default()
    }
}

fn texts(renamings: &[Renaming<ResourceName>]) -> BTreeMap<String, String> {
    let pair = |it: &Renaming<ResourceName>| (it.old.to_string(), it.new.to_string());
    renamings.iter().map(pair).collect()
}

pub(super) fn pairs<T: Clone + Ord>(renamings: &[Renaming<T>]) -> BTreeMap<T, T> {
    let pair = |it: &Renaming<T>| (it.old.clone(), it.new.clone());
    renamings.iter().map(pair).collect()
}

fn scope(
    args: &Restore,
    names: &[String],
    project: impl FnOnce() -> Result<ProjectName, CommandError>,
) -> Result<Scope, CommandError> {
    let usage = |text: &str| Err(CommandError::Usage(text.to_owned()));
    if args.target_name.is_some() && names.len() != 1 {
        return usage("--target-name needs exactly one instance");
    }
    if args.version.is_some() && names.len() != 1 {
        return usage("--version needs exactly one instance; --as-of works for many");
    }
    if args.scope.all_projects {
        if !names.is_empty() {
            return usage("--all-projects takes no names");
        }
        return Ok(Scope::AllProjects);
    }
    let project = project()?;
    if names.is_empty() {
        return Ok(Scope::Project(project));
    }
    let names: Result<Vec<ResourceName>, _> = names.iter().map(|name| name.parse()).collect();
    Ok(Scope::Named(project, names?))
}
