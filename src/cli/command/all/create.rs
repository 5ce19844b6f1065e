//! `create`.

use std::sync::Arc;

use super::super::create::known;
use super::super::image::stored_images;
use super::super::report;
use super::sweep::sweep_everything;
use crate::backup::{
    self, GroupWork, Options, Pausing, Request, Scope, VolumeRequest, VolumeWork, bucket, image,
};
use crate::cli::args::CreateAll;
use crate::cli::context::{Agreed, Context, Place, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::{guard, names};
use crate::config::{self, CreateContext, Reading};
use crate::incus::Client;
use crate::model::{Kind, SourceName};
use crate::plan::{Approved, Outcome, Plan, Report};

/// What one step of the whole plan needs.
enum Work {
    Config(Box<Reading>),
    Image(Box<image::Work>),
    Volume(Box<VolumeWork>),
    Bucket(Box<bucket::Work>),
    Instance(Box<GroupWork>),
}

/// Backs a whole server up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: CreateAll,
) -> Result<Exit, CommandError> {
    let arguments: Vec<String> = args.remote.iter().cloned().collect();
    let config = context.config()?;
    let named = names::resolve(&config, &arguments)?;
    if !named.names.is_empty() {
        let text = "a whole server has no name: write `REMOTE:`".to_owned();
        return Err(CommandError::Usage(text));
    }
    let compression = context
        .choice(&args.target)?
        .compression(args.compression)?;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let source = source_of(&client, &named.remote)?;
    let options = Options {
        no_snapshot: args.no_snapshot,
        optimized: false,
        instance_only: false,
        force: args.force,
        compression,
        retries: args.retries,
        idle: backup::IDLE,
        parallel: parallel(args.parallel),
        threads: cores(),
    };
    let planning = plan(&args, options, (&client, &place, &source.name));
    let plan = context.unless_cancelled(planning).await?;
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
    sweep_everything(context, &client).await?;
    let run = backup::Context {
        client: Arc::new(client),
        target,
        source: source.name,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: options.shared_by(count),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
        pausing: Arc::new(Pausing::new(guard::program(&named.remote)?)),
    };
    let report = apply(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}

/// One plan for everything, in the order in which a restore needs it.
async fn plan(
    args: &CreateAll,
    options: Options,
    (client, place, source): (&Client, &Place, &SourceName),
) -> Result<Plan<Work>, CommandError> {
    let wanted = |kind| !args.skip.contains(&kind);
    let mut all = Plan::new(Vec::new());
    if wanted(Kind::Config) {
        let reading = config::gather(client).await?;
        all = all.then(config::plan_create(reading).map(|it| Work::Config(Box::new(it))));
    }
    if wanted(Kind::Image) {
        let request = image::Request {
            source: source.clone(),
            scope: image::Scope::AllProjects,
        };
        let stored = stored_images(place).await?;
        let facts = image::gather(client, &request, &stored).await?;
        all = all.then(image::plan(&facts).map(|it| Work::Image(Box::new(it))));
    }
    if wanted(Kind::Bucket) {
        let request = bucket::Request {
            scope: Scope::AllProjects,
            options,
        };
        let facts = bucket::gather(client, &request).await?;
        all = all.then(bucket::plan(&facts).map(|it| Work::Bucket(Box::new(it))));
    }
    let (volumes, together) = volumes_and_instances(args, options, (client, place, source)).await?;
    Ok(all
        .then(volumes.map(|it| Work::Volume(Box::new(it))))
        .then(together.map(|it| Work::Instance(Box::new(it)))))
}

/// Instances with the volumes that they mount, and the volumes that none mounts.
async fn volumes_and_instances(
    args: &CreateAll,
    options: Options,
    (client, place, source): (&Client, &Place, &SourceName),
) -> Result<(Plan<VolumeWork>, Plan<GroupWork>), CommandError> {
    let wanted = |kind| !args.skip.contains(&kind);
    let request = VolumeRequest {
        scope: Scope::AllProjects,
        options,
    };
    let of_volumes = known(place, source.clone(), Kind::Volume).await?;
    let facts = backup::gather_volumes(client, &request, &of_volumes).await?;
    let volumes = if wanted(Kind::Volume) {
        backup::plan_volumes(&request, &facts)
    } else {
        Plan::new(Vec::new())
    };
    if !wanted(Kind::Instance) {
        return Ok((volumes, Plan::new(Vec::new())));
    }
    let request = Request {
        scope: Scope::AllProjects,
        options,
    };
    let of_instances = known(place, source.clone(), Kind::Instance).await?;
    let mut instances = backup::gather(client, &request, &of_instances).await?;
    if wanted(Kind::Volume) {
        // Each has a row of its own.
        for candidate in &mut instances.candidates {
            candidate.volumes.clear();
        }
    }
    let plan = backup::plan(&request, &instances);
    let (together, alone) = backup::plan_groups(plan, volumes, &facts, options);
    Ok((alone, together))
}

async fn apply(run: &backup::Context, mut plan: Approved<Work>) -> Report {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let config = plan.part(Kind::Config, |work| match work {
        Work::Config(reading) => Ok(*reading),
        other => Err(other),
    });
    let create = CreateContext {
        target: run.target.clone(),
        source: run.source.clone(),
        server_version: run.client.server().version.clone(),
        run: run.run.clone(),
    };
    outcomes.extend(config::apply_create(&create, config).await.outcomes);
    let images = plan.part(Kind::Image, |work| match work {
        Work::Image(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(image::apply(run, images).await.outcomes);
    let volumes = plan.part(Kind::Volume, |work| match work {
        Work::Volume(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(backup::apply_volumes(run, volumes).await.outcomes);
    let buckets = plan.part(Kind::Bucket, |work| match work {
        Work::Bucket(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(bucket::apply(run, buckets).await.outcomes);
    let instances = plan.part(Kind::Instance, |work| match work {
        Work::Instance(work) => Ok(*work),
        other => Err(other),
    });
    outcomes.extend(backup::apply_groups(run, instances).await.outcomes);
    outcomes.into_iter().collect()
}
