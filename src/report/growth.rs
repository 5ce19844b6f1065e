//! How what is stored grew.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{ResourceId, SourceName};
use crate::target::{State, Stored};

/// At how many moments a curve is known.
const POINTS: i64 = 120;

/// A curve from the first version to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Curve {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// The values at moments of equal distance, the last of them now.
    pub(super) values: Vec<u64>,
}

/// How much the newest complete version of everything held at a time, uncompressed.
pub(super) fn data(stored: &[Stored], now: Timestamp) -> Option<Curve> {
    let complete = stored.iter().filter(|it| it.state == State::Complete);
    let mut versions: Vec<&Stored> = complete.collect();
    versions.sort_by_key(|it| it.id.version);
    let mut newest: BTreeMap<(&SourceName, &ResourceId), u64> = BTreeMap::new();
    let mut sum: u64 = 0;
    let steps = versions.iter().map(|it| {
        let key = (&it.id.source, &it.id.resource);
        let before = newest.insert(key, it.size.0).unwrap_or(0);
        sum = sum.saturating_sub(before).saturating_add(it.size.0);
        (it.id.version.timestamp(), sum)
    });
    curve(&steps.collect::<Vec<_>>(), now)
}

/// How much of what the target holds now was stored until a time.
pub(super) fn held(stored: &[Stored], now: Timestamp) -> Option<Curve> {
    let mut versions: Vec<&Stored> = stored.iter().collect();
    versions.sort_by_key(|it| it.id.version);
    let mut sum: u64 = 0;
    let steps = versions.iter().map(|it| {
        sum = sum.saturating_add(it.stored_size.0);
        (it.id.version.timestamp(), sum)
    });
    curve(&steps.collect::<Vec<_>>(), now)
}

/// A curve of what changed at times; nothing where there is no time between the first and now.
fn curve(steps: &[(Timestamp, u64)], now: Timestamp) -> Option<Curve> {
    let from = steps.first()?.0;
    let length = now.as_second().saturating_sub(from.as_second());
    if length <= 0 {
        return None;
    }
    let value_at = |second: i64| {
        let until = steps.partition_point(|(at, _)| at.as_second() <= second);
        until.checked_sub(1).map_or(0, |last| steps[last].1)
    };
    let second = |point: i64| {
        let part = i128::from(length) * i128::from(point) / i128::from(POINTS - 1);
        from.as_second() + i64::try_from(part).unwrap_or(length)
    };
    Some(Curve {
        from,
        to: now,
        values: (0..POINTS).map(|point| value_at(second(point))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::judged::tests::{NOW, stored};
    use super::*;

    #[test]
    fn data_follows_the_newest_version_and_what_is_held_adds_up() {
        let versions = [
            "web 20260111T120000Z",
            "web 20260121T120000Z",
            "db 20260121T120000Z",
        ];
        let versions: Vec<Stored> = versions.iter().map(|text| stored(text)).collect();
        let now: Timestamp = NOW.parse().unwrap();
        let data = data(&versions, now).unwrap();
        let values = (
            data.values[0],
            data.values[59],
            data.values[61],
            data.values[119],
        );
        assert_eq!(values, (3000, 3000, 6000, 6000));
        let held = held(&versions, now).unwrap();
        let values = (
            held.values[0],
            held.values[59],
            held.values[61],
            held.values[119],
        );
        assert_eq!(values, (1000, 1000, 3000, 3000));
        assert_eq!(held.values.len(), 120);
        assert_eq!(
            (held.from.to_string().as_str(), held.to),
            ("2026-01-11T12:00:00Z", now)
        );
    }

    #[test]
    fn what_is_damaged_is_held_and_no_data() {
        let versions = [stored("web 20260111T120000Z full!")];
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(data(&versions, now), None);
        assert!(held(&versions, now).is_some());
    }

    #[test]
    fn a_moment_has_no_curve() {
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(held(&[], now), None);
        assert_eq!(held(&[stored("web 20260131T120000Z")], now), None);
        assert_eq!(held(&[stored("web 20270131T120000Z")], now), None);
    }
}
