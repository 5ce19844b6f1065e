//! `protect` and `unprotect`.

use std::sync::Arc;

use super::report;
use super::source::{choose, of_one_source, project_of, resources, versions};
use crate::cli::args::{Answers, Protect, Rows};
use crate::cli::context::{Agreed, Context, blocking};
use crate::cli::exit::Exit;
use crate::cli::failure::CommandError;
use crate::list::{DeleteScope, ProtectRequest, apply_protect, plan_protect};
use crate::model::{Kind, ProjectName, Version};
use crate::plan::Report;
use crate::target::{Protection, Stored, Target};

/// Protects stored versions, or lets them go.
pub(in crate::cli) async fn protect(
    context: &Context,
    args: Protect,
    kind: Kind,
    protection: Protection,
) -> Result<Exit, CommandError> {
    let target = context.target(&args.target, &args.answers).await?;
    let choice = choose(context, &args.names, args.source.from.as_ref()).await?;
    let project = project_of(context, &args.names, args.project.as_ref())?
        .unwrap_or_else(ProjectName::default_project);
    let stored = versions(&target, &choice, kind, Some(&project)).await?;
    of_one_source(&stored)?;
    let request = ProtectRequest {
        resources: resources(kind, &choice.named.names, &stored, &project)?,
        scope: scope(args.all_versions, args.versions),
        protection,
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

/// Which versions: every one, these, or else the newest complete one.
pub(super) fn scope(all: bool, versions: Vec<Version>) -> Option<DeleteScope> {
    match (all, versions.is_empty()) {
        (true, _) => Some(DeleteScope::All),
        (false, false) => Some(DeleteScope::Versions(versions)),
        (false, true) => None,
    }
}

/// Protects what a request names, or lets it go, after asking.
pub(super) async fn carry_out(
    context: &Context,
    target: Arc<dyn Target>,
    (request, stored): (&ProtectRequest, &[Stored]),
    answers: &Answers,
    rows: &Rows,
) -> Result<Exit, CommandError> {
    let plan = plan_protect(request, stored);
    let verb = match request.protection {
        Protection::On => "Protect",
        Protection::Off => "Unprotect",
    };
    let question = match plan.rows().filter(|row| row.action.changes()).count() {
        1 => format!("{verb} 1 version?"),
        count => format!("{verb} {count} versions?"),
    };
    let approved = match context.agree(plan, question, answers, rows).await? {
        Agreed::DryRun { refused, of } => return Ok(report::dry_run_exit(refused, of)),
        Agreed::Nothing(plan) => {
            return report::write(context, &Report::of_rest(plan.rows()), rows);
        }
        Agreed::Approved(approved) => approved,
    };
    let report = blocking(move || apply_protect(&target, approved)).await?;
    report::write(context, &report, rows)
}
