//! How a custom volume is read, so that what is stored is from one moment (pure).

use super::super::method::{Storage, Wishes};
use crate::model::{Method, VolumeContent};

/// What decides how a volume is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeCircumstances {
    /// What it holds.
    pub content: VolumeContent,
    /// Whether an instance that runs mounts it.
    pub in_use: bool,
    /// What its storage pool can do.
    pub storage: Storage,
}

/// Chooses the method for one volume.
pub(in crate::backup) fn choose(volume: VolumeCircumstances, wishes: Wishes) -> Method {
    // Nobody writes to an ISO.
    if !volume.in_use || volume.content == VolumeContent::Iso {
        return Method::Direct;
    }
    if wishes.no_snapshot {
        return Method::Live;
    }
    // Plain exports of a disk read it as it changes, whatever the driver; optimized ones are made
    // from a snapshot.
    let snapshots_itself = volume.content == VolumeContent::Filesystem || wishes.optimized;
    match volume.storage {
        Storage::Snapshotting if snapshots_itself => Method::ServerSnapshot,
        Storage::Snapshotting | Storage::CopyOnWrite => Method::InstantCopy,
        // The server pauses nobody while it copies a custom volume.
        Storage::Plain => Method::PausedCopy,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use VolumeContent::{Block, Filesystem, Iso};

    #[rstest]
    #[case(Filesystem, "dir", false, Method::PausedCopy)]
    #[case(Filesystem, "btrfs", false, Method::ServerSnapshot)]
    #[case(Filesystem, "zfs", true, Method::ServerSnapshot)]
    #[case(Filesystem, "lvm", false, Method::InstantCopy)]
    #[case(Filesystem, "ceph", true, Method::InstantCopy)]
    #[case(Filesystem, "something-new", false, Method::PausedCopy)]
    #[case(Block, "dir", false, Method::PausedCopy)]
    #[case(Block, "btrfs", false, Method::InstantCopy)]
    #[case(Block, "btrfs", true, Method::ServerSnapshot)]
    #[case(Block, "lvm", true, Method::InstantCopy)]
    #[case(Iso, "dir", false, Method::Direct)]
    fn a_volume_in_use_is_read_from_one_moment(
        #[case] content: VolumeContent,
        #[case] driver: &str,
        #[case] optimized: bool,
        #[case] method: Method,
    ) {
        let volume = VolumeCircumstances {
            content,
            in_use: true,
            storage: Storage::of(driver, |_| None),
        };
        let wishes = Wishes {
            no_snapshot: false,
            optimized,
        };
        assert_eq!(choose(volume, wishes), method);
        let live = Wishes {
            no_snapshot: true,
            optimized,
        };
        let expected = match content {
            Iso => Method::Direct,
            _ => Method::Live,
        };
        assert_eq!(choose(volume, live), expected);
        let idle = VolumeCircumstances {
            in_use: false,
            ..volume
        };
        assert_eq!(choose(idle, wishes), Method::Direct);
        assert_eq!(choose(idle, live), Method::Direct);
    }
}
