//! `delete`.

use std::sync::Arc;

use super::report;
use super::source::{choose, of_one_source, project_of, resources, versions};
use crate::cli::args::{Answers, Delete, Rows};
use crate::cli::context::{Agreed, Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::{DeleteRequest, DeleteScope, apply_delete, plan_delete};
use crate::model::{Kind, ProjectName};
use crate::plan::Report;
use crate::target::{Stored, Target};

/// Deletes stored versions.
pub(in crate::cli) async fn delete(
    context: &Context,
    args: Delete,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let target = context.target(&args.target, &args.answers).await?;
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    if choice.named.names.is_empty() {
        return Err(CommandError::Usage(format!(
            "delete needs the name of at least one {kind}"
        )));
    }
    let project = project_of(context, &args.names, args.project.as_ref())?
        .unwrap_or_else(ProjectName::default_project);
    let stored = versions(&target, &choice, kind, Some(&project)).await?;
    of_one_source(&stored)?;
    let resources = resources(kind, &choice.named.names, &stored, &project)?;
    let request = DeleteRequest {
        resources,
        scope: if args.all_versions {
            DeleteScope::All
        } else {
            DeleteScope::Versions(args.versions.clone())
        },
        force: args.force,
    };
    carry_out(
        context,
        target,
        (&request, &stored),
        &args.answers,
        &args.rows,
    )
    .await
}

/// Deletes what a request names, after asking.
pub(super) async fn carry_out(
    context: &Context,
    target: Arc<dyn Target>,
    (request, stored): (&DeleteRequest, &[Stored]),
    answers: &Answers,
    rows: &Rows,
) -> Result<Exit, CommandError> {
    let plan = plan_delete(request, stored);
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => "Delete 1 version?".to_owned(),
        count => format!("Delete {count} versions?"),
    };
    let approved = match context.agree(plan, question, answers, rows).await? {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            return finish(
                context,
                (&target, stored),
                &Report::of_rest(plan.rows()),
                rows,
            )
            .await;
        }
        Agreed::Approved(approved) => approved,
    };
    let (from, cancel) = (target.clone(), context.cancel.clone());
    let report = blocking(move || apply_delete(&from, approved, &cancel)).await?;
    finish(context, (&target, stored), &report, rows).await
}

/// Finishes a run that is about the one source that the versions are of.
async fn finish(
    context: &Context,
    (target, stored): (&Arc<dyn Target>, &[Stored]),
    report: &Report,
    rows: &Rows,
) -> Result<Exit, CommandError> {
    match stored.first() {
        Some(version) => {
            let source = &version.id.source;
            report::finish(context, (target, source), report, rows).await
        }
        None => report::write(context, report, rows),
    }
}
