//! `create` and `restore` of images.

use std::sync::Arc;

use super::report;
use super::source::stored_of;
use crate::backup;
use crate::backup::image as backup_image;
use crate::cli::args::{CreateImage, ProjectScope, RestoreImage};
use crate::cli::context::{Agreed, Context, Place, blocking, cores, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::cli::guard;
use crate::cli::names::{self, Named};
use crate::incus::{Client, Config};
use crate::model::{CompressionChoice, Kind, ProjectName};
use crate::plan::Report;
use crate::restore::image as restore_image;
use crate::restore::{Existing, Mapping, Selection};
use crate::target::{Filter, Stored};
use crate::temporary::sweep_images;

/// Which images a command means.
enum Meant {
    Named(ProjectName, Vec<String>),
    Project(ProjectName),
    AllProjects,
}

fn meant(
    config: &Config,
    client: &Client,
    named: &Named,
    scope: &ProjectScope,
) -> Result<Meant, CommandError> {
    if scope.all_projects {
        if named.names.is_empty() {
            return Ok(Meant::AllProjects);
        }
        let text = "--all-projects takes no names".to_owned();
        return Err(CommandError::Usage(text));
    }
    let project = names::project(config, client, &named.remote, scope.project.as_ref())?;
    Ok(if named.names.is_empty() {
        Meant::Project(project)
    } else {
        Meant::Named(project, named.names.clone())
    })
}

/// Backs images up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: CreateImage,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &named.remote).await?;
    let client = client.limited(args.link.throttle());
    let source = source_of(&client, &named.remote)?;
    let request = backup_image::Request {
        source: source.name.clone(),
        scope: match meant(&config, &client, &named, &args.scope)? {
            Meant::Named(project, asked) => backup_image::Scope::Named(project, asked),
            Meant::Project(project) => backup_image::Scope::Project(project),
            Meant::AllProjects => backup_image::Scope::AllProjects,
        },
    };
    let stored = stored_images(&place).await?;
    let gathered = async { Ok(backup_image::gather(&client, &request, &stored).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let plan = backup_image::plan(&facts);
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
    sweep_all_images(context, &client).await?;
    let run = backup::Context {
        client: Arc::new(client),
        target,
        source: source.name,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: backup::Options {
            no_snapshot: false,
            optimized: false,
            instance_only: false,
            force: false,
            compression: CompressionChoice::None,
            retries: args.retries,
            idle: backup::IDLE,
            parallel: parallel(args.parallel),
            threads: cores(),
        },
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
        pausing: Arc::new(backup::Pausing::new(guard::program(
            context,
            &named.remote,
        )?)),
        turns: backup::Turns::default(),
    };
    let report = backup_image::apply(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}

/// Every version of every image that the target holds, of whatever server: the same files are stored
/// once.
pub(super) async fn stored_images(place: &Place) -> Result<Vec<Stored>, CommandError> {
    let Place::Target(target) = place else {
        return Ok(Vec::new());
    };
    let filter = Filter {
        kind: Some(Kind::Image),
        ..Filter::default()
    };
    let target = target.clone();
    Ok(blocking(move || target.versions(&filter)).await??)
}

/// Deletes what killed restores left unfinished, in whatever project.
pub(super) async fn sweep_all_images(
    context: &Context,
    client: &Client,
) -> Result<(), CommandError> {
    let projects = client.projects().await?.into_iter();
    let homes = projects.map(|project| project.home_of_images()).collect();
    let swept = sweep_images(client, &homes, &*context.progress).await;
    swept.map_err(CommandError::Sweep)
}

/// Brings images back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: RestoreImage,
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
    if args.version.is_some() && named.names.len() != 1 {
        let text = "--version needs exactly one image; --as-of works for many".to_owned();
        return Err(CommandError::Usage(text));
    }
    let request = restore_image::Request {
        source: source.clone(),
        scope: match meant(&config, &client, &named, &args.scope)? {
            Meant::Named(project, asked) => restore_image::Scope::Named(project, asked),
            Meant::Project(project) => restore_image::Scope::Project(project),
            Meant::AllProjects => restore_image::Scope::AllProjects,
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
        mapping: mapping(&args),
        force: args.force,
    };
    let stored = stored_of(&target, &source, Kind::Image).await?;
    let gathered = async { Ok(restore_image::gather(&client, &request, &target, stored).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let damaged = restore_image::lacks_undamaged(&request, &facts);
    let plan = restore_image::plan(&request, &facts);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Restore 1 image?".to_owned(),
        count => format!("Restore {count} images?"),
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
    sweep_all_images(context, &client).await?;
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
            force: args.force,
            parallel: parallel(args.parallel),
        },
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = restore_image::apply(&run, approved).await;
    report::finish(context, (&run.target, &source), &report, &args.rows).await
}

fn mapping(args: &RestoreImage) -> Mapping {
    let projects = args.project_map.iter();
    let profiles = args.profile_map.iter();
    Mapping {
        to_project: args.to_project.clone(),
        projects: projects
            .map(|map| (map.old.clone(), map.new.clone()))
            .collect(),
        profiles: profiles
            .map(|map| (map.old.to_string(), map.new.to_string()))
            .collect(),
        ..Mapping::default()
    }
}
