//! Copies what the plan names, one version after the other. Blocks.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use super::carry::Carrier;
use super::error::TransferError;
use super::plan::{Copy, Work};
use crate::model::SourceName;
use crate::plan::{Approved, Failure, Outcome, Report, Row, Step};
use crate::progress::{Cancel, Progress, Task};
use crate::target::{Protection, Stored, Target};

/// What copying works with.
#[derive(Clone)]
pub struct Context {
    /// Where from.
    pub from: Arc<dyn Target>,
    /// Where to.
    pub to: Arc<dyn Target>,
    /// On how many threads archives are compressed.
    pub threads: NonZeroUsize,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub cancel: Cancel,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// Copies what the plan names. One that fails does not stop the others.
pub fn apply(context: &Context, plan: Approved<Work>) -> Report {
    let mut entered = BTreeSet::new();
    let steps = plan.into_steps().into_iter().map(Step::into_parts);
    steps
        .map(|(row, work)| match work {
            Some(work) if !context.cancel.is_cancelled() => {
                let outcome = one(context, row, work, &mut entered);
                outcome.tell(&*context.progress);
                outcome
            }
            _ => Outcome::rest(row),
        })
        .collect()
}

fn one(context: &Context, row: Row, work: Work, entered: &mut BTreeSet<SourceName>) -> Outcome {
    let begun = Instant::now();
    let done = match work {
        Work::Protect(id) => {
            let protected = context.to.protect(&id, Protection::On);
            protected.map(|()| None).map_err(TransferError::from)
        }
        Work::Copy(work) => copy(context, &row, &work, entered).map(Some),
    };
    match done {
        Ok(stored) => {
            let outcome = Outcome::done(row, begun.elapsed());
            let stored = stored.and_then(|it| Some((it.stored_size, it.manifest?.consistency)));
            match stored {
                Some((size, consistency)) => outcome.stored(size, consistency),
                None => outcome,
            }
        }
        Err(TransferError::Interrupted) => Outcome::interrupted(row),
        Err(error) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    }
}

fn copy(
    context: &Context,
    row: &Row,
    work: &Copy,
    entered: &mut BTreeSet<SourceName>,
) -> Result<Stored, TransferError> {
    if !entered.contains(&work.source.name) {
        context.to.enter_source(&work.source)?;
        entered.insert(work.source.name.clone());
    }
    let task: Arc<dyn Task> = context.progress.task(&row.subject()).into();
    let carrier = Carrier {
        from: &*context.from,
        to: &*context.to,
        threads: context.threads,
        cancel: &context.cancel,
    };
    let stored = carrier.copy(work, &task)?;
    if work.protected {
        // Where this is cut off, the next run sees that the mark is missing.
        context.to.protect(&work.id, Protection::On)?;
    }
    Ok(stored)
}
