//! One copy: restored, started, waited for, asked.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::copy::{command, expanded, isolate, reaching};
use super::error::DrillError;
use super::plan::Work;
use super::run::Context;
use super::wait::{self, At};
use crate::incus::OperationError;
use crate::plan::{Approved, Status};
use crate::progress::Inside;
use crate::restore::{self, Existing, Lost, Mapping, Options, Request, Saved, Scope, Selection};
use crate::temporary::{ChangeError, Mark, edit_instance, start};

/// What came of a drill.
#[derive(Debug, Default)]
pub(super) struct Drilled {
    /// What is wrong with the copy.
    pub(super) problem: Option<String>,
    /// How long it took until it ran.
    pub(super) restored_within: Option<Duration>,
}

/// What is drilled, and where.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context,
    pub(super) work: &'a Work,
    pub(super) mark: &'a Mark,
}

impl Attempt<'_> {
    /// Restores into the project, starts, and asks. What is made stays: the project is removed.
    pub(super) async fn drill(&self, approved: Approved<Work>) -> Result<Drilled, DrillError> {
        let begun = Instant::now();
        let Self { context, work, .. } = self;
        let Work {
            stored,
            project,
            name,
        } = work;
        let request = self.request()?;
        let (client, target) = (&context.client, &context.target);
        let facts = restore::gather(client, &request, target, vec![stored.clone()]).await?;
        let described = facts.described.get(&stored.id);
        let described = described.ok_or(DrillError::NotDescribed)?.instance();
        let config = expanded(described);
        if let Some(key) = reaching(&config) {
            return Err(DrillError::Reaching(key.to_owned()));
        }
        self.restore(request, &facts, approved).await?;
        // What was saved beside the archive says nothing for sure of what is in it.
        let mut smuggled = None;
        edit_instance(client, project, name, |copy| {
            smuggled = reaching(&copy.config).map(str::to_owned);
            isolate(copy, &config, self.mark);
        })
        .await?;
        if let Some(key) = smuggled {
            return Err(DrillError::Reaching(key));
        }
        let task = context.progress.task(self.mark.name.as_str());
        task.phase("starting the copy", None);
        let mut drilled = Drilled::default();
        match start(client, project, name).await {
            Ok(()) => {}
            Err(ChangeError::Operation(OperationError::Failed { message, .. })) => {
                drilled.problem = Some(format!("the copy does not start: {message}"));
                return Ok(drilled);
            }
            Err(error) => return Err(error.into()),
        }
        task.phase("waiting until the copy runs", None);
        let at = At { project, name };
        drilled.problem = wait::until_it_runs(context, at).await?;
        if drilled.problem.is_some() {
            return Ok(drilled);
        }
        drilled.restored_within = Some(begun.elapsed());
        if let Some(line) = command(&config) {
            task.phase("running user.backup.drill", None);
            drilled.problem = wait::command(context, at, line).await?;
        }
        Ok(drilled)
    }

    fn request(&self) -> Result<Request, DrillError> {
        let Work {
            stored,
            project,
            name: copy,
        } = self.work;
        let id = &stored.id;
        let (Some(from), Some(name)) = (id.resource.project(), id.resource.name()) else {
            return Err(DrillError::NotDescribed);
        };
        let manifest = stored.manifest.as_ref();
        let own = manifest.and_then(|manifest| manifest.instance.as_ref());
        let own = own.and_then(|own| own.pool.clone());
        let pools = own.into_iter().zip(self.context.pool.clone());
        Ok(Request {
            source: id.source.clone(),
            scope: Scope::Named(from.clone(), vec![name.clone()]),
            selection: Selection::Exactly(id.version),
            existing: Existing::Refuse,
            equal: BTreeSet::new(),
            options: Options {
                target_name: Some(copy.clone()),
                mapping: Mapping {
                    to_project: Some(project.clone()),
                    pools: pools.collect(),
                    devices: Lost::Isolate,
                    saved_profiles: Saved::Ignore,
                    ..Mapping::default()
                },
                mark: Some(self.mark.clone()),
                start: false,
                force: false,
                parallel: NonZeroUsize::MIN,
            },
        })
    }

    async fn restore(
        &self,
        request: Request,
        facts: &restore::Facts,
        approved: Approved<Work>,
    ) -> Result<(), DrillError> {
        let plan = restore::plan(&request, facts);
        if let Some(refused) = plan.refusals().next() {
            return Err(DrillError::Refused(refused.reason.clone()));
        }
        let approved = approved.spend_on(plan).map_err(|_| DrillError::NotAgreed)?;
        let context = self.context;
        let run = restore::Context {
            client: context.client.clone(),
            target: context.target.clone(),
            run: context.run.clone(),
            owner: context.owner.clone(),
            options: request.options,
            progress: Arc::new(Inside(context.progress.clone())),
            cancel: context.cancel.clone(),
        };
        let report = restore::apply(&run, approved).await;
        for outcome in report.outcomes {
            match (outcome.status, outcome.error) {
                (Status::Done, _) => {}
                (_, Some(failure)) => return Err(DrillError::NotRestored(failure)),
                _ => return Err(DrillError::Interrupted),
            }
        }
        Ok(())
    }
}
