//! `create`.

use std::sync::Arc;

use futures_util::future::join_all;

use super::super::create::known;
use super::super::image::stored_images;
use super::super::report::{self, tell_through as tell};
use super::servers::{self, Server};
use super::sweep::sweep_everything;
use crate::backup::{
    self, GroupWork, Options, Pausing, Request, Scope, Turns, VolumeRequest, VolumeWork, bucket,
    image,
};
use crate::cli::args::CreateAll;
use crate::cli::context::{Agreed, Context, Place, blocking, cores, parallel};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::cli::guard;
use crate::config::{self, CreateContext, Reading};
use crate::incus::Client;
use crate::model::{Kind, SourceName};
use crate::plan::{Approved, Outcome, Plan, Report};
use crate::target::Target;

/// What one step of the whole plan needs.
enum Work {
    Config(Box<Reading>),
    Image(Box<image::Work>),
    Volume(Box<VolumeWork>),
    Bucket(Box<bucket::Work>),
    Instance(Box<GroupWork>),
}

/// Backs whole servers up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: CreateAll,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let remotes = servers::named(context, &config, &args.remotes)?;
    let compression = context
        .choice(&args.target)?
        .compression(args.compression)?;
    let place = context.place(&args.target, &args.answers).await?;
    let parallel = parallel(args.parallel);
    let options = Options {
        no_snapshot: args.no_snapshot,
        optimized: false,
        instance_only: false,
        force: args.force,
        compression,
        retries: args.retries,
        idle: backup::IDLE,
        parallel: args.parallel_per_server.unwrap_or(parallel).min(parallel),
        threads: cores(),
    };
    let throttle = args.link.throttle();
    let (servers, plan) = if let [remote] = remotes.as_slice() {
        let server = Server::reach(context, &config, remote, throttle).await?;
        let planning = plan(&args, options, (&server, &place));
        let plan = context.unless_cancelled(planning).await?;
        (vec![server], plan)
    } else {
        let named = (&config, remotes.as_slice());
        let (servers, refused) = servers::reach_each(context, named, throttle.as_ref()).await?;
        let planning = servers.iter().map(|it| plan(&args, options, (it, &place)));
        let planning = async { Ok(join_all(planning).await) };
        let plans = context.unless_cancelled(planning).await?;
        let plan = servers::join(&servers, plans, refused)?;
        (servers, plan)
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
            return match (remotes.as_slice(), servers.as_slice()) {
                ([_], [server]) => {
                    let source = &server.source.name;
                    report::rest(context, (&place, source), &report, &args.rows).await
                }
                _ => report::write(context, &report, &args.rows),
            };
        }
        Agreed::Approved(approved) => approved,
    };
    let target = context
        .establish(place, &args.target, &args.answers)
        .await?;
    let with = With {
        context,
        target: &target,
        options: options.shared_by(count),
        turns: Turns::shared(parallel),
    };
    if let ([server], [_]) = (servers.as_slice(), remotes.as_slice()) {
        let report = with.run(server, approved).await?;
        let source = &server.source.name;
        return report::finish(context, (&target, source), &report, &args.rows).await;
    }
    let report = servers::apply_each(&servers, approved, |server, plan| with.run(server, plan));
    let (reports, rest) = report.await;
    for (source, report) in &reports {
        let exit = exit_of_report(report);
        report::record(context, (&target, source), report, exit).await;
    }
    let outcomes = reports.into_iter().flat_map(|(_, report)| report.outcomes);
    let all: Report = outcomes.chain(rest.outcomes).collect();
    report::write(context, &all, &args.rows)
}

/// What the backups of all servers share.
struct With<'a> {
    context: &'a Context,
    target: &'a Arc<dyn Target>,
    options: Options,
    turns: Turns,
}

impl With<'_> {
    /// Does what is to be done of one server.
    async fn run(&self, server: &Server, plan: Approved<Work>) -> Result<Report, CommandError> {
        let Self {
            context, target, ..
        } = self;
        let Server {
            client,
            source,
            remote,
        } = server;
        let entered = ((*target).clone(), source.clone());
        blocking(move || entered.0.enter_source(&entered.1)).await??;
        sweep_everything(context, client).await?;
        let run = backup::Context {
            client: client.clone(),
            target: (*target).clone(),
            source: source.name.clone(),
            run: context.run.clone(),
            owner: context.owner.clone(),
            options: self.options,
            progress: context.progress.clone(),
            cancel: context.cancel.clone(),
            pausing: Arc::new(Pausing::new(guard::program(context, remote)?)),
            turns: self.turns.clone(),
        };
        Ok(apply(&run, plan).await)
    }
}

/// One plan for everything, in the order in which a restore needs it.
async fn plan(
    args: &CreateAll,
    options: Options,
    (server, place): (&Server, &Place),
) -> Result<Plan<Work>, CommandError> {
    let (client, source) = (&*server.client, &server.source.name);
    let wanted = |kind| !args.skip.contains(&kind);
    let mut all = Plan::new(Vec::new());
    if wanted(Kind::Config) && !client.server().administrator {
        all = all.then(config::not_shown());
    } else if wanted(Kind::Config) {
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
    let config = config::apply_create(&create, config).await;
    tell(&*run.progress, &config);
    outcomes.extend(config.outcomes);
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
