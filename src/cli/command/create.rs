//! `create`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::report;
use super::volume::sweep_both;
use crate::backup::{
    self, Facts, GroupWork, Options, Pausing, Request, Scope, Sizes, TargetFacts, VolumeRequest,
};
use crate::cli::args::Create;
use crate::cli::context::{Agreed, Context, Place, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::{guard, names};
use crate::incus::Client;
use crate::list::newest_complete;
use crate::model::{InstanceName, Kind, ProjectName, ResourceId, SourceName};
use crate::plan::{Plan, Report};
use crate::target::{Filter, Stored, TargetError, grouped};

/// Backs instances up.
pub(in crate::cli) async fn create(context: &Context, args: Create) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let compression = context
        .choice(&args.target)?
        .compression(args.compression)?;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = source_of(&client, &named.remote)?;
    let scope = if args.scope.all_projects {
        if !named.names.is_empty() {
            return Err(CommandError::Usage(
                "--all-projects takes no names".to_owned(),
            ));
        }
        Scope::AllProjects
    } else {
        let flag = args.scope.project.as_ref();
        let project = names::project(&config, &client, &named.remote, flag)?;
        if named.names.is_empty() {
            Scope::Project(project)
        } else {
            let parsed = named.names.iter().map(|name| name.parse());
            Scope::Named(project, parsed.collect::<Result<Vec<InstanceName>, _>>()?)
        }
    };
    let options = Options {
        no_snapshot: args.no_snapshot,
        optimized: args.optimized,
        instance_only: args.instance_only,
        force: args.force,
        compression,
        retries: args.retries,
        idle: Duration::from_secs(args.stall_timeout),
        parallel: parallel(args.parallel),
        threads: cores(),
    };
    let request = Request { scope, options };
    let known = known(&place, source.name.clone(), Kind::Instance).await?;
    let gathered = async { Ok(backup::gather(&client, &request, &known).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let projects: BTreeSet<ProjectName> = facts
        .candidates
        .iter()
        .map(|candidate| candidate.project.clone())
        .collect();
    let plan = if args.with_volumes {
        with_volumes(context, (&client, &place, &source.name), &request, facts).await?
    } else {
        backup::plan(&request, &facts).map(|work| GroupWork::Instance(work, Vec::new()))
    };
    let count = plan.rows().filter(|row| row.action.changes()).count();
    let question = match count {
        1 => "Create 1 backup?".to_owned(),
        count => format!("Create {count} backups?"),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            let report = Report::of_rest(plan.rows());
            return report::rest(context, (&place, &source.name), &report, &args.rows).await;
        }
        Agreed::Approved(approved) => approved,
    };
    let target = context
        .establish(place, &args.target, &args.answers)
        .await?;
    let entered = (target.clone(), source.clone());
    blocking(move || entered.0.enter_source(&entered.1)).await??;
    sweep_both(context, &client, &projects).await?;
    let run = backup::Context {
        client: Arc::new(client),
        target,
        source: source.name,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: options.shared_by(count),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
        pausing: Arc::new(Pausing::new(guard::program(context, &named.remote)?)),
        turns: backup::Turns::default(),
    };
    let report = backup::apply_groups(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}

/// Plans instances together with the custom volumes that they mount.
async fn with_volumes(
    context: &Context,
    (client, place, source): (&Client, &Place, &SourceName),
    request: &Request,
    mut facts: Facts,
) -> Result<Plan<GroupWork>, CommandError> {
    let volumes = VolumeRequest {
        scope: Scope::AllProjects,
        options: request.options,
    };
    let known = known(place, source.clone(), Kind::Volume).await?;
    let gathered = async { Ok(backup::gather_volumes(client, &volumes, &known).await?) };
    let of_volumes = context.unless_cancelled(gathered).await?;
    // Each has a row of its own.
    for candidate in &mut facts.candidates {
        candidate.volumes.clear();
    }
    let plan = backup::plan_volumes(&volumes, &of_volumes);
    let instances = backup::plan(request, &facts);
    let (together, _) = backup::plan_groups(instances, plan, &of_volumes, request.options);
    Ok(together)
}

/// What is known of where backups go to: the newest complete version of each thing of a kind, and
/// how much room there is.
pub(super) async fn known(
    place: &Place,
    source: SourceName,
    kind: Kind,
) -> Result<TargetFacts, CommandError> {
    let target = match place {
        Place::Target(target) => target.clone(),
        Place::Creatable(location) => {
            let location = location.clone();
            return Ok(TargetFacts {
                newest: BTreeMap::new(),
                free: blocking(move || location.free_space()).await??,
            });
        }
    };
    let filter = Filter {
        source: Some(source),
        kind: Some(kind),
        ..Filter::default()
    };
    let read = move || Ok::<_, TargetError>((target.versions(&filter)?, target.free_space()?));
    let (stored, free) = blocking(read).await??;
    Ok(TargetFacts {
        newest: sizes(&stored),
        free,
    })
}

/// How large the newest complete version of each resource is.
pub(super) fn sizes<'a>(
    stored: impl IntoIterator<Item = &'a Stored>,
) -> BTreeMap<ResourceId, Sizes> {
    let of_each = grouped(stored, |version| &version.id.resource);
    let newest = of_each.into_iter().filter_map(|(id, versions)| {
        let Stored {
            size, stored_size, ..
        } = *newest_complete(versions)?;
        Some((id.clone(), Sizes { size, stored_size }))
    });
    newest.collect()
}
