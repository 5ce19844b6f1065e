//! `create` and `restore` of buckets.

use std::sync::Arc;

use super::report;
use super::source::stored_of;
use crate::backup;
use crate::backup::bucket as backup_bucket;
use crate::cli::args::{CreateBuckets, ProjectScope, RestoreBuckets};
use crate::cli::context::{Agreed, Context, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::cli::guard;
use crate::cli::names::{self, Named};
use crate::incus::{Client, Config};
use crate::model::{Kind, Subject};
use crate::plan::Report;
use crate::restore::bucket as restore_bucket;
use crate::restore::{Existing, Mapping, Selection};

/// Which buckets a command means.
fn scope(
    config: &Config,
    client: &Client,
    named: &Named,
    scope: &ProjectScope,
) -> Result<backup::Scope<Subject>, CommandError> {
    let asked = named.names.iter();
    let subjects: Result<Vec<Subject>, _> = asked
        .map(|name| Subject::parse(Kind::Bucket, name))
        .collect();
    let subjects = subjects?;
    if scope.all_projects {
        if subjects.is_empty() {
            return Ok(backup::Scope::AllProjects);
        }
        let text = "--all-projects takes no names".to_owned();
        return Err(CommandError::Usage(text));
    }
    let project = names::project(config, client, &named.remote, scope.project.as_ref())?;
    Ok(if subjects.is_empty() {
        backup::Scope::Project(project)
    } else {
        backup::Scope::Named(project, subjects)
    })
}

/// Backs buckets up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: CreateBuckets,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let compression = context
        .choice(&args.target)?
        .compression(args.compression)?;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = source_of(&client, &named.remote)?;
    let options = backup::Options {
        no_snapshot: false,
        optimized: false,
        instance_only: false,
        force: false,
        compression,
        retries: args.retries,
        parallel: parallel(args.parallel),
        threads: cores(),
        idle: backup::IDLE,
    };
    let request = backup_bucket::Request {
        scope: scope(&config, &client, &named, &args.scope)?,
        options,
    };
    let gathered = async { Ok(backup_bucket::gather(&client, &request).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let plan = backup_bucket::plan(&facts);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
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
    let run = backup::Context {
        client: Arc::new(client),
        target,
        source: source.name,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options,
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
        pausing: Arc::new(backup::Pausing::new(guard::program(
            context,
            &named.remote,
        )?)),
        turns: backup::Turns::default(),
    };
    let report = backup_bucket::apply(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}

/// Brings buckets back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: RestoreBuckets,
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
    let usage = |text: &str| Err(CommandError::Usage(text.to_owned()));
    if args.target_name.is_some() && named.names.len() != 1 {
        return usage("--target-name needs exactly one bucket");
    }
    if args.version.is_some() && named.names.len() != 1 {
        return usage("--version needs exactly one bucket; --as-of works for many");
    }
    let request = restore_bucket::Request {
        source: source.clone(),
        scope: match scope(&config, &client, &named, &args.scope)? {
            backup::Scope::Named(project, asked) => restore_bucket::Scope::Named(project, asked),
            backup::Scope::Project(project) => restore_bucket::Scope::Project(project),
            backup::Scope::AllProjects => restore_bucket::Scope::AllProjects,
        },
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
        target_name: args.target_name.clone(),
        mapping: mapping(&args),
    };
    let stored = stored_of(&target, &source, Kind::Bucket).await?;
    let gathered = async { Ok(restore_bucket::gather(&client, &request, &target, stored).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let damaged = restore_bucket::lacks_undamaged(&request, &facts);
    let plan = restore_bucket::plan(&request, &facts);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Restore 1 bucket?".to_owned(),
        count => format!("Restore {count} buckets?"),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
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
    let run = crate::restore::Context {
        client: Arc::new(client),
        target,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: crate::restore::Options {
            target_name: None,
            mapping: Mapping::default(),
            mark: None,
            start: false,
            force: false,
            parallel: parallel(args.parallel),
        },
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = restore_bucket::apply(&run, approved).await;
    report::finish(context, (&run.target, &source), &report, &args.rows).await
}

fn mapping(args: &RestoreBuckets) -> Mapping {
    let projects = args.project_map.iter();
    let pools = args.pool_map.iter();
    Mapping {
        to_project: args.to_project.clone(),
        projects: projects
            .map(|map| (map.old.clone(), map.new.clone()))
            .collect(),
        pools: pools
            .map(|map| (map.old.clone(), map.new.clone()))
            .collect(),
        member: args.member.clone(),
        ..Mapping::default()
    }
}
