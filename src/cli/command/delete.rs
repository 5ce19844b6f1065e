//! `delete`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::report;
use super::source::{choose, versions};
use crate::cli::args::{Answers, Delete, Rows};
use crate::cli::context::{Agreed, Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::{DeleteRequest, DeleteScope, apply_delete, plan_delete};
use crate::model::{Kind, ProjectName, ResourceId, SourceName, Subject};
use crate::plan::Report;
use crate::target::{Stored, Target};

/// Deletes stored versions.
pub(in crate::cli) async fn delete(
    context: &Context,
    args: Delete,
    kind: Kind,
) -> Result<Exit, CommandError> {
    let target = context.target(&args.target).await?;
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    if choice.named.names.is_empty() {
        return Err(CommandError::Usage(format!(
            "delete needs the name of at least one {kind}"
        )));
    }
    let project = args
        .project
        .clone()
        .unwrap_or_else(ProjectName::default_project);
    let stored = versions(&target, &choice, kind, Some(&project)).await?;
    let sources: BTreeSet<&SourceName> = stored.iter().map(|stored| &stored.id.source).collect();
    if sources.len() > 1 {
        let names: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
        return Err(CommandError::Usage(format!(
            "the target holds that name of several servers; say which with --from: {}",
            names.join(", ")
        )));
    }
    let mut resources: Vec<ResourceId> = Vec::new();
    for name in &choice.named.names {
        let subject = Subject::parse(kind, name)?;
        let before = resources.len();
        for version in &stored {
            let resource = &version.id.resource;
            if subject.names(resource) && !resources.contains(resource) {
                resources.push(resource.clone());
            }
        }
        if resources.len() == before {
            // The plan says that there is none.
            resources.push(subject.in_project(project.clone()));
        }
    }
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
            return report::write(context, &Report::of_rest(plan.rows()), rows);
        }
        Agreed::Approved(approved) => approved,
    };
    let cancel = context.cancel.clone();
    let report = blocking(move || apply_delete(&target, approved, &cancel)).await?;
    report::write(context, &report, rows)
}
