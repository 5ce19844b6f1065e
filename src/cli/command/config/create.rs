//! `create`.

use super::super::report;
use super::choose::only_remotes;
use crate::cli::args::ConfigCreate;
use crate::cli::context::{Agreed, Context, blocking, source_of};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::cli::names;
use crate::config::{self, CreateContext};
use crate::plan::Report;

/// Backs the configuration of a server up.
pub(in crate::cli) async fn create(
    context: &Context,
    args: ConfigCreate,
) -> Result<Exit, CommandError> {
    let arguments: Vec<String> = args.remote.iter().cloned().collect();
    only_remotes(&arguments)?;
    let config = context.config()?;
    let remote = names::resolve(&config, &arguments)?.remote;
    let place = context.place(&args.target, &args.answers).await?;
    let client = context.connect(&config, &remote).await?;
    let source = source_of(&client, &remote)?;
    let gathered = async { Ok(config::gather(&client).await?) };
    let reading = context.unless_cancelled(gathered).await?;
    let plan = config::plan_create(reading);
    let question = "Create 1 backup?".to_owned();
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
    let run = CreateContext {
        target,
        source: source.name,
        server_version: client.server().version.clone(),
        run: context.run.clone(),
    };
    let report = config::apply_create(&run, approved).await;
    report::finish(context, (&run.target, &run.source), &report, &args.rows).await
}
