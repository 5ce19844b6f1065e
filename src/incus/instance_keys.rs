//! The configuration keys of instances that a server knows (`/1.0/metadata/configuration`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::Error;
use super::client::Client;
use super::request::Request;

/// The extension of servers that tell.
const TELLS: &str = "metadata_configuration";

/// What every server takes, whether or not it says so: of 6.0.4's and 7.0.0's keys
/// (`internal/instance/config.go`) all others that they take and do not tell begin with `volatile.`.
const UNTOLD: [&str; 5] = [
    "user.",
    "image.",
    "environment.",
    "limits.kernel.",
    "security.syscalls.",
];

/// What servers after 6.0 write down of an instance by themselves, and can do without.
const LATER: [&str; 5] = [
    "volatile.vm.boot_state",
    "volatile.vm.hotplug.memory",
    "volatile.vm.needs_reset",
    "volatile.vm.rtc_adjustment",
    "volatile.vm.rtc_offset",
];
/// The same, of devices.
const LATER_OF_DEVICES: [&str; 2] = [".io.bus", ".last_state.vf.trusted"];
/// What tells an application container from another; the server that runs one cannot do without.
const APPLICATION: &str = "volatile.container.oci";

/// Whether a server takes an instance with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It does, or cannot be said not to.
    Yes,
    /// It does not, and is told it again by what it does itself.
    Dispensable,
    /// It does not.
    No,
}

/// The configuration keys that a server knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceKeys(BTreeSet<String>);

impl InstanceKeys {
    /// Understands the server's own description of its keys; nothing where it is not one.
    pub(super) fn parse(described: &Value) -> Option<Self> {
        let groups = described["configs"]["instance"].as_object()?;
        let listed = groups.values().filter_map(|group| group["keys"].as_array());
        let keys = listed.flatten().filter_map(Value::as_object);
        let names: BTreeSet<String> = keys.flat_map(|key| key.keys().cloned()).collect();
        // A server that knows nothing of snapshots does not describe its keys.
        names.contains("snapshots.expiry").then_some(Self(names))
    }

    /// Whether an instance can have a key there.
    pub fn takes(&self, key: &str) -> Taken {
        if UNTOLD.iter().any(|prefix| key.starts_with(prefix)) || self.tells(key) {
            return Taken::Yes;
        }
        if !key.starts_with("volatile.") || key == APPLICATION {
            return Taken::No;
        }
        let later = LATER.contains(&key) || LATER_OF_DEVICES.iter().any(|end| key.ends_with(end));
        // 7.0 does not tell this one, which it has with the other.
        let untold = key == "volatile.vm.hotplug.memory" && self.tells("limits.memory.hotplug");
        if later && !untold {
            Taken::Dispensable
        } else {
            Taken::Yes
        }
    }

    /// Whether the server names a key, or a pattern that it fits.
    fn tells(&self, key: &str) -> bool {
        self.0.contains(key)
            || self.0.iter().any(|known| {
                let open = known.split_once('*').or(known.split_once("<name>"));
                open.is_some_and(|(before, after)| {
                    let inner = key
                        .strip_prefix(before)
                        .and_then(|it| it.strip_suffix(after));
                    inner.is_some_and(|inner| !inner.is_empty())
                })
            })
    }
}

impl Client {
    /// The configuration keys of instances that the server knows; nothing where it does not tell.
    pub async fn instance_keys(&self) -> Result<Option<InstanceKeys>, Error> {
        if !self.has(TELLS) {
            return Ok(None);
        }
        let action = "read which configuration keys the server knows";
        let get = Request::get(&["metadata", "configuration"], action);
        let found = self.read_some(&get).await?;
        Ok(found.and_then(|(described, _)| InstanceKeys::parse(&described)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn keys(more: &[&str]) -> InstanceKeys {
        let mut told: Vec<Value> = [
            "snapshots.expiry",
            "linux.sysctl.*",
            "volatile.<name>.hwaddr",
        ]
        .iter()
        .chain(more)
        .map(|key| json!({ *key: { "type": "string" } }))
        .collect();
        let last = told.split_off(1);
        let described = json!({ "configs": { "instance": {
            "snapshots": { "keys": told }, "others": { "keys": last } } } });
        InstanceKeys::parse(&described).unwrap()
    }

    #[rstest]
    #[case("snapshots.expiry", Taken::Yes)]
    #[case("snapshots.expiry.manual", Taken::No)]
    #[case("linux.sysctl.net.ipv4.ip_forward", Taken::Yes)]
    #[case("linux.sysctl.", Taken::No)]
    #[case("systemd.credential.a", Taken::No)]
    #[case("user.backup.pre", Taken::Yes)]
    #[case("image.os", Taken::Yes)]
    #[case("limits.kernel.nofile", Taken::Yes)]
    #[case("security.syscalls.blacklist", Taken::Yes)]
    #[case("volatile.eth0.hwaddr", Taken::Yes)]
    #[case("volatile.uuid", Taken::Yes)]
    #[case("volatile.root.io.bus", Taken::Dispensable)]
    #[case("volatile.vm.rtc_offset", Taken::Dispensable)]
    #[case("volatile.vm.hotplug.memory", Taken::Dispensable)]
    #[case("volatile.container.oci", Taken::No)]
    fn an_older_server_does_not_take_what_came_later(#[case] key: &str, #[case] taken: Taken) {
        assert_eq!(keys(&[]).takes(key), taken);
    }

    #[rstest]
    #[case("snapshots.expiry.manual")]
    #[case("systemd.credential.a")]
    #[case("volatile.vm.rtc_offset")]
    #[case("volatile.vm.hotplug.memory")]
    #[case("volatile.container.oci")]
    fn a_newer_one_does(#[case] key: &str) {
        let newer = keys(&[
            "snapshots.expiry.manual",
            "systemd.credential.*",
            "limits.memory.hotplug",
            "volatile.vm.rtc_offset",
            "volatile.container.oci",
        ]);
        assert_eq!(newer.takes(key), Taken::Yes);
    }

    #[test]
    fn what_is_no_description_of_keys_says_nothing() {
        for described in [
            json!({}),
            json!({ "configs": { "instance": {} } }),
            json!(null),
        ] {
            assert_eq!(InstanceKeys::parse(&described), None);
        }
    }
}
