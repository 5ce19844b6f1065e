//! The difference of two values.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// To what a key names.
    Key(String),
    /// To an item of a list, wherever it stands; in JSON `[]`.
    #[serde(serialize_with = "item")]
    Item,
}

fn item<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[]")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Item => f.write_str("[]"),
        }
    }
}

/// One value that is not the same in both documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where it is.
    pub path: Vec<Step>,
    /// What the first document has there, if anything.
    pub old: Option<Value>,
    /// What the second document has there, if anything.
    pub new: Option<Value>,
}

impl Change {
    /// Where it is, as one text: `config.ipv4.nat`.
    pub fn place(&self) -> String {
        let steps: Vec<String> = self.path.iter().map(ToString::to_string).collect();
        steps.join(".")
    }
}

/// Everything that differs between two values, in the order of the keys.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), old, new, &mut found);
    found
}

fn compare(path: &mut Vec<Step>, old: &Value, new: &Value, found: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => compare_objects(path, old, new, found),
        (Value::Array(old), Value::Array(new)) => compare_lists(path, old, new, found),
        _ if old == new => {}
        _ => found.push(change(path, Some(old), Some(new))),
    }
}

fn change(path: &[Step], old: Option<&Value>, new: Option<&Value>) -> Change {
    Change {
        path: path.to_vec(),
        old: old.cloned(),
        new: new.cloned(),
    }
}

fn compare_objects(
    path: &mut Vec<Step>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    found: &mut Vec<Change>,
) {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        path.push(Step::Key(key.clone()));
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(path, old, new, found),
            (old, new) => found.push(change(path, old, new)),
        }
        path.pop();
    }
}

fn compare_lists(path: &mut Vec<Step>, old: &[Value], new: &[Value], found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let gone = without(old, new);
    let come = without(new, old);
    if gone.is_empty() && come.is_empty() {
        // The same items in another order.
        let (old, new) = (Value::from(old.to_vec()), Value::from(new.to_vec()));
        found.push(change(path, Some(&old), Some(&new)));
        return;
    }
    path.push(Step::Item);
    found.extend(gone.into_iter().map(|item| change(path, Some(item), None)));
    found.extend(come.into_iter().map(|item| change(path, None, Some(item))));
    path.pop();
}

/// The items of the first list that the second has fewer of.
fn without<'a>(these: &'a [Value], others: &[Value]) -> Vec<&'a Value> {
    let mut left: Vec<&Value> = others.iter().collect();
    these
        .iter()
        .filter(|item| match left.iter().position(|other| other == item) {
            Some(at) => {
                left.remove(at);
                false
            }
            None => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"a": 1, "b": {"c.d": "x"}}), json!({"b": {"c.d": "x"}, "a": 1}), &[])]
    #[case(json!({"a": {"x": "1"}}), json!({"a": {"x": "2"}}), &["a.x: \"1\" → \"2\""])]
    #[case(json!({"a": {"x": "1"}}), json!({"a": {}}), &["a.x: \"1\" → nothing"])]
    #[case(json!({}), json!({"a": {"y": 1}}), &["a: nothing → {\"y\":1}"])]
    #[case(json!({"l": [1, 2, 2]}), json!({"l": [2, 3]}), &["l.[]: 1 → nothing", "l.[]: 2 → nothing", "l.[]: nothing → 3"])]
    #[case(json!({"l": [1, 2]}), json!({"l": [2, 1]}), &["l: [1,2] → [2,1]"])]
    #[case(json!({"a": "1"}), json!({"a": 1}), &["a: \"1\" → 1"])]
    fn a_difference_names_every_place_once(
        #[case] old: Value,
        #[case] new: Value,
        #[case] expected: &[&str],
    ) {
        let text = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        let told: Vec<String> = changes(&old, &new)
            .iter()
            .map(|change| {
                format!(
                    "{}: {} → {}",
                    change.place(),
                    text(&change.old),
                    text(&change.new)
                )
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_path_is_a_list_in_json() {
        let found = changes(&json!({"a.b": [1]}), &json!({"a.b": []}));
        assert_eq!(
            serde_json::to_string(&found).unwrap(),
            r#"[{"path":["a.b","[]"],"old":1,"new":null}]"#
        );
    }
}
