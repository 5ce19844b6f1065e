//! Deleting versions at once, for the operations that delete.

use std::time::Instant;

use super::{Failure, Outcome, Report, Row};
use crate::progress::Cancel;
use crate::target::{Doomed, Target};

/// Deletes the versions of these steps at once, where the target prefers that; nothing where the caller
/// is to do it one by one. Blocks.
pub fn delete_together(
    target: &dyn Target,
    steps: &[(Row, Option<Doomed>)],
    cancel: &Cancel,
) -> Option<Report> {
    let doomed: Vec<Doomed> = steps
        .iter()
        .filter_map(|(_, doomed)| doomed.clone())
        .collect();
    if doomed.is_empty() || cancel.is_cancelled() {
        return None;
    }
    let begun = Instant::now();
    let mut results = target.delete_together(&doomed)?.into_iter();
    let outcome = |(row, doomed): &(Row, Option<Doomed>)| {
        let row = row.clone();
        match doomed.as_ref().and_then(|_| results.next()) {
            None => Outcome::rest(row),
            Some(Ok(())) => Outcome::done(row, begun.elapsed()),
            Some(Err(error)) => Outcome::failed(row, Failure::new(error), begun.elapsed()),
        }
    };
    Some(steps.iter().map(outcome).collect())
}
