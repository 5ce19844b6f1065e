//! Objects as the API takes them (pure).

use serde_json::{Map, Value, json};

use super::super::fields::{FEATURES_BY_DEFAULT, fields};
use super::super::object::{Fields, Object};
use crate::model::{ObjectId, ObjectKind};

/// What an object is made of.
pub(super) fn create_body(id: &ObjectId, object: &Object) -> Map<String, Value> {
    let mut body = object.made.clone();
    body.extend(settable(object));
    match id.kind {
        ObjectKind::Certificate => {
            let pem = object.made.get("certificate").and_then(Value::as_str);
            body.insert(
                "certificate".to_owned(),
                json!(der_in_base64(pem.unwrap_or_default())),
            );
        }
        ObjectKind::Project => {
            let config = body.entry("config").or_insert_with(|| json!({}));
            for feature in FEATURES_BY_DEFAULT {
                // A project has these where nothing is said.
                if config.get(feature).is_none() {
                    config[feature] = json!("false");
                }
            }
        }
        ObjectKind::Volume => {
            body.insert("type".to_owned(), json!("custom"));
        }
        _ => {}
    }
    if id.kind != ObjectKind::Certificate {
        let field = fields(id.kind).name;
        body.insert(field.to_owned(), json!(id.name));
    }
    tidy(body)
}

/// What an object is replaced with: what the server chose for itself stays.
pub(super) fn replace_body(id: &ObjectId, object: &Object, current: &Object) -> Map<String, Value> {
    let mut body = settable(object);
    if let Some(config) = object.config_over(current) {
        body.insert("config".to_owned(), Value::Object(config));
    }
    match id.kind {
        ObjectKind::Certificate => {
            if let Some(kind) = object.made.get("type") {
                body.insert("type".to_owned(), kind.clone());
            }
        }
        ObjectKind::Project if id.name.as_str() == "default" => {
            keep_features(&mut body, current);
        }
        ObjectKind::ClusterMember => {
            // Which groups it is in is said by the groups.
            if let Some(groups) = current.state.get("groups") {
                body.insert("groups".to_owned(), groups.clone());
            }
            let own = current.own.get("roles").and_then(Value::as_array);
            if let Some(Value::Array(roles)) = body.get_mut("roles") {
                roles.extend(own.into_iter().flatten().cloned());
            }
        }
        _ => {}
    }
    tidy(body)
}

/// The features of the default project cannot be changed.
fn keep_features(body: &mut Map<String, Value>, current: &Object) {
    if let Some(Value::Object(config)) = body.get_mut("config") {
        config.retain(|key, _| !key.starts_with("features."));
        let there = current.config().cloned().unwrap_or_default();
        config.extend(
            there
                .into_iter()
                .filter(|(key, _)| key.starts_with("features.")),
        );
    }
}

/// What can be set of an object by its own request: not its snapshots, the keys of a bucket, nor what
/// each cluster member has.
fn settable(object: &Object) -> Fields {
    let mut set = object.set.clone();
    set.retain(|field, _| field != "snapshots" && field != "keys");
    if set.get("members").is_some_and(Value::is_object) {
        set.shift_remove("members");
    }
    set
}

/// Writes configuration values as texts, which every server takes.
fn tidy(mut body: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(config)) = body.get_mut("config") {
        for value in config.values_mut() {
            if !value.is_string() {
                *value = Value::from(value.to_string());
            }
        }
    }
    body
}

/// The lines of a PEM are its DER in base64.
fn der_in_base64(pem: &str) -> String {
    let lines = pem.lines().map(str::trim);
    lines.filter(|line| !line.starts_with("-----")).collect()
}

/// A key of what was sent that the server's refusal says it does not know.
pub(super) fn unknown_key(message: &str, body: &Map<String, Value>) -> Option<String> {
    let words = message.to_ascii_lowercase();
    let about_keys = words.contains("unknown") || words.contains("invalid");
    if !about_keys || words.contains("invalid value") {
        return None;
    }
    let names = |key: &str| {
        [format!("\"{key}\""), format!("'{key}'"), format!("`{key}`")]
            .iter()
            .any(|quoted| message.contains(quoted))
            || message.ends_with(&format!(": {key}"))
    };
    let config = body.get("config").and_then(Value::as_object);
    let devices = body.get("devices").and_then(Value::as_object);
    let of_devices = devices
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object);
    config
        .into_iter()
        .chain(of_devices)
        .flat_map(Map::keys)
        .find(|key| names(key))
        .cloned()
}

/// Takes a key out of what is sent.
pub(super) fn leave_out(key: &str, body: &mut Map<String, Value>) {
    if let Some(Value::Object(config)) = body.get_mut("config") {
        config.shift_remove(key);
    }
    if let Some(Value::Object(devices)) = body.get_mut("devices") {
        for device in devices.values_mut().filter_map(Value::as_object_mut) {
            device.shift_remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"Invalid option for network "br0" option "future.key""#)]
    #[case(r#"Invalid option "future.key""#)]
    #[case(r#"Invalid project configuration key "future.key""#)]
    #[case("Unknown configuration key: future.key")]
    #[case(r#"Device validation failed for "eth0": Invalid device option "future.key""#)]
    #[case("cannot set 'future.key' to '1': unknown key")]
    fn a_refusal_names_the_key_that_is_not_known(#[case] message: &str) {
        let body = json!({ "config": { "ipv4.nat": "true" },
            "devices": { "eth0": { "future.key": "1", "type": "nic" } } });
        let Value::Object(mut body) = body else {
            panic!()
        };
        assert_eq!(unknown_key(message, &body).as_deref(), Some("future.key"));
        leave_out("future.key", &mut body);
        assert_eq!(unknown_key(message, &body), None);
        assert_eq!(body["devices"]["eth0"], json!({ "type": "nic" }));
    }

    #[test]
    fn a_bad_value_is_no_unknown_key() {
        let body = json!({ "config": { "ipv4.nat": "perhaps" } });
        let message = r#"Invalid value for network "br0" option "ipv4.nat": Invalid boolean"#;
        assert_eq!(unknown_key(message, body.as_object().unwrap()), None);
    }
}
