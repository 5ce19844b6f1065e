//! How old something is, or may be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

/// A text that is not an age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an age; write it as 90m, 26h, 7d or 2w")]
pub struct InvalidAge(pub String);

/// How old something is, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(Duration);

/// The units in which an age is written, the largest first, and their seconds.
const UNITS: [(char, u64); 5] = [
    ('w', 7 * 24 * 3600),
    ('d', 24 * 3600),
    ('h', 3600),
    ('m', 60),
    ('s', 1),
];

impl Age {
    /// How old what began at a moment is at another one. What is of the future is new.
    pub fn of(begun: Timestamp, now: Timestamp) -> Self {
        let seconds = now.as_second().saturating_sub(begun.as_second());
        Self(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }

    /// It in seconds.
    pub fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Age {
    type Err = InvalidAge;
    fn from_str(text: &str) -> Result<Self, InvalidAge> {
        let invalid = || InvalidAge(text.to_owned());
        let unit = text.chars().next_back().ok_or_else(invalid)?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(letter, _)| *letter == unit)
            .ok_or_else(invalid)?;
        let number = text.strip_suffix(unit).unwrap_or_default();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let whole = number.checked_mul(*seconds).ok_or_else(invalid)?;
        Ok(Self(Duration::from_secs(whole)))
    }
}

/// For people: the largest unit of which there are two, as in `30h` and `3d`.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let fitting = UNITS[1..].iter().find(|(_, each)| seconds >= 2 * each);
        let (unit, each) = fitting.unwrap_or(&('s', 1));
        f.pad(&format!("{}{unit}", seconds / each))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("26h", Some(93_600))]
    #[case("90m", Some(5_400))]
    #[case("7d", Some(604_800))]
    #[case("2w", Some(1_209_600))]
    #[case("5s", Some(5))]
    #[case("26", None)]
    #[case("h", None)]
    #[case("", None)]
    #[case("-1h", None)]
    #[case("+1h", None)]
    #[case("1.5h", None)]
    #[case("99999999999999999999h", None)]
    #[case("9999999999999999999h", None)]
    #[case("1ü", None)]
    fn an_age_is_a_number_with_its_unit(#[case] text: &str, #[case] seconds: Option<u64>) {
        let age: Option<Age> = text.parse().ok();
        assert_eq!(age.map(Age::as_secs), seconds);
    }

    #[rstest]
    #[case(0, "0s")]
    #[case(119, "119s")]
    #[case(120, "2m")]
    #[case(107_999, "29h")]
    #[case(172_800, "2d")]
    #[case(30 * 86_400, "30d")]
    fn an_age_is_told_in_the_unit_that_says_most(#[case] seconds: i64, #[case] text: &str) {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(Age::of(at(1_000), at(1_000 + seconds)).to_string(), text);
        assert_eq!(Age::of(at(1_000 + seconds), at(1_000)).as_secs(), 0);
    }
}
