//! Plain values that every other module shares: names, resource ids, versions, sizes, digests.
//!
//! Nothing here performs I/O, but for [`Version::now`] and [`Owner::current`], which read the clock
//! and the process table. Names do not mix: an [`InstanceName`] is not a [`ProjectName`].
//!
//! ```compile_fail
//! use incus_backup::model::{InstanceName, ProjectName};
//! let project: ProjectName = "web".parse::<InstanceName>().unwrap();
//! ```

mod age;
mod check;
mod component;
mod compression;
mod consistency;
mod digest;
mod name;
mod object;
mod owner;
mod rate;
mod resource;
mod secret;
mod size;
mod version;

pub use age::{Age, InvalidAge};
pub use check::{Check, CheckLevel, Checks, InvalidLevel};
pub use component::{InvalidComponent, decode_component, encode_component};
pub use compression::{CompressionChoice, InvalidCompression};
pub use consistency::{Consistency, Method};
pub use digest::{InvalidDigest, Sha256};
pub use name::{
    AliasName, InstanceName, InvalidName, PoolName, ProfileName, ProjectName, RemoteName,
    ResourceName, SnapshotName, SourceName,
};
pub use object::{InvalidObjectKind, ObjectId, ObjectKind};
pub use owner::{InvalidOwner, Liveness, Owner};
pub use rate::{InvalidRate, Rate};
pub use resource::{InstanceType, InvalidKind, Kind, ResourceId, Subject, VolumeContent};
pub use secret::Secret;
pub use size::Bytes;
#[cfg(feature = "testing")]
pub use version::set_clock;
pub use version::{InvalidVersion, RunId, Version};
