//! How an instance is read, so that what is stored is from one moment (pure).

use crate::model::{InstanceType, Method};

/// What decides how an instance is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// Container or virtual machine.
    pub instance_type: InstanceType,
    /// Whether its processes run: neither stopped nor frozen.
    pub running: bool,
    /// What its storage pool can do.
    pub storage: Storage,
}

/// What a storage pool does when a running instance is exported or copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Snapshots itself before a container is exported; copies cost no time (btrfs, zfs).
    Snapshotting,
    /// Exports what is on disk; copies cost no time (thin LVM, Ceph, LINSTOR, `TrueNAS`).
    CopyOnWrite,
    /// Exports what is on disk; a copy is a full one, made while the instance is paused.
    Plain,
}

impl Storage {
    /// What a pool of a driver does; `config` gives a key of the pool's configuration.
    ///
    /// From the drivers' `BackupVolume`, `CreateVolumeFromCopy` and `RunningCopyFreeze`. A driver
    /// that is not known is treated as the plainest: right, if slow, for every one.
    pub fn of<'a>(driver: &str, config: impl Fn(&str) -> Option<&'a str>) -> Self {
        match driver {
            "zfs" if config("volume.zfs.block_mode") == Some("true") => Self::CopyOnWrite,
            "btrfs" | "zfs" => Self::Snapshotting,
            "lvm" if config("lvm.use_thinpool") == Some("false") => Self::Plain,
            "ceph" if config("ceph.rbd.clone_copy") == Some("false") => Self::Plain,
            "lvm" | "ceph" | "linstor" | "truenas" => Self::CopyOnWrite,
            _ => Self::Plain,
        }
    }
}

/// What the user asked for that bears on the method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Export running instances as they are.
    pub(super) no_snapshot: bool,
    /// Use the storage driver's own format.
    pub(super) optimized: bool,
}

/// Chooses the method for one instance.
pub(super) fn choose(instance: &Circumstances, wishes: Wishes) -> Method {
    if !instance.running {
        return Method::Direct;
    }
    if wishes.no_snapshot {
        return Method::Live;
    }
    // Plain exports of a virtual machine read its live disk, whatever the driver; optimized ones
    // are made from a snapshot.
    let snapshots_itself = instance.instance_type == InstanceType::Container || wishes.optimized;
    match instance.storage {
        Storage::Snapshotting if snapshots_itself => Method::ServerSnapshot,
        Storage::Snapshotting | Storage::CopyOnWrite => Method::InstantCopy,
        Storage::Plain => Method::PausedCopy,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use InstanceType::{Container, VirtualMachine};

    fn storage(driver: &str) -> Storage {
        Storage::of(driver, |_| None)
    }

    #[rstest]
    #[case(Container, "dir", Method::PausedCopy)]
    #[case(Container, "btrfs", Method::ServerSnapshot)]
    #[case(Container, "zfs", Method::ServerSnapshot)]
    #[case(Container, "lvm", Method::InstantCopy)]
    #[case(Container, "ceph", Method::InstantCopy)]
    #[case(Container, "lvmcluster", Method::PausedCopy)]
    #[case(Container, "something-new", Method::PausedCopy)]
    #[case(VirtualMachine, "dir", Method::PausedCopy)]
    #[case(VirtualMachine, "btrfs", Method::InstantCopy)]
    #[case(VirtualMachine, "zfs", Method::InstantCopy)]
    #[case(VirtualMachine, "lvm", Method::InstantCopy)]
    fn a_running_instance_is_read_from_one_moment(
        #[case] instance_type: InstanceType,
        #[case] driver: &str,
        #[case] method: Method,
    ) {
        let instance = Circumstances {
            instance_type,
            running: true,
            storage: storage(driver),
        };
        assert_eq!(choose(&instance, Wishes::default()), method);
        let no_snapshot = Wishes {
            no_snapshot: true,
            optimized: false,
        };
        assert_eq!(choose(&instance, no_snapshot), Method::Live);
        let stopped = Circumstances {
            running: false,
            ..instance
        };
        assert_eq!(choose(&stopped, Wishes::default()), Method::Direct);
        assert_eq!(choose(&stopped, no_snapshot), Method::Direct);
    }

    #[rstest]
    #[case("btrfs", Method::ServerSnapshot)]
    #[case("zfs", Method::ServerSnapshot)]
    #[case("lvm", Method::InstantCopy)]
    #[case("dir", Method::PausedCopy)]
    fn an_optimized_export_of_a_machine_is_made_from_a_snapshot(
        #[case] driver: &str,
        #[case] method: Method,
    ) {
        let instance = Circumstances {
            instance_type: VirtualMachine,
            running: true,
            storage: storage(driver),
        };
        assert_eq!(
            choose(
                &instance,
                Wishes {
                    no_snapshot: false,
                    optimized: true
                }
            ),
            method
        );
    }

    #[rstest]
    #[case("lvm", "lvm.use_thinpool", "false", Storage::Plain)]
    #[case("lvm", "lvm.use_thinpool", "true", Storage::CopyOnWrite)]
    #[case("zfs", "volume.zfs.block_mode", "true", Storage::CopyOnWrite)]
    #[case("ceph", "ceph.rbd.clone_copy", "false", Storage::Plain)]
    fn a_pool_s_configuration_changes_what_it_can_do(
        #[case] driver: &str,
        #[case] key: &str,
        #[case] value: &str,
        #[case] storage: Storage,
    ) {
        assert_eq!(
            Storage::of(driver, |asked| (asked == key).then_some(value)),
            storage
        );
    }
}
