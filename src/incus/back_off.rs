//! How long to wait before something is tried again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3);
/// How long is gone on with it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many tries there are, however long each takes.
const TRIES: u32 = 3;

/// Pauses between tries: each longer than the one before, and none of a length that others who were
/// cut off at the same moment have.
#[derive(Debug)]
pub struct BackOff {
    begun: Instant,
    tries: u32,
    pause: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Duration> for BackOff {
    /// Begins now, with another first pause.
    fn from(pause: Duration) -> Self {
        Self {
            begun: Instant::now(),
            tries: 1,
            pause,
        }
    }
}

impl BackOff {
    /// Begins now.
    pub fn new() -> Self {
        Self::from(FIRST)
    }

    /// Waits before the next try; tells whether there is to be one.
    pub async fn pause(&mut self) -> bool {
        if !goes_on(self.tries, self.begun.elapsed()) {
            return false;
        }
        self.wait().await;
        true
    }

    /// Waits before the next try, where something else says how many there are.
    pub async fn wait(&mut self) {
        self.tries += 1;
        tokio::time::sleep(jittered(
            self.pause,
            RandomState::new().build_hasher().finish(),
        ))
        .await;
        self.pause = (self.pause * 2).min(LONGEST);
    }
}

/// Whether there is another try after so many.
fn goes_on(tries: u32, elapsed: Duration) -> bool {
    tries < TRIES || elapsed <= PATIENCE
}

/// Between a half of a pause and all of it.
fn jittered(pause: Duration, chance: u64) -> Duration {
    let half = pause / 2;
    let range = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_millis(chance % (range + 1))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 50)]
    #[case(50, 100)]
    #[case(51, 50)]
    fn a_pause_is_between_its_half_and_its_whole(#[case] chance: u64, #[case] is: u64) {
        let paused = jittered(Duration::from_millis(100), chance);
        assert_eq!(paused, Duration::from_millis(is));
    }

    #[rstest]
    #[case(2, 300, true)]
    #[case(3, 300, false)]
    #[case(30, 19, true)]
    fn it_ends_when_patience_does_but_never_before_the_third_try(
        #[case] tries: u32,
        #[case] seconds: u64,
        #[case] more: bool,
    ) {
        assert_eq!(goes_on(tries, Duration::from_secs(seconds)), more);
    }
}
