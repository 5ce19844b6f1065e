//! `create` of custom volumes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::create::known;
use super::super::report;
use crate::backup::{self, Options, Pausing, Scope, VolumeRequest};
use crate::cli::args::CreateVolumes;
use crate::cli::context::{Agreed, Context, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::{guard, names};
use crate::incus::Client;
use crate::model::{Kind, ProjectName, Subject};
use crate::plan::Report;
use crate::temporary::{sweep, sweep_projects, sweep_volumes};

/// Backs custom volumes up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: CreateVolumes,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let subjects = named
        .names
        .iter()
        .map(|name| Subject::parse(Kind::Volume, name))
        .collect::<Result<Vec<Subject>, _>>()?;
    let compression = context
        .choice(&args.target)?
        .compression(args.compression)?;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = source_of(&client, &named.remote)?;
    let scope = scope(&args, subjects, || {
        names::project(&config, &client, &named.remote, args.scope.project.as_ref())
    })?;
    let options = Options {
        no_snapshot: args.no_snapshot,
        optimized: args.optimized,
        instance_only: args.volume_only,
        force: args.force,
        compression,
        retries: args.retries,
        idle: Duration::from_secs(args.stall_timeout),
        parallel: parallel(args.parallel),
        threads: cores(),
    };
    let request = VolumeRequest { scope, options };
    let known = known(&place, source.name.clone(), Kind::Volume).await?;
    let gathered = async { Ok(backup::gather_volumes(&client, &request, &known).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let candidates = facts.candidates.iter();
    let projects: BTreeSet<ProjectName> = candidates
        .flat_map(|candidate| {
            let mounters = candidate.mounters.iter();
            let of_mounters = mounters.map(|mounter| mounter.project.clone());
            of_mounters.chain(candidate.id.project().cloned())
        })
        .collect();
    let plan = backup::plan_volumes(&request, &facts);
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
    let report = backup::apply_volumes(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}

/// Which volumes are meant.
fn scope(
    args: &CreateVolumes,
    subjects: Vec<Subject>,
    project: impl FnOnce() -> Result<ProjectName, CommandError>,
) -> Result<Scope<Subject>, CommandError> {
    match (args.scope.all_projects, subjects.is_empty()) {
        (true, true) => Ok(Scope::AllProjects),
        (true, false) => Err(CommandError::Usage(
            "--all-projects takes no names".to_owned(),
        )),
        (false, true) => Ok(Scope::Project(project()?)),
        (false, false) => Ok(Scope::Named(project()?, subjects)),
    }
}

/// Puts right what killed runs left of the instances and volumes of these projects, and of drills.
pub(in crate::cli::command) async fn sweep_both(
    context: &Context,
    client: &Client,
    projects: &BTreeSet<ProjectName>,
) -> Result<(), CommandError> {
    // No backup waits for what somebody's drill left, and who may not see projects has made none.
    let gone = sweep_projects(client, &*context.progress).await;
    let gone = gone.unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot look for what drills left");
        BTreeSet::new()
    });
    for project in projects.difference(&gone) {
        // A volume that was set aside comes back before the instances that mount it start.
        sweep_volumes(client, project, &*context.progress)
            .await
            .map_err(CommandError::Sweep)?;
        sweep(client, project, &*context.progress)
            .await
            .map_err(CommandError::Sweep)?;
    }
    Ok(())
}
