//! Several things at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use super::{Outcome, Report, Row, Step};
use crate::progress::{Cancel, Progress};

/// How the steps of a plan are done.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// So many at a time.
    pub parallel: NonZeroUsize,
    /// Who is told of each that is through.
    pub progress: &'a dyn Progress,
    /// Who may stop it: then none begins any more.
    pub cancel: &'a Cancel,
}

/// Does the steps. One that fails does not stop the others.
pub async fn each_step<W, F: Future<Output = Outcome>>(
    steps: Vec<Step<W>>,
    pace: Pace<'_>,
    one: impl Fn(Row, W) -> F,
) -> Report {
    let one = &one;
    let steps = steps.into_iter().map(|step| async move {
        match step.into_parts() {
            (row, Some(work)) if !pace.cancel.is_cancelled() => {
                let outcome = one(row, work).await;
                outcome.tell(pace.progress);
                outcome
            }
            (row, _) => Outcome::rest(row),
        }
    });
    let outcomes = in_order(steps, pace.parallel).await;
    outcomes.into_iter().collect()
}

/// Waits for all of them, so many at a time, and gives what they gave in the order in which they stand.
///
/// The next one begins as soon as any has ended: a slow one keeps none of the others waiting.
async fn in_order<F: Future>(
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

/// The same of work at several places, such as the members of a cluster, of which none is to have all of it
/// at once: each has its share of what is done at a time, whatever stands first. What has no place is no
/// work.
pub async fn shared_out<F: Future>(
    work: Vec<(Option<String>, F)>,
    parallel: NonZeroUsize,
) -> Vec<F::Output> {
    let names: BTreeSet<String> = work.iter().filter_map(|(place, _)| place.clone()).collect();
    if names.len() < 2 {
        return in_order(work.into_iter().map(|(_, work)| work), parallel).await;
    }
    let share = parallel.get().div_ceil(names.len());
    let places = names.into_iter().map(|name| (name, Semaphore::new(share)));
    let places: &BTreeMap<String, Semaphore> = &places.collect();
    let all = &Semaphore::new(parallel.get());
    let waiting = NonZeroUsize::MIN.saturating_add(work.len());
    let work = work.into_iter().map(|(place, work)| async move {
        let Some(place) = place.and_then(|name| places.get(&name)) else {
            return work.await;
        };
        // The place comes first: who waits for it keeps nobody of another from going. Nobody closes them.
        let _turns = (place.acquire().await.ok(), all.acquire().await.ok());
        work.await
    });
    in_order(work, waiting).await
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

    /// Does so much at each place in turn; gives how many ran at a time at most, at the first and in all.
    async fn most(places: &[&str], parallel: usize) -> (usize, usize) {
        let running = &std::cell::RefCell::new(Vec::new());
        let (first, all) = (&Cell::new(0), &Cell::new(0));
        let work = places.iter().enumerate().map(|(number, place)| {
            let done = async move {
                running.borrow_mut().push((*place).to_owned());
                let at_first = running
                    .borrow()
                    .iter()
                    .filter(|it| **it == places[0])
                    .count();
                first.set(first.get().max(at_first));
                all.set(all.get().max(running.borrow().len()));
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                let mut running = running.borrow_mut();
                let own = running.iter().position(|it| it == place).unwrap();
                running.remove(own);
                number
            };
            (Some((*place).to_owned()), done)
        });
        let parallel = NonZeroUsize::new(parallel).unwrap();
        let done = shared_out(work.collect(), parallel).await;
        assert!(done.is_sorted() && done.len() == places.len());
        (first.get(), all.get())
    }

    #[tokio::test]
    async fn each_place_has_its_share_and_no_more() {
        let places = ["m1", "m1", "m1", "m1", "m2", "m2", "m2"];
        assert_eq!(most(&places, 2).await, (1, 2));
        assert_eq!(most(&places, 4).await, (2, 4));
        // One turn: it is given to one after the other.
        assert_eq!(most(&places, 1).await, (1, 1));
        assert_eq!(most(&["none"; 6], 4).await, (4, 4));
    }
}
