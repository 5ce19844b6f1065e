//! The rules: how many of what are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, ZonedDateTime};

/// A text that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    /// The name of a rule is none.
    #[error(
        "`{0}` is not a retention rule; the rules are last, hourly, daily, weekly, monthly, yearly and \
         within"
    )]
    Name(String),
    /// A rule has no value.
    #[error("`{0}` has no value; write daily:7")]
    NoValue(String),
    /// A number is none.
    #[error("`{0}` is not a number of versions; write a number, or `unlimited`")]
    Count(String),
    /// A duration is none.
    #[error("`{0}` is not a duration; write 30d, 2w, 36h or 1y6m")]
    Within(String),
    /// A rule stands there twice.
    #[error("`{0}` is there twice")]
    Twice(String),
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Every version.
    Last,
    /// One for each hour that has any.
    Hourly,
    /// One for each day.
    Daily,
    /// One for each week of ISO 8601.
    Weekly,
    /// One for each month.
    Monthly,
    /// One for each year.
    Yearly,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 6] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];

    /// The period that a moment is in, as a text that is the same for no other.
    pub(super) fn of(self, moment: &ZonedDateTime) -> String {
        let pattern = match self {
            Self::Last => return moment.timestamp().to_string(),
            // With the offset: the hour that summer time repeats is two hours.
            Self::Hourly => "%Y-%m-%dT%H%z",
            Self::Daily => "%Y-%m-%d",
            Self::Weekly => "%G-W%V",
            Self::Monthly => "%Y-%m",
            Self::Yearly => "%Y",
        };
        moment.strftime(pattern).to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        })
    }
}

/// How many are kept of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Of(u32),
    /// All of them: `unlimited`, or restic's `-1`.
    All,
}

impl Count {
    /// Whether one more is kept after so many.
    pub(super) fn exceeds(self, kept: usize) -> bool {
        match self {
            Self::Of(count) => usize::try_from(count).map_or(true, |count| kept < count),
            Self::All => true,
        }
    }
}

impl FromStr for Count {
    type Err = InvalidRules;
    fn from_str(text: &str) -> Result<Self, InvalidRules> {
        match text {
            "unlimited" | "-1" => Ok(Self::All),
            text => text
                .parse()
                .map(Self::Of)
                .map_err(|_| InvalidRules::Count(text.to_owned())),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(count) => write!(f, "{count}"),
            Self::All => f.write_str("unlimited"),
        }
    }
}

/// A duration back from the newest version: years, months, weeks, days and hours of the calendar.
#[derive(Debug, Clone)]
pub struct Within {
    text: String,
    span: Span,
}

impl Within {
    /// How long it is, with years of 365 days and months of 30.
    pub fn duration(&self) -> Duration {
        let days = u64::from(self.span.get_years().unsigned_abs()) * 365
            + u64::from(self.span.get_months().unsigned_abs()) * 30
            + u64::from(self.span.get_weeks().unsigned_abs()) * 7
            + u64::from(self.span.get_days().unsigned_abs());
        let hours = u64::from(self.span.get_hours().unsigned_abs());
        Duration::from_secs((days * 24 + hours) * 3600)
    }

    /// The moment that lies so long before another.
    pub(super) fn before(&self, moment: &ZonedDateTime) -> Option<ZonedDateTime> {
        moment.checked_sub(self.span).ok()
    }
}

impl PartialEq for Within {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Within {}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Within {
    type Err = InvalidRules;
    fn from_str(text: &str) -> Result<Self, InvalidRules> {
        let invalid = || InvalidRules::Within(text.to_owned());
        let mut span = Span::new();
        let mut digits = String::new();
        for letter in text.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            let count: i64 = digits.parse().map_err(|_| invalid())?;
            digits.clear();
            span = match letter {
                'y' => span.try_years(count),
                'm' => span.try_months(count),
                'w' => span.try_weeks(count),
                'd' => span.try_days(count),
                'h' => span.try_hours(count),
                _ => return Err(invalid()),
            }
            .map_err(|_| invalid())?;
        }
        if text.is_empty() || !digits.is_empty() {
            return Err(invalid());
        }
        let text = text.to_owned();
        Ok(Self { text, span })
    }
}

/// What stays of a resource's versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// How many of each period.
    pub counts: BTreeMap<Period, Count>,
    /// Everything that is not longer ago than this.
    pub within: Option<Within>,
}

impl Rules {
    /// Whether nothing is asked to stay.
    pub fn is_empty(&self) -> bool {
        self.within.is_none()
            && self
                .counts
                .values()
                .all(|count| matches!(count, Count::Of(0)))
    }

    /// Adds a rule by its name, such as `daily` or `keep-daily`.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), InvalidRules> {
        let short = name.strip_prefix("keep-").unwrap_or(name);
        if short == "within" {
            let twice = self.within.replace(value.parse()?);
            return match twice {
                Some(_) => Err(InvalidRules::Twice(name.to_owned())),
                None => Ok(()),
            };
        }
        let mut all = Period::ALL.into_iter();
        let period = all.find(|period| period.to_string() == short);
        let period = period.ok_or_else(|| InvalidRules::Name(name.to_owned()))?;
        match self.counts.insert(period, value.parse()?) {
            Some(_) => Err(InvalidRules::Twice(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl FromStr for Rules {
    type Err = InvalidRules;

    /// Reads `daily:7,weekly:4,within:30d`, the form of `user.backup.retention`.
    fn from_str(text: &str) -> Result<Self, InvalidRules> {
        let mut rules = Self::default();
        for rule in text
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
        {
            let (name, value) = rule
                .split_once([':', '='])
                .ok_or_else(|| InvalidRules::NoValue(rule.to_owned()))?;
            rules.add(name.trim(), value.trim())?;
        }
        Ok(rules)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.iter();
        let mut all: Vec<String> = counts
            .map(|(period, count)| format!("{period}:{count}"))
            .collect();
        all.extend(
            self.within
                .as_ref()
                .map(|within| format!("within:{within}")),
        );
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("daily:7,weekly:4", "daily:7,weekly:4")]
    #[case(" keep-last = 3 , within:1y6m2w3d4h ", "last:3,within:1y6m2w3d4h")]
    #[case("hourly:unlimited,monthly:-1", "hourly:unlimited,monthly:unlimited")]
    #[case("", "")]
    fn rules_are_names_and_numbers(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Rules>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("daily", InvalidRules::NoValue("daily".into()))]
    #[case("fortnightly:2", InvalidRules::Name("fortnightly".into()))]
    #[case("daily:x", InvalidRules::Count("x".into()))]
    #[case("daily:-2", InvalidRules::Count("-2".into()))]
    #[case("daily:1,keep-daily:2", InvalidRules::Twice("keep-daily".into()))]
    #[case("within:30", InvalidRules::Within("30".into()))]
    #[case("within:d", InvalidRules::Within("d".into()))]
    #[case("within:", InvalidRules::Within(String::new()))]
    #[case("within:99999999999y", InvalidRules::Within("99999999999y".into()))]
    #[case("within:1d,within:2d", InvalidRules::Twice("within".into()))]
    fn anything_else_is_told(#[case] text: &str, #[case] error: InvalidRules) {
        assert_eq!(text.parse::<Rules>(), Err(error));
    }

    #[rstest]
    #[case("", true)]
    #[case("last:0,daily:0", true)]
    #[case("last:0,daily:1", false)]
    #[case("within:1h", false)]
    fn rules_that_keep_nothing_are_empty(#[case] text: &str, #[case] empty: bool) {
        assert_eq!(text.parse::<Rules>().unwrap().is_empty(), empty);
    }
}
