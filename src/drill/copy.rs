//! What a copy is before it is started (pure).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::archive::is_own;
use crate::temporary::{Editable, Mark, is_of_a_mark};

/// The key of the command that must succeed in a copy.
const COMMAND: &str = "user.backup.drill";

/// The configuration of a stored instance, with that of its profiles.
pub(super) fn expanded(described: &Value) -> BTreeMap<String, String> {
    let config = described["expanded_config"].as_object();
    let config = config.into_iter().flatten();
    config
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The command that must succeed in a copy.
pub(super) fn command(config: &BTreeMap<String, String>) -> Option<&str> {
    let line = config.get(COMMAND)?.trim();
    (!line.is_empty()).then_some(line)
}

/// What lines of `raw.lxc` may set in a copy: nothing of the host, and nothing that others use.
const HARMLESS: [&str; 14] = [
    "lxc.apparmor.",
    "lxc.cap.",
    "lxc.environment",
    "lxc.init.",
    "lxc.no_new_privs",
    "lxc.prlimit.",
    "lxc.proc.",
    "lxc.pty.",
    "lxc.seccomp.",
    "lxc.selinux.",
    "lxc.signal.",
    "lxc.sysctl.",
    "lxc.tty.",
    "lxc.uts.",
];

/// A key that may give the copy what the original uses: devices that are none to Incus.
pub(super) fn reaching(config: &BTreeMap<String, String>) -> Option<&str> {
    let is_harmless = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || HARMLESS.iter().any(|key| line.starts_with(key))
    };
    let reaches = |(key, value): &(&String, &String)| {
        key.starts_with("raw.qemu") || (*key == "raw.lxc" && !value.lines().all(is_harmless))
    };
    config.iter().find(reaches).map(|(key, _)| key.as_str())
}

/// Whether a key has no place in a copy that is looked at for a moment.
fn is_of_the_original(key: &str) -> bool {
    [
        "boot.auto",
        "security.protection.",
        "snapshots.",
        "backups.",
    ]
    .iter()
    .any(|start| key.starts_with(start))
        || is_of_a_mark(key)
}

/// Makes a restored instance stand by itself: what its profiles gave it is its own, and it has nothing
/// that the original uses.
pub(super) fn isolate(copy: &mut Editable, expanded: &BTreeMap<String, String>, mark: &Mark) {
    for (key, value) in expanded {
        if !key.starts_with("volatile.") {
            copy.config.entry(key.clone()).or_insert(value.clone());
        }
    }
    copy.config.retain(|key, _| !is_of_the_original(key));
    let mark = mark.config().into_iter();
    copy.config
        .extend(mark.map(|(key, value)| (key.to_owned(), value)));
    copy.described["profiles"] = json!([]);
    if let Some(devices) = copy.described["devices"].as_object_mut() {
        devices.retain(|_, device| {
            let kept = serde_yaml::to_value(&*device).is_ok_and(|device| is_own(&device));
            kept && device["type"] != "none"
        });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{Owner, RunId};
    use crate::temporary::Role;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_copy_has_nothing_that_the_original_uses() {
        let mark = Mark {
            owner: Owner::current(&RunId::begin()),
            role: Role::Drill,
            name: "web".parse().unwrap(),
        };
        let mut copy = Editable {
            config: config(&[
                ("boot.autostart", "true"),
                ("security.protection.delete", "true"),
                ("volatile.uuid", "new"),
                ("limits.cpu", "1"),
            ]),
            described: json!({ "profiles": ["default", "app"], "devices": {
                "root": { "type": "disk", "path": "/", "pool": "p" },
                "data": { "type": "disk", "path": "/data", "pool": "p", "source": "v" },
                "host": { "type": "disk", "path": "/srv", "source": "/srv" },
                "eth0": { "type": "nic", "nictype": "bridged", "parent": "br0" },
                "web": { "type": "proxy", "listen": "tcp:0.0.0.0:80" },
                "gone": { "type": "none" },
                "tpm": { "type": "tpm" },
            } }),
        };
        let stored = config(&[
            ("boot.autorestart", "true"),
            ("limits.cpu", "2"),
            ("security.nesting", "true"),
            ("snapshots.schedule", "@daily"),
            ("volatile.uuid", "old"),
        ]);
        isolate(&mut copy, &stored, &mark);
        let mut expected = config(&[
            ("limits.cpu", "1"),
            ("security.nesting", "true"),
            ("volatile.uuid", "new"),
        ]);
        expected.extend(mark.config().map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(copy.config, expected);
        assert_eq!(
            copy.described,
            json!({ "profiles": [], "devices": {
                "root": { "type": "disk", "path": "/", "pool": "p" },
                "tpm": { "type": "tpm" },
            } })
        );
    }

    #[rstest]
    #[case("raw.lxc", "", true)]
    #[case(
        "raw.lxc",
        "lxc.apparmor.profile = unconfined\n\n# lxc.net\n lxc.cap.drop=",
        true
    )]
    #[case("raw.lxc", "lxc.net.1.type = phys", false)]
    #[case("raw.lxc", "lxc.cap.drop =\nlxc.namespace.keep = net", false)]
    #[case("raw.lxc", "lxc.include = /etc/x", false)]
    #[case("raw.qemu", "", false)]
    #[case("raw.qemu.conf", "x", false)]
    #[case("raw.idmap", "both 0 0", true)]
    fn raw_configuration_that_may_reach_the_original_is_told(
        #[case] key: &str,
        #[case] value: &str,
        #[case] harmless: bool,
    ) {
        let config = config(&[(key, value)]);
        assert_eq!(reaching(&config), (!harmless).then_some(key));
    }

    #[test]
    fn the_command_is_that_of_the_stored_configuration() {
        assert_eq!(
            command(&config(&[(COMMAND, " curl -f localhost ")])),
            Some("curl -f localhost")
        );
        assert_eq!(command(&config(&[(COMMAND, " ")])), None);
        assert_eq!(command(&config(&[])), None);
    }
}
