//! The keys of a bucket, changed (pure).

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::ArchiveError;
use super::relocate::Relocation;
use super::rewrite::{Edit, set};

/// The keys that hold a key's secrets.
const SECRETS: [&str; 2] = ["access-key", "secret-key"];

/// Gives a bucket its name and place on a server, and keys that can be there.
#[derive(Debug, Clone, Default)]
pub struct Rekeying {
    /// Its name and configuration.
    pub relocation: Relocation,
    /// The access keys that others have: keys with these get new ones, and new secrets.
    pub taken: BTreeSet<String>,
    /// The name of a key that it is lent, for the server to write its objects with; none where it has
    /// one that may write.
    pub lent: Option<String>,
}

impl Edit for Rekeying {
    fn index(&mut self, document: &mut Value) -> Result<(), ArchiveError> {
        self.relocation.index(document)
    }

    fn config(&mut self, config: &mut Value) -> Result<(), ArchiveError> {
        self.relocation.config(config)?;
        let Some(mapping) = config.as_mapping_mut() else {
            return Ok(());
        };
        let keys = mapping
            .entry("bucket_keys".into())
            .or_insert_with(|| Value::Sequence(Vec::new()));
        let Some(keys) = keys.as_sequence_mut() else {
            return Ok(());
        };
        for key in keys.iter_mut() {
            let access = key.get("access-key").and_then(Value::as_str);
            if access.is_some_and(|access| self.taken.contains(access)) {
                for secret in SECRETS {
                    set(key, secret, "");
                }
            }
        }
        if let Some(name) = &self.lent {
            let mut lent = Value::Mapping(Mapping::new());
            for (field, value) in [
                ("name", name.as_str()),
                ("role", "admin"),
                ("description", ""),
            ] {
                set(&mut lent, field, value);
            }
            for secret in SECRETS {
                set(&mut lent, secret, "");
            }
            keys.push(lent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_keys_are_renewed_and_a_lent_one_is_added() {
        let text = "bucket:\n  name: a\n  config: {size: 1MiB}\nbucket_keys:\n- {name: k, role: \
                    read-only, access-key: X, secret-key: s}\n- {name: l, role: read-only, \
                    access-key: Y, secret-key: t}\n";
        let mut config: Value = serde_yaml::from_str(text).unwrap();
        let mut rekeying = Rekeying {
            relocation: Relocation {
                name: Some("b".parse().unwrap()),
                without: vec!["size".to_owned()],
                ..Relocation::default()
            },
            taken: BTreeSet::from(["X".to_owned()]),
            lent: Some("lent".to_owned()),
        };
        rekeying.config(&mut config).unwrap();
        let expected = "bucket:\n  name: b\n  config: {}\nbucket_keys:\n- {name: k, role: read-only, \
                        access-key: '', secret-key: ''}\n- {name: l, role: read-only, access-key: Y, \
                        secret-key: t}\n- {name: lent, role: admin, description: '', access-key: '', \
                        secret-key: ''}\n";
        assert_eq!(config, serde_yaml::from_str::<Value>(expected).unwrap());
    }
}
