//! Drills what was found good, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Drilled};
use super::error::DrillError;
use super::plan::Work;
use crate::incus::Client;
use crate::model::{Check, CheckLevel, Owner, PoolName, RunId, Version};
use crate::plan::{Approved, Failure};
use crate::progress::{Cancel, Progress};
use crate::target::{StoredId, Target};
use crate::temporary::{Mark, Role, create_project, remove_project, sweep_projects};
use crate::verify::{Finding, Found};

/// What a whole run shares.
pub struct Context {
    /// The server.
    pub client: Arc<Client>,
    /// Where from.
    pub target: Arc<dyn Target>,
    /// The run.
    pub run: RunId,
    /// Its process.
    pub owner: Owner,
    /// The pool that the copies are restored to, where it is not that of their backups.
    pub pool: Option<PoolName>,
    /// How long a copy may take to run, and its command to end.
    pub timeout: Duration,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Drills the approved versions of which the full check found nothing wrong.
///
/// First what killed drills left on the server is removed. Each copy is gone before the next is made.
pub async fn run(context: &Context, approved: Approved<Work>, findings: &mut [Finding]) {
    if let Err(error) = sweep_projects(&context.client, &*context.progress).await {
        let text = format!("cannot look for what earlier drills left: {error}");
        context.progress.warn(&text);
    }
    let mut of_each: BTreeMap<StoredId, &mut Finding> = findings
        .iter_mut()
        .map(|finding| (finding.stored.id.clone(), finding))
        .collect();
    for approved in approved.into_each() {
        let Some(work) = approved.works().next().cloned() else {
            continue;
        };
        let finding = of_each.get_mut(&work.stored.id);
        if let Some(finding) = finding.filter(|it| matches!(it.found, Found::Good)) {
            finding.level = CheckLevel::Drill;
            if context.cancel.is_cancelled() {
                finding.found = Found::Interrupted;
            } else {
                let begun = Instant::now();
                let drilled = one(context, &work, approved).await;
                finding.duration += begun.elapsed();
                settle(context, finding, drilled).await;
            }
        }
        context.progress.through(work.stored.stored_size.0);
    }
}

/// Makes the project, drills in it, and removes it, whatever happened.
async fn one(
    context: &Context,
    work: &Work,
    approved: Approved<Work>,
) -> Result<Drilled, DrillError> {
    let (client, project) = (&context.client, &work.project);
    let original = work.stored.id.resource.name();
    let original = original.ok_or(DrillError::NotDescribed)?;
    let mark = Mark {
        owner: context.owner.clone(),
        role: Role::Drill,
        name: original.as_str().parse()?,
    };
    let requires = work.stored.manifest.as_ref();
    let requires = requires.map(|manifest| &manifest.requires);
    let profiles = requires.map_or(&[][..], |requires| &requires.profiles);
    let attempt = Attempt {
        context,
        work,
        mark: &mark,
    };
    let drilled = match create_project(client, project, &mark, profiles).await {
        Ok(()) => Box::pin(attempt.drill(approved)).await,
        // Then there is nothing to remove either.
        Err(error) if error.is_forbidden() && client.visible_project(project).await?.is_none() => {
            return Err(DrillError::NotAllowed(error));
        }
        Err(error) => Err(error.into()),
    };
    match (drilled, remove_project(client, project, &mark.owner).await) {
        (drilled, Ok(())) => drilled,
        (_, Err(error)) => Err(DrillError::NotRemoved(project.clone(), error)),
    }
}

/// Says what came of it, and records it beside the version.
async fn settle(context: &Context, finding: &mut Finding, drilled: Result<Drilled, DrillError>) {
    let drilled = match drilled {
        Ok(drilled) => drilled,
        Err(DrillError::Interrupted) => {
            finding.found = Found::Interrupted;
            return;
        }
        Err(_) if context.cancel.is_cancelled() => {
            finding.found = Found::Interrupted;
            return;
        }
        Err(error) => {
            finding.found = Found::Failed(Failure::new(error));
            return;
        }
    };
    let check = Check {
        level: CheckLevel::Drill,
        at: Version::now().timestamp(),
        damage: drilled.problem.clone(),
    };
    finding.restored_within = drilled.restored_within;
    finding.found = drilled.problem.map_or(Found::Good, Found::DrillFailed);
    let (target, checks) = (context.target.clone(), [(finding.stored.id.clone(), check)]);
    let recorded = tokio::task::spawn_blocking(move || target.record(&checks)).await;
    for (id, error) in recorded.unwrap_or_default() {
        if !error.is_legacy() {
            context.progress.warn(&format!(
                "the drill of {} of `{}` is not recorded: {error}",
                id.version, id.resource
            ));
        }
    }
}
