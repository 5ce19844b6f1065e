//! `restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::create::sweep_all;
use super::report;
use super::source::stored_of;
use crate::cli::args::{Renaming, Restore};
use crate::cli::context::{Agreed, Context, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::{CommandError, exit_of_report};
use crate::cli::names;
use crate::model::{Kind, ProjectName, ResourceName};
use crate::plan::Report;
use crate::restore::{self, Existing, Lost, Mapping, Options, Request, Saved, Scope, Selection};

/// Brings instances back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: Restore,
) -> Result<Exit, CommandError> {
    let config = context.config()?;
    let named = names::resolve(&config, &args.names)?;
    let target = context.target(&args.target).await?;
    let client = context.connect(&config, &named.remote).await?;
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
            start: args.start,
            force: args.force,
            parallel: parallel(args.parallel),
        },
    };
    let stored = stored_of(&target, &source, Kind::Instance).await?;
    let gathered = async { Ok(restore::gather(&client, &request, &target, stored).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let projects: BTreeSet<ProjectName> = facts.projects.keys().cloned().collect();
    let damaged = restore::lacks_undamaged(&request, &facts);
    let plan = restore::plan(&request, &facts);
    let count = plan.rows().filter(|row| row.action.changes()).count();
    let question = match count {
        1 => "Restore 1 instance?".to_owned(),
        count => format!("Restore {count} instances?"),
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
    sweep_all(context, &client, &projects).await?;
    let run = restore::Context {
        client: Arc::new(client),
        target,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: request.options,
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = restore::apply(&run, approved).await;
    report::finish(context, (&run.target, &source), &report, &args.rows).await
}

fn mapping(args: &Restore) -> Mapping {
    let names = |renamings: &[Renaming<ResourceName>]| -> BTreeMap<String, String> {
        let pair = |it: &Renaming<ResourceName>| (it.old.to_string(), it.new.to_string());
        renamings.iter().map(pair).collect()
    };
    Mapping {
        to_project: args.to_project.clone(),
        projects: pairs(&args.project_map),
        pools: pairs(&args.pool_map),
        networks: names(&args.network_map),
        profiles: names(&args.profile_map),
        devices: if args.drop_missing_devices {
            Lost::Drop
        } else {
            Lost::Refuse
        },
        saved_profiles: if args.with_profiles {
            Saved::BringBack
        } else {
            Saved::Ignore
        },
    }
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
