//! What in a configuration must not be shown (pure).
//!
//! Incus gives passwords, tokens and keys in clear to its administrators, and has no list of them:
//! they are told by the words in their names. Too many masked values do no harm; `--show-secrets`
//! shows them.

use serde_json::Value;

use crate::diff::{Change, Step};
use crate::model::{ObjectId, ObjectKind};

/// What stands in the place of a secret.
pub const MASK: &str = "(secret)";

/// Words of a name that make its value a secret, wherever they stand.
const WORDS: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "credential",
    "hmac",
    "private",
    "user-data",
    "vendor-data",
    "network-config",
];

/// Words that the others do not make a secret of.
const HARMLESS: [&str; 3] = ["expiry", "allowed_credentials", "metrics_authentication"];

/// Whether what a name stands for is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if HARMLESS.iter().any(|word| name.contains(word)) {
        return false;
    }
    let last = name.rsplit('.').next().unwrap_or(&name);
    name.starts_with("environment.")
        || WORDS.iter().any(|word| name.contains(word))
        || ["key", "api_key"].contains(&last)
        || last.ends_with("_key")
        || last.ends_with("-key")
}

/// Whether a value tells a secret whatever its name is: a user and password in a URL.
fn is_secret_value(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/')
            .next()
            .is_some_and(|host| host.contains('@'))
    })
}

/// Replaces every secret below a value. `named` is the name that it stands under.
fn mask(named: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), mask(name, value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| mask(named, item)).collect(),
        Value::String(text)
            if !text.is_empty() && (is_secret_name(named) || is_secret_value(text)) =>
        {
            Value::from(MASK)
        }
        other => other.clone(),
    }
}

/// Masks what an object holds. The value of a server's key stands under the object's own name.
pub fn mask_object(id: &ObjectId, object: &Value) -> Value {
    let mut object = mask("", object);
    if id.kind == ObjectKind::ServerKey
        && let Some(value) = object.pointer_mut("/set/value")
    {
        *value = mask(id.name.as_str(), value);
    }
    object
}

/// Masks both sides of a change; that they differ is still told.
pub fn mask_change(of: &str, change: &Change) -> Change {
    let named = change.path.iter().rev().find_map(|step| match step {
        // A server's key has its name in the object's own, and only `value` here.
        Step::Key(key) if key != "value" => Some(key.as_str()),
        _ => None,
    });
    let named = named.unwrap_or(of);
    Change {
        path: change.path.clone(),
        old: change.old.as_ref().map(|value| mask(named, value)),
        new: change.new.as_ref().map(|value| mask(named, value)),
    }
}

/// Every secret below a value.
pub(super) fn secrets(named: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| secrets(if name == "value" { named } else { name }, value))
            .collect(),
        Value::Array(items) => items.iter().flat_map(|item| secrets(named, item)).collect(),
        Value::String(text)
            if !text.is_empty() && (is_secret_name(named) || is_secret_value(text)) =>
        {
            vec![text.clone()]
        }
        _ => Vec::new(),
    }
}

/// Takes secrets out of a text, such as a server's refusal that quotes them. What is shorter than
/// four bytes is no secret, and would be found in any text.
pub(super) fn redact(text: &str, secrets: &[String]) -> String {
    let mut secrets: Vec<&String> = secrets.iter().filter(|secret| secret.len() > 3).collect();
    // One that contains another goes first.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| {
        // Go quotes what it prints.
        let quoted = format!("{secret:?}");
        let quoted = quoted.trim_matches('"');
        text.replace(secret.as_str(), MASK).replace(quoted, MASK)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("loki.auth.password", true)]
    #[case("oidc.client.secret", true)]
    #[case("openfga.api.token", true)]
    #[case("acme.eab.hmac", true)]
    #[case("network.ovn.client_key", true)]
    #[case("peers.ns1.key", true)]
    #[case("truenas.api_key", true)]
    #[case("secret-key", true)]
    #[case("cloud-init.user-data", true)]
    #[case("environment.DB", true)]
    #[case("systemd.credential.x", true)]
    #[case("bgp.peers.a.password", true)]
    #[case("cluster.join_token_expiry", false)]
    #[case("core.https_allowed_credentials", false)]
    #[case("cloud-init.ssh-keys.me", false)]
    #[case("network.ovn.ca_cert", false)]
    #[case("ipv4.address", false)]
    fn a_secret_is_told_by_its_name(#[case] name: &str, #[case] secret: bool) {
        assert_eq!(is_secret_name(name), secret);
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        let shown = mask(
            "",
            &json!({ "config": { "a.password": "p", "b": "x", "core.proxy_http": "http://u:p@h/" },
                "keys": [{ "name": "k", "secret-key": "s" }], "empty": { "token": "" } }),
        );
        assert_eq!(
            shown,
            json!({ "config": { "a.password": MASK, "b": "x", "core.proxy_http": MASK },
                "keys": [{ "name": "k", "secret-key": MASK }], "empty": { "token": "" } })
        );
    }

    #[test]
    fn a_refusal_that_quotes_a_secret_does_not_tell_it() {
        let hidden = secrets("loki.auth.password", &json!({ "value": "hunter\n2" }));
        assert_eq!(hidden, ["hunter\n2"]);
        assert_eq!(
            redact(r#"cannot set 'loki.auth.password' to "hunter\n2""#, &hidden),
            "cannot set 'loki.auth.password' to \"(secret)\""
        );
    }
}
