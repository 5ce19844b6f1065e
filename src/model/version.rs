//! When something was backed up, and by which run.

use std::fmt;
use std::str::FromStr;
#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version; a version looks like 20260131T235959Z")]
pub struct InvalidVersion(pub String);

/// One stored backup of one resource, named by the second (UTC) at which it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(Timestamp);

impl Version {
    /// The version of this second.
    pub fn now() -> Self {
        Self::at(clock())
    }

    /// The version of the second that a moment lies in.
    pub fn at(moment: Timestamp) -> Self {
        Self(Timestamp::from_second(moment.as_second()).unwrap_or(moment))
    }

    /// The version one second later.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1.second()).unwrap_or(self.0))
    }

    /// The moment that names the version.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

/// The wall clock: the only place that reads it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the clock"
)]
fn clock() -> Timestamp {
    let now = Timestamp::now();
    #[cfg(feature = "testing")]
    let now = now
        .checked_add(AHEAD.load(Ordering::Relaxed).milliseconds())
        .unwrap_or(now);
    now
}

/// By how many milliseconds the clock of this process is wrong.
#[cfg(feature = "testing")]
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// Sets the clock of this process to a moment, from which on it goes on as it did: for tests of days
/// that do not last a day, and of clocks that are wrong.
#[cfg(feature = "testing")]
pub fn set_clock(moment: Timestamp) {
    let ahead = moment.as_millisecond() - clock().as_millisecond();
    AHEAD.fetch_add(ahead, Ordering::Relaxed);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.to_zoned_datetime(TimeZone::UTC);
        f.pad(&time.strftime("%Y%m%dT%H%M%SZ").to_string())
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = || InvalidVersion(text.to_owned());
        let time =
            jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).map_err(|_| invalid())?;
        let time = time
            .to_zoned_datetime(TimeZone::UTC)
            .map_err(|_| invalid())?;
        let version = Self(time.timestamp());
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;
    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// What names one command's work: the second it began and eight random hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A new run, beginning now.
    pub fn begin() -> Self {
        Self(format!("{}-{:08x}", Version::now(), super::owner::random()))
    }

    /// The run as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it began, to the second.
    pub fn begun_at(&self) -> Timestamp {
        let begun = self.0.split('-').next().and_then(|text| text.parse().ok());
        begun.unwrap_or_else(Version::now).timestamp()
    }

    /// Its random part: eight hexadecimal digits, for the names of temporary objects.
    pub fn short(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_version_is_the_second_it_was_begun() {
        let moment: Timestamp = "2026-01-31T23:59:59.75Z".parse().unwrap();
        let version = Version::at(moment);
        assert_eq!(version.to_string(), "20260131T235959Z");
        assert_eq!("20260131T235959Z".parse(), Ok(version));
        assert_eq!(version.next().to_string(), "20260201T000000Z");
    }

    #[rstest]
    #[case("")]
    #[case("20260131T235959")]
    #[case("20261331T235959Z")]
    #[case("2026-01-31T23:59:59Z")]
    #[case(" 20260131T235959Z")]
    #[case("20260131T235960Z")]
    fn anything_else_is_not_a_version(#[case] text: &str) {
        assert_eq!(
            text.parse::<Version>(),
            Err(InvalidVersion(text.to_owned()))
        );
    }
}
