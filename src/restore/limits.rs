//! What a project's limits and restrictions mean for an import into it (pure).
//!
//! From `internal/server/project/permissions.go`. The server checks everything itself when something
//! is imported; what is looked at here is what it would say only after the whole archive was sent,
//! and what must not get in while low-level configuration is let in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::incus::{Client, Project, is_restricted, is_true};
use crate::model::InstanceType;
use crate::temporary::{before, takes_volatile_keys};

/// The keys that let low-level configuration in: of containers, and of virtual machines.
const LOW_LEVEL: [&str; 2] = [
    "restricted.containers.lowlevel",
    "restricted.virtual-machines.lowlevel",
];

/// The limits and restrictions of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    config: BTreeMap<String, String>,
    project: String,
    /// Whether this client may change the project.
    may_open: bool,
    /// Whether the server takes what archives carry as it is.
    takes_volatile_keys: bool,
}

/// Whether a project must be opened for an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It lets the import in as it is, or cannot be opened and is to be tried all the same.
    Needless,
    /// Low-level configuration is allowed for as long as it takes.
    Open,
}

/// What a project has to say to an import.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Free,
    /// It must be opened for it.
    Open,
    /// It cannot be opened for it.
    Closed(String),
}

impl Limits {
    /// The limits of a project, to this client of its server.
    pub(super) fn of(project: &Project, client: &Client) -> Self {
        Self {
            config: project.config.clone(),
            project: project.name.to_string(),
            may_open: client.server().administrator,
            takes_volatile_keys: takes_volatile_keys(client),
        }
    }

    /// Whether the project's own setting, before any run of this program changed it, keeps low-level
    /// configuration of a type out.
    fn keeps_low_level_out(&self, instance_type: InstanceType) -> bool {
        let key = match instance_type {
            InstanceType::Container => LOW_LEVEL[0],
            InstanceType::VirtualMachine => LOW_LEVEL[1],
        };
        let own = before(&self.config).remove(key).flatten();
        is_restricted(&self.config) && own.as_deref() != Some("allow")
    }

    /// What is said to the import of an instance, described as the API gives it.
    pub(super) fn judge(&self, instance_type: InstanceType, described: Option<&Value>) -> Verdict {
        let limited = self.config.keys().any(|key| key.starts_with("limits."));
        if !limited && !is_restricted(&self.config) {
            return Verdict::Free;
        }
        if let Some(key) = described.and_then(|it| self.smuggled(instance_type, it)) {
            return Verdict::Closed(format!(
                "it has `{key}`, which project `{}` does not allow",
                self.project
            ));
        }
        let before = before(&self.config);
        let own = |key: &str| before.get(key).and_then(Option::as_deref);
        let allowed = LOW_LEVEL.iter().all(|key| own(key) == Some("allow"));
        if allowed || self.takes_volatile_keys {
            // Where it counts and cannot be eased, only the last one that it may have is refused. And
            // where it is restricted, the id that cloud-init knows an instance by is lost.
            let counts = !self.counts(instance_type).is_empty();
            let renames = !allowed && is_restricted(&self.config);
            return if (counts || renames) && self.may_open {
                Verdict::Open
            } else {
                Verdict::Free
            };
        }
        let way = format!(
            "project `{name}` has limits or restrictions, and servers refuse imports into such \
             projects unless they allow low-level configuration (`incus project set {name} \
             restricted.containers.lowlevel=allow restricted.virtual-machines.lowlevel=allow`)",
            name = self.project
        );
        if !self.may_open {
            return Verdict::Closed(format!(
                "{way}, which these credentials may not set for the time of the restore"
            ));
        }
        let odd = described.filter(|_| !is_restricted(&self.config));
        match odd.and_then(|it| unusual(instance_type, it)) {
            Some(what) => Verdict::Closed(format!(
                "{way}; it is not set for the time of the restore, because the server would not let \
                 it be unset again beside an instance with {what}"
            )),
            None => Verdict::Open,
        }
    }

    /// A low-level key of an instance that the project keeps out, and that must not get in while it is
    /// open.
    pub(super) fn smuggled(
        &self,
        instance_type: InstanceType,
        described: &Value,
    ) -> Option<String> {
        if !self.keeps_low_level_out(instance_type) {
            return None;
        }
        // Host ids of `raw.idmap` may be allowed by themselves; the server looks at them then.
        let idmap_allowed = self.config.contains_key("restricted.idmap.uid")
            || self.config.contains_key("restricted.idmap.gid");
        let config = described["config"].as_object();
        let keys = config.into_iter().flatten().map(|(key, _)| key);
        keys.filter(|key| is_low_level(instance_type, key))
            .find(|key| !(idmap_allowed && *key == "raw.idmap"))
            .cloned()
    }

    /// How many instances of a type may be there, and the key that says so.
    pub(super) fn counts(&self, instance_type: InstanceType) -> Vec<(&'static str, u64)> {
        let own = match instance_type {
            InstanceType::Container => "limits.containers",
            InstanceType::VirtualMachine => "limits.virtual-machines",
        };
        let before = before(&self.config);
        let limit = |key: &'static str| {
            let value = before.get(key)?.as_ref()?;
            Some((key, value.parse().ok()?))
        };
        ["limits.instances", own]
            .into_iter()
            .filter_map(limit)
            .collect()
    }
}

/// The interceptions that a setting of their own lets in.
const INTERCEPTIONS: [&str; 7] = [
    "security.syscalls.intercept.bpf",
    "security.syscalls.intercept.bpf.devices",
    "security.syscalls.intercept.mknod",
    "security.syscalls.intercept.mount",
    "security.syscalls.intercept.mount.fuse",
    "security.syscalls.intercept.setxattr",
    "security.syscalls.intercept.sysinfo",
];

/// Whether a key is what the server calls low-level.
fn is_low_level(instance_type: InstanceType, key: &str) -> bool {
    const BOTH: [&str; 5] = [
        "boot.host_shutdown_action",
        "boot.host_shutdown_timeout",
        "limits.memory.oom_priority",
        "raw.apparmor",
        "raw.idmap",
    ];
    if BOTH.contains(&key) {
        return true;
    }
    match instance_type {
        InstanceType::VirtualMachine => {
            key == "limits.memory.hugepages" || key == "raw.qemu" || key.starts_with("raw.qemu.")
        }
        InstanceType::Container => {
            let intercepts = key.starts_with("security.syscalls.intercept");
            (intercepts && !INTERCEPTIONS.contains(&key))
                || key.starts_with("security.bpffs")
                || matches!(
                    key,
                    "linux.kernel_modules"
                        | "limits.memory.swap"
                        | "raw.lxc"
                        | "raw.seccomp"
                        | "security.guestapi.images"
                        | "security.idmap.base"
                        | "security.idmap.size"
                )
        }
    }
}

/// What of an instance the default restrictions would not allow. The server looks at them when a
/// `restricted.*` key of a project changes, though the project is not restricted.
fn unusual(instance_type: InstanceType, described: &Value) -> Option<String> {
    let config = described["expanded_config"].as_object();
    for (key, value) in config.into_iter().flatten() {
        let on = value.as_str().is_some_and(is_true);
        let container = instance_type == InstanceType::Container;
        let flag = key == "security.nesting" || key == "security.privileged";
        let intercepts = INTERCEPTIONS.contains(&key.as_str());
        if is_low_level(instance_type, key) || (container && on && (flag || intercepts)) {
            return Some(format!("`{key}`"));
        }
    }
    let devices = described["expanded_devices"].as_object();
    let odd = devices.into_iter().flatten().find(|(_, device)| {
        let has = |key: &str| device[key].as_str().is_some_and(|text| !text.is_empty());
        match device["type"].as_str().unwrap_or_default() {
            "nic" => !has("network"),
            "disk" => {
                !has("pool")
                    && !matches!(
                        device["source"].as_str(),
                        Some("cloud-init:config" | "agent:config")
                    )
            }
            "none" => false,
            _ => true,
        }
    });
    odd.map(|(name, _)| format!("a device like `{name}`"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use InstanceType::{Container, VirtualMachine};

    fn limits(pairs: &[(&str, &str)], may_open: bool) -> Limits {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Limits {
            config: pairs.iter().map(owned).collect(),
            project: "p".to_owned(),
            may_open,
            takes_volatile_keys: false,
        }
    }

    const RESTRICTED: &[(&str, &str)] = &[("restricted", "true")];
    const LIMITED: &[(&str, &str)] = &[("limits.cpu", "4")];
    const ALLOWED: &[(&str, &str)] = &[
        ("restricted", "true"),
        ("restricted.containers.lowlevel", "allow"),
        ("restricted.virtual-machines.lowlevel", "allow"),
    ];

    #[rstest]
    #[case::free(&[("features.images", "true")], json!({}), Ok(Verdict::Free))]
    #[case::not_restricted(&[("restricted", "false")], json!({}), Ok(Verdict::Free))]
    #[case::allowed(ALLOWED, json!({ "config": { "raw.lxc": "x" } }), Ok(Verdict::Free))]
    #[case::allowed_and_counted(
        &[ALLOWED[0], ALLOWED[1], ALLOWED[2], ("limits.instances", "3")],
        json!({}),
        Ok(Verdict::Open)
    )]
    #[case::restricted(RESTRICTED, json!({}), Ok(Verdict::Open))]
    #[case::limited(LIMITED, json!({}), Ok(Verdict::Open))]
    #[case::low_level(
        RESTRICTED,
        json!({ "config": { "user.x": "y", "raw.lxc": "x" } }),
        Err("it has `raw.lxc`, which project `p` does not allow")
    )]
    #[case::low_level_in_a_limited_one(
        LIMITED,
        json!({ "config": {}, "expanded_config": { "raw.lxc": "x" } }),
        Err("beside an instance with `raw.lxc`")
    )]
    #[case::nesting(
        LIMITED,
        json!({ "expanded_config": { "security.nesting": "true" } }),
        Err("beside an instance with `security.nesting`")
    )]
    #[case::nesting_off(
        LIMITED,
        json!({ "expanded_config": { "security.nesting": "false" } }),
        Ok(Verdict::Open)
    )]
    #[case::nesting_is_for_the_server_to_judge(
        RESTRICTED,
        json!({ "config": { "security.nesting": "true" } }),
        Ok(Verdict::Open)
    )]
    #[case::unmanaged_nic(
        LIMITED,
        json!({ "expanded_devices": { "eth0": { "type": "nic", "parent": "br0" } } }),
        Err("a device like `eth0`")
    )]
    #[case::managed(
        LIMITED,
        json!({ "expanded_devices": {
            "root": { "type": "disk", "path": "/", "pool": "p" },
            "eth0": { "type": "nic", "network": "n" },
            "eth1": { "type": "none" } } }),
        Ok(Verdict::Open)
    )]
    fn a_project_is_opened_where_it_must_and_can_be(
        #[case] config: &[(&str, &str)],
        #[case] described: Value,
        #[case] expected: Result<Verdict, &str>,
    ) {
        let verdict = limits(config, true).judge(Container, Some(&described));
        match (verdict, expected) {
            (Verdict::Closed(reason), Err(text)) => assert!(reason.ends_with(text), "{reason}"),
            (verdict, expected) => assert_eq!(Ok(verdict), expected),
        }
    }

    #[test]
    fn a_server_that_takes_archives_as_they_are_is_eased_only_where_it_must_be() {
        let judged_for = |config: &[(&str, &str)], may_open: bool| {
            let limits = Limits {
                takes_volatile_keys: true,
                ..limits(config, may_open)
            };
            let nested = json!({ "expanded_config": { "security.nesting": "true" } });
            limits.judge(Container, Some(&nested))
        };
        let judged = |config: &[(&str, &str)]| judged_for(config, true);
        assert_eq!(judged_for(RESTRICTED, false), Verdict::Free);
        assert_eq!(judged(LIMITED), Verdict::Free);
        assert_eq!(judged(&[("limits.virtual-machines", "1")]), Verdict::Free);
        assert_eq!(judged(&[("limits.containers", "1")]), Verdict::Open);
        // Nobody may give a renamed instance its id again.
        assert_eq!(judged(RESTRICTED), Verdict::Open);
        assert_eq!(judged(ALLOWED), Verdict::Free);
    }

    #[test]
    fn who_may_not_change_a_project_is_told_what_an_administrator_can_do() {
        let Verdict::Closed(reason) = limits(LIMITED, false).judge(Container, None) else {
            panic!("it is closed");
        };
        assert!(
            reason.contains("`incus project set p restricted.containers.lowlevel=allow"),
            "{reason}"
        );
        assert_eq!(limits(ALLOWED, false).judge(Container, None), Verdict::Free);
    }

    #[test]
    fn a_project_that_another_run_has_opened_is_still_to_be_opened_and_keeps_what_it_kept_out() {
        let record = r#"{"restricted.containers.lowlevel":null,"restricted.virtual-machines.lowlevel":"allow"}"#;
        let mut open = ALLOWED.to_vec();
        open.push(("user.incus-backup.before", record));
        let limits = limits(&open, true);
        assert_eq!(limits.judge(Container, None), Verdict::Open);
        let raw = json!({ "config": { "raw.lxc": "x", "raw.qemu": "y" } });
        assert_eq!(limits.smuggled(Container, &raw), Some("raw.lxc".into()));
        assert_eq!(limits.smuggled(VirtualMachine, &raw), None);
    }

    #[rstest]
    #[case("raw.lxc", true, false)]
    #[case("raw.qemu", false, true)]
    #[case("raw.qemu.conf", false, true)]
    #[case("raw.idmap", true, true)]
    #[case("security.syscalls.intercept.mknod", false, false)]
    #[case("security.syscalls.intercept.sched_setscheduler", true, false)]
    #[case("security.nesting", false, false)]
    #[case("user.raw.lxc", false, false)]
    fn the_server_s_low_level_keys_are_known(
        #[case] key: &str,
        #[case] of_containers: bool,
        #[case] of_machines: bool,
    ) {
        assert_eq!(is_low_level(Container, key), of_containers);
        assert_eq!(is_low_level(VirtualMachine, key), of_machines);
    }
}
