//! `restore` of custom volumes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::report;
use super::super::restore::pairs;
use super::super::source::stored_of;
use super::create::sweep_both;
use crate::cli::args::RestoreVolumes;
use crate::cli::context::{Agreed, Context, parallel, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::model::{Kind, ProjectName, Subject};
use crate::plan::Report;
use crate::restore::{
    self, Existing, Mapping, Options, Selection, VolumeFacts, VolumeRequest, VolumeScope,
};

/// Brings custom volumes back.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: RestoreVolumes,
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
    let scope = scope(&args, &named.names, || {
        names::project(&config, &client, &named.remote, args.scope.project.as_ref())
    })?;
    let request = request(&args, scope);
    let stored = stored_of(&target, &source, Kind::Volume).await?;
    let gathered = async { Ok(restore::gather_volumes(&client, &request, &target, stored).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let damaged = restore::lacks_undamaged_volume(request.selection, &facts);
    let plan = restore::plan_volumes(&request, &facts);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Restore 1 volume?".to_owned(),
        count => format!("Restore {count} volumes?"),
    };
    let approved = match context
        .agree(plan, question, &args.answers, &args.rows)
        .await?
    {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            // What an earlier run left of what is there already is this run's to put right.
            sweep_both(context, &client, &projects(&facts)).await?;
            let exit = report::write(context, &Report::of_rest(plan.rows()), &args.rows)?;
            return Ok(if damaged && exit == Exit::Failed {
                Exit::Damaged
            } else {
                exit
            });
        }
        Agreed::Approved(approved) => approved,
    };
    sweep_both(context, &client, &projects(&facts)).await?;
    let run = restore::Context {
        client: Arc::new(client),
        target,
        run: context.run.clone(),
        owner: context.owner.clone(),
        options: Options {
            target_name: None,
            mapping: request.mapping,
            mark: None,
            start: false,
            force: args.force,
            parallel: parallel(args.parallel),
        },
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let report = restore::apply_volumes(&run, approved).await;
    report::write(context, &report, &args.rows)
}

fn request(args: &RestoreVolumes, scope: VolumeScope) -> VolumeRequest {
    VolumeRequest {
        scope,
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
        target_name: args.target_name.clone(),
        mapping: Mapping {
            to_project: args.to_project.clone(),
            projects: pairs(&args.project_map),
            pools: pairs(&args.pool_map),
            member: args.member.clone(),
            ..Mapping::default()
        },
        force: args.force,
    }
}

/// The projects of the volumes that are restored and of the instances that mount them.
fn projects(facts: &VolumeFacts) -> BTreeSet<ProjectName> {
    let volumes = facts.volumes.values();
    let of_mounters = volumes
        .flat_map(|volume| &volume.mounters)
        .map(|mounter| &mounter.project);
    facts.homes.values().chain(of_mounters).cloned().collect()
}

fn scope(
    args: &RestoreVolumes,
    names: &[String],
    project: impl FnOnce() -> Result<ProjectName, CommandError>,
) -> Result<VolumeScope, CommandError> {
    let usage = |text: &str| Err(CommandError::Usage(text.to_owned()));
    if args.target_name.is_some() && names.len() != 1 {
        return usage("--target-name needs exactly one volume");
    }
    if args.version.is_some() && names.len() != 1 {
        return usage("--version needs exactly one volume; --as-of works for many");
    }
    if args.scope.all_projects {
        if !names.is_empty() {
            return usage("--all-projects takes no names");
        }
        return Ok(VolumeScope::AllProjects);
    }
    let project = project()?;
    if names.is_empty() {
        return Ok(VolumeScope::Project(project));
    }
    let subjects = names.iter().map(|name| Subject::parse(Kind::Volume, name));
    Ok(VolumeScope::Named(
        project,
        subjects.collect::<Result<_, _>>()?,
    ))
}
