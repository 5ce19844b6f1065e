//! Deleting versions at once, for the operations that delete.

use std::time::Instant;

use super::{Approved, Failure, Outcome, Report, Row, Step};
use crate::progress::Cancel;
use crate::target::{Doomed, Target};

/// The steps of a deletion: each row, and the version that goes, where one does.
pub(super) type Deletions = Vec<(Row, Option<Doomed>)>;

/// Deletes what a plan names at once, where the target prefers that; else gives the steps, which the
/// caller is to do one by one. Blocks.
pub fn delete_together<W>(
    target: &dyn Target,
    plan: Approved<W>,
    doomed: impl Fn(W) -> Doomed,
    cancel: &Cancel,
) -> Result<Report, Deletions> {
    let parts = plan.into_steps().into_iter().map(Step::into_parts);
    let steps: Deletions = parts.map(|(row, work)| (row, work.map(&doomed))).collect();
    let wanted = steps.iter().filter_map(|(_, doomed)| doomed.clone());
    let wanted: Vec<Doomed> = wanted.collect();
    if wanted.is_empty() || cancel.is_cancelled() {
        return Err(steps);
    }
    let begun = Instant::now();
    let Some(results) = target.delete_together(&wanted) else {
        return Err(steps);
    };
    let mut results = results.into_iter();
    let outcome = |(row, doomed): (Row, Option<Doomed>)| match doomed.and_then(|_| results.next()) {
        None => Outcome::rest(row),
        Some(Ok(())) => Outcome::done(row, begun.elapsed()),
        Some(Err(error)) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
    };
    Ok(steps.into_iter().map(outcome).collect())
}
