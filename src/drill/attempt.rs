//! One copy: restored, started, waited for, asked.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::copy::{command, expanded, isolate, reaching};
use super::error::DrillError;
use super::run::Context;
use super::wait::{self, At};
use crate::incus::OperationError;
use crate::model::{InstanceName, ProjectName};
use crate::plan::{Approved, Status};
use crate::restore::{self, Existing, Lost, Mapping, Options, Request, Saved, Scope, Selection};
use crate::target::Stored;
use crate::temporary::{ChangeError, Mark, edit_instance, start};

/// What came of a drill.
#[derive(Debug, Default)]
pub(super) struct Drilled {
    /// What is wrong with the copy.
    pub(super) damage: Option<String>,
    /// How long it took until it ran.
    pub(super) restored_within: Option<Duration>,
}

/// What is drilled, and where.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context,
    pub(super) approved: &'a Approved<Stored>,
    pub(super) stored: &'a Stored,
    pub(super) project: &'a ProjectName,
    pub(super) name: &'a InstanceName,
    pub(super) mark: &'a Mark,
}

impl Attempt<'_> {
    /// Restores into the project, starts, and asks. What is made stays: the project is removed.
    pub(super) async fn drill(&self) -> Result<Drilled, DrillError> {
        let begun = Instant::now();
        let Self {
            context,
            project,
            name,
            ..
        } = self;
        let request = self.request()?;
        let (client, target) = (&context.client, &context.target);
        let facts = restore::gather(client, &request, target, vec![self.stored.clone()]).await?;
        let described = facts.described.get(&self.stored.id);
        let described = described.ok_or(DrillError::NotDescribed)?.instance();
        let config = expanded(described);
        if let Some(key) = reaching(&config) {
            return Err(DrillError::Reaching(key.to_owned()));
        }
        self.restore(request, &facts).await?;
        edit_instance(client, project, name, |copy| {
            isolate(copy, &config, self.mark);
        })
        .await?;
        let mut drilled = Drilled::default();
        match start(client, project, name).await {
            Ok(()) => {}
            Err(ChangeError::Operation(OperationError::Failed { message, .. })) => {
                drilled.damage = Some(format!("the copy does not start: {message}"));
                return Ok(drilled);
            }
            Err(error) => return Err(error.into()),
        }
        let at = At { project, name };
        drilled.damage = wait::until_it_runs(context, at).await?;
        if drilled.damage.is_some() {
            return Ok(drilled);
        }
        drilled.restored_within = Some(begun.elapsed());
        if let Some(line) = command(&config) {
            drilled.damage = wait::command(context, at, line).await?;
        }
        Ok(drilled)
    }

    fn request(&self) -> Result<Request, DrillError> {
        let id = &self.stored.id;
        let (Some(from), Some(name)) = (id.resource.project(), id.resource.name()) else {
            return Err(DrillError::NotDescribed);
        };
        let manifest = self.stored.manifest.as_ref();
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
                target_name: Some(self.name.clone()),
                mapping: Mapping {
                    to_project: Some(self.project.clone()),
                    pools: pools.collect(),
                    devices: Lost::Isolate,
                    saved_profiles: Saved::Ignore,
                    ..Mapping::default()
                },
                start: false,
                force: false,
                parallel: NonZeroUsize::MIN,
            },
        })
    }

    async fn restore(&self, request: Request, facts: &restore::Facts) -> Result<(), DrillError> {
        let plan = restore::plan(&request, facts);
        if let Some(refused) = plan.refusals().next() {
            return Err(DrillError::Refused(refused.reason.clone()));
        }
        let context = self.context;
        let run = restore::Context {
            client: context.client.clone(),
            target: context.target.clone(),
            run: context.run.clone(),
            owner: context.owner.clone(),
            options: request.options,
            progress: context.progress.clone(),
            cancel: context.cancel.clone(),
        };
        let report = restore::apply(&run, self.approved.covers(plan)).await;
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
