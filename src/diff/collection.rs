//! The difference of two collections of documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Change, changes};

/// How a document differs between two collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and not the same.
    Changed(Vec<Change>),
}

/// Every document that the two collections do not have alike, in the order of the keys.
pub fn differences<K: Ord + Clone>(
    old: &BTreeMap<K, Value>,
    new: &BTreeMap<K, Value>,
) -> Vec<(K, Difference)> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let difference = match (old.get(key), new.get(key)) {
                (Some(_), None) => Difference::Removed,
                (None, Some(_)) => Difference::Added,
                (Some(old), Some(new)) => {
                    let changes = changes(old, new);
                    if changes.is_empty() {
                        return None;
                    }
                    Difference::Changed(changes)
                }
                (None, None) => return None,
            };
            Some((key.clone(), difference))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_alike_is_not_told() {
        let old = BTreeMap::from([("a", json!({})), ("b", json!({"x": 1})), ("c", json!({}))]);
        let new = BTreeMap::from([("b", json!({"x": 2})), ("c", json!({})), ("d", json!({}))]);
        let found = differences(&old, &new);
        let words: Vec<(&str, &str)> = found
            .iter()
            .map(|(key, difference)| match difference {
                Difference::Added => (*key, "added"),
                Difference::Removed => (*key, "removed"),
                Difference::Changed(changes) => {
                    assert_eq!(changes.len(), 1);
                    (*key, "changed")
                }
            })
            .collect();
        assert_eq!(words, [("a", "removed"), ("b", "changed"), ("d", "added")]);
    }
}
