//! Several things at a time.

use std::num::NonZeroUsize;

use futures_util::StreamExt as _;

use super::{Outcome, Report, Row, Step};
use crate::progress::Cancel;

/// Does the steps, so many at a time. One that fails does not stop the others; none begins once the run
/// is cancelled.
pub async fn each_step<W, F: Future<Output = Outcome>>(
    steps: Vec<Step<W>>,
    parallel: NonZeroUsize,
    cancel: &Cancel,
    one: impl Fn(Row, W) -> F,
) -> Report {
    let one = &one;
    let outcomes = steps.into_iter().map(|step| async move {
        match step.into_parts() {
            (row, Some(work)) if !cancel.is_cancelled() => one(row, work).await,
            (row, _) => Outcome::rest(row),
        }
    });
    in_order(outcomes, parallel).await.into_iter().collect()
}

/// Waits for all of them, so many at a time, and gives what they gave in the order in which they stand.
///
/// The next one begins as soon as any has ended: a slow one keeps none of the others waiting.
pub async fn in_order<F: Future>(
    work: impl IntoIterator<Item = F>,
    parallel: NonZeroUsize,
) -> Vec<F::Output> {
    let numbered = work.into_iter().enumerate();
    let numbered = numbered.map(|(number, work)| async move { (number, work.await) });
    let mut done: Vec<(usize, F::Output)> = futures_util::stream::iter(numbered)
        .buffer_unordered(parallel.get())
        .collect()
        .await;
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, given)| given).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_slow_one_keeps_none_of_the_others_waiting_and_the_order_stays() {
        let last = &Notify::new();
        // The first one ends only when the last one has.
        let work = (0..6).map(|number| async move {
            match number {
                0 => last.notified().await,
                5 => last.notify_one(),
                _ => tokio::task::yield_now().await,
            }
            number
        });
        let two = NonZeroUsize::MIN.saturating_add(1);
        assert_eq!(in_order(work, two).await, [0, 1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn never_more_run_than_may() {
        let (running, most) = (&Cell::new(0), &Cell::new(0));
        let work = (0..20).map(|number| async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            for _ in 0..number % 4 {
                tokio::task::yield_now().await;
            }
            running.set(running.get() - 1);
        });
        let three = NonZeroUsize::MIN.saturating_add(2);
        assert_eq!(in_order(work, three).await.len(), 20);
        assert_eq!((running.get(), most.get()), (0, 3));
    }
}
