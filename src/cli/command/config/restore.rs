//! `restore`.

use super::super::report;
use super::super::restore::renamed;
use super::super::source::stored_of;
use super::choose::{only_remotes, pick_readable};
use crate::cli::args::ConfigRestore;
use crate::cli::context::{Agreed, Context, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::config::{self, Filter, RestoreRequest};
use crate::model::{Kind, Version};
use crate::plan::{Existing, Report};
use crate::target::Stored;

/// Gives a server the configuration of a stored version.
pub(in crate::cli) async fn restore(
    context: &Context,
    args: ConfigRestore,
) -> Result<Exit, CommandError> {
    let arguments: Vec<String> = args.remote.iter().cloned().collect();
    only_remotes(&arguments)?;
    let config = context.config()?;
    let remote = names::resolve(&config, &arguments)?.remote;
    let target = context.target(&args.target, &args.answers).await?;
    let client = context.connect(&config, &remote).await?;
    let source = match &args.source.from {
        Some(source) => source.clone(),
        None => source_of(&client, &remote)?.name,
    };
    let mut stored = stored_of(&target, &source, Kind::Config).await?;
    if let Some(moment) = args.as_of {
        stored.retain(|stored: &Stored| stored.id.version.timestamp() <= moment);
    }
    let stored = pick_readable(&target, &stored, args.version).await?;
    let backup = config::load(target.clone(), stored.id.clone()).await?;
    let request = RestoreRequest {
        filter: Filter::from(&args.scope),
        existing: Existing::Replace,
        force: args.force,
        empty_volumes: args.with_empty_volumes,
        pool_sources: args.pool_source.iter().cloned().collect(),
    };
    let now = Version::now().timestamp();
    let mapping = renamed(&args.renamings);
    let gathered = async { Ok(config::gather_restore(&client, backup, &mapping, now).await?) };
    let facts = context.unless_cancelled(gathered).await?;
    let plan = config::plan_restore(&request, &facts);
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
            let report = Report::of_rest(plan.rows());
            return report::finish(context, (&target, &source), &report, &args.rows).await;
        }
        Agreed::Approved(approved) => approved,
    };
    let (progress, cancel) = (&*context.progress, &context.cancel);
    let report = config::apply_restore(&client, approved, progress, cancel).await;
    report::finish(context, (&target, &source), &report, &args.rows).await
}
