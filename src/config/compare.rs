//! What differs between two configurations (pure).
//!
//! # What is not compared
//!
//! Two servers that were given the same configuration still differ in what they choose and observe:
//! `volatile.*` keys, the default place of a pool below the server's own folder, who uses what, the
//! state of an object, when a volume was made, the roles that a cluster gives by itself. All of that
//! stands apart from what is declared (see [`Object`](super::Object)). Warnings are no declaration
//! at all: [`NOT_COMPARED`].

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::document::Document;
use super::filter::Filter;
use super::secret::mask_change;
use crate::diff::{Change, Difference, differences};
use crate::model::{ObjectId, ObjectKind};

/// Kinds that are kept for the record, and never equal between two servers.
pub const NOT_COMPARED: [ObjectKind; 1] = [ObjectKind::Warning];

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// Both have it, and not the same.
    Changed,
}

/// An object that two sides do not have alike, with the keys of `diff` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectDifference {
    /// How it differs.
    pub change: ChangeKind,
    /// Which object.
    #[serde(flatten)]
    pub id: ObjectId,
    /// What of it differs, where both sides have it.
    pub fields: Vec<Change>,
}

/// What differs between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The objects that differ, in the order of their kinds and names.
    pub differences: Vec<ObjectDifference>,
    /// The kinds that one of the sides could not read: of them nothing is known.
    pub unknown: Vec<ObjectKind>,
}

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Only that they differ.
    Masked,
    /// As they are.
    Shown,
}

/// Compares what two sides declare.
pub fn compare(
    old_document: &Document,
    new_document: &Document,
    filter: &Filter,
    secrets: Secrets,
) -> Comparison {
    let mut comparison = Comparison::default();
    for kind in ObjectKind::ALL {
        if NOT_COMPARED.contains(&kind) || !filter.takes_kind(kind) {
            continue;
        }
        let (Some(old), Some(new)) = (
            declared(old_document, kind, filter),
            declared(new_document, kind, filter),
        ) else {
            comparison.unknown.push(kind);
            continue;
        };
        let (mut old, mut new) = (old, new);
        if old_document.is_part(kind) {
            keep_known(&old, &mut new);
        }
        if new_document.is_part(kind) {
            keep_known(&new, &mut old);
        }
        for (id, difference) in differences(&old, &new) {
            comparison.differences.push(told(id, difference, secrets));
        }
    }
    comparison
}

/// Leaves of one side what the other knows of, where that does not know of everything.
fn keep_known(part: &BTreeMap<ObjectId, Value>, whole: &mut BTreeMap<ObjectId, Value>) {
    whole.retain(|id, _| part.contains_key(id));
    for (id, object) in whole {
        let known = |field: &str| part[id].get(field).is_some();
        if let Some(fields) = object.as_object_mut().filter(|_| !known("description")) {
            fields.shift_remove("description");
        }
    }
}

fn told(id: ObjectId, difference: Difference, secrets: Secrets) -> ObjectDifference {
    let (change, fields) = match difference {
        Difference::Added => (ChangeKind::Added, Vec::new()),
        Difference::Removed => (ChangeKind::Removed, Vec::new()),
        Difference::Changed(fields) => (ChangeKind::Changed, fields),
    };
    let fields = match secrets {
        Secrets::Shown => fields,
        Secrets::Masked => fields
            .iter()
            .map(|change| mask_change(id.name.as_str(), change))
            .collect(),
    };
    ObjectDifference { change, id, fields }
}

/// What a side declares of a kind, where it is known.
fn declared(
    document: &Document,
    kind: ObjectKind,
    filter: &Filter,
) -> Option<BTreeMap<ObjectId, Value>> {
    let objects = document.objects(kind)?;
    Some(
        objects
            .iter()
            .filter(|(id, object)| filter.takes(id) && !object.declared_nothing())
            .map(|(id, object)| (id.clone(), object.declared()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::document::Section;
    use super::super::document::tests::document;
    use super::*;

    #[test]
    fn what_a_server_chooses_for_itself_is_no_difference() {
        let here = json!({ "name": "p", "driver": "dir", "status": "Created", "used_by": ["x"],
            "config": { "source": "/a/storage-pools/p", "volatile.initial_source": "/a" } });
        let there = json!({ "name": "p", "driver": "dir", "status": "Pending",
            "config": { "source": "/b/storage-pools/p" } });
        let (here, there) = (
            document(&[(ObjectKind::StoragePool, here)]),
            document(&[(ObjectKind::StoragePool, there)]),
        );
        let compared = compare(&here, &there, &Filter::default(), Secrets::Masked);
        assert_eq!(compared, Comparison::default());
    }

    #[test]
    fn a_secret_that_differs_is_told_and_not_shown() {
        let profile = |secret: &str| {
            let config = json!({ "environment.TOKEN": secret, "limits.cpu": "1" });
            document(&[(
                ObjectKind::Profile,
                json!({ "name": "p", "config": config }),
            )])
        };
        let compared = compare(
            &profile("one"),
            &profile("two"),
            &Filter::default(),
            Secrets::Masked,
        );
        assert_eq!(
            serde_json::to_value(&compared.differences).unwrap(),
            json!([{ "change": "changed", "kind": "profile", "project": "default", "parent": null,
                "name": "p", "member": null, "fields": [{ "path": ["config", "environment.TOKEN"],
                "old": "(secret)", "new": "(secret)" }] }])
        );
    }

    #[test]
    fn a_kind_that_one_side_could_not_read_is_unknown_and_not_empty() {
        let full = document(&[(ObjectKind::Profile, json!({ "name": "p" }))]);
        let mut torn = full.clone();
        let reason = Section::Unreadable("no".to_owned());
        torn.sections.insert(ObjectKind::Profile, reason);
        let compared = compare(&full, &torn, &Filter::default(), Secrets::Masked);
        assert_eq!(compared.unknown, [ObjectKind::Profile]);
        assert_eq!(compared.differences, []);
    }
}
