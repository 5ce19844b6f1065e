//! What the earlier tool stored of a configuration (pure).
//!
//! Arrays of objects with Go's field names: all projects without their descriptions, and of the project
//! `default` the profiles and the networks, the host's own interfaces among these. What it did not
//! store is not known, and never taken for absent.

use serde_json::Value;

use super::document::{InvalidDocument, Objects};
use super::object::{Fields, from_api};
use crate::model::ObjectKind;

/// Reads the objects of a kind.
pub(super) fn parse(kind: ObjectKind, bytes: &[u8]) -> Result<Objects, InvalidDocument> {
    let raw: Vec<Fields> = serde_json::from_slice(bytes)?;
    let mut objects = Objects::new();
    for fields in raw {
        let fields = lowered(fields);
        // The host's interfaces are none of the server's networks.
        if kind == ObjectKind::Network && fields.get("managed") == Some(&Value::Bool(false)) {
            continue;
        }
        let described = fields.contains_key("description");
        let (id, mut object) = from_api(kind, &Value::Object(fields), None)?;
        if !described {
            object.set.shift_remove("description");
        }
        let name = id.to_string();
        if objects.insert(id, object).is_some() {
            return Err(InvalidDocument::Twice(name));
        }
    }
    Ok(objects)
}

/// The fields by the names that the API gives them; what is null says nothing.
fn lowered(fields: Fields) -> Fields {
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::mutation::{Change, mutated};

    const NETWORKS: &str = r#"[
  { "Name": "incusbr0", "Description": "lan", "Managed": true, "Type": "bridge",
    "Config": { "ipv4.address": "10.1.2.1/24", "volatile.network.ipv4.address": "x" } },
  { "Name": "lo", "Description": "", "Managed": false, "Type": "loopback", "Config": {} }
]"#;

    #[test]
    fn managed_networks_are_read_and_the_host_s_interfaces_are_not() {
        let objects = parse(ObjectKind::Network, NETWORKS.as_bytes()).unwrap();
        let (id, object) = objects.first_key_value().unwrap();
        assert_eq!(
            (objects.len(), id.to_string()),
            (1, "network `incusbr0`".to_owned())
        );
        let declared = json!({ "type": "bridge", "description": "lan",
            "config": { "ipv4.address": "10.1.2.1/24" } });
        assert_eq!(object.declared(), declared);
    }

    #[test]
    fn what_was_not_stored_is_not_said() {
        let text = r#"[{ "Name": "shop", "Config": null }]"#;
        let objects = parse(ObjectKind::Project, text.as_bytes()).unwrap();
        let (_, object) = objects.first_key_value().unwrap();
        assert_eq!(object.declared(), json!({ "config": {} }));
    }

    proptest! {
        #[test]
        fn what_was_tampered_with_is_refused_or_has_names(changes in vec(any::<Change>(), 0..5)) {
            if let Ok(objects) = parse(ObjectKind::Network, &mutated(NETWORKS.as_bytes(), &changes)) {
                let plain = |name: &str| !name.contains('/') && name != "..";
                prop_assert!(objects.keys().all(|id| plain(id.name.as_str())));
            }
        }
    }
}
