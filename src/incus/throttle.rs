//! A limit of how fast bodies travel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::time::Instant;

use super::client::Client;
use crate::model::Rate;

/// How fast all bodies together travel that share it, up and down.
#[derive(Debug)]
pub struct Throttle {
    rate: Rate,
    /// When the next bytes may follow.
    free: Mutex<Option<Instant>>,
}

impl Throttle {
    /// At this rate.
    pub fn new(rate: Rate) -> Self {
        let free = Mutex::new(None);
        Self { rate, free }
    }

    /// Waits as long as so many bytes take, behind those that came before.
    async fn pass(&self, bytes: usize) {
        let until = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let from = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
            let until = from + takes(self.rate, bytes);
            *free = Some(until);
            until
        };
        tokio::time::sleep_until(until).await;
    }
}

fn takes(rate: Rate, bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(rate.per_second());
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

impl Client {
    /// The same server, whose bodies share a limit.
    #[must_use]
    pub fn limited(mut self, throttle: Option<Arc<Throttle>>) -> Self {
        self.throttle = throttle;
        self
    }

    /// A body as fast as it may travel.
    pub(super) fn in_time<E: Send + 'static>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, E>> + Send + 'static {
        let throttle = self.throttle.clone();
        body.then(move |chunk| {
            let throttle = throttle.clone();
            let size = chunk.as_ref().map_or(0, Bytes::len);
            async move {
                if let Some(throttle) = throttle {
                    throttle.pass(size).await;
                }
                chunk
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1MB", 1_000_000, 1000)]
    #[case("1MB", 500, 0)]
    #[case("2MB", 1_000_000, 500)]
    #[case("1KiB", 10_240, 10_000)]
    fn bytes_take_as_long_as_the_rate_says(
        #[case] rate: &str,
        #[case] bytes: usize,
        #[case] milliseconds: u128,
    ) {
        assert_eq!(
            takes(rate.parse().unwrap(), bytes).as_millis(),
            milliseconds
        );
    }

    #[tokio::test]
    async fn those_that_share_a_limit_wait_for_each_other() {
        let throttle = Throttle::new("1MB".parse().unwrap());
        let begun = std::time::Instant::now();
        tokio::join!(throttle.pass(60_000), throttle.pass(60_000));
        assert!(begun.elapsed() >= Duration::from_millis(120));
    }
}
