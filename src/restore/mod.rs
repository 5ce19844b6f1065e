//! `restore`: brings instances and custom volumes back.
//!
//! Request → [`gather`] (reads the target and the server) → [`plan`](plan()) (pure) → approved →
//! [`apply`].
//!
//! # What holds
//!
//! - An archive is checked while it is sent: its checksum, its compression, its tar, its promises.
//!   Its end is withheld until all of that is right, and an upload without its end is forgotten by
//!   the server. A damaged archive is never imported.
//! - A replaced instance is not touched before its successor is imported, and is deleted last.
//!   Whatever fails in between, it comes back under its name, running if it ran.
//! - Nothing starts unless asked to, not even at the server's next boot.

mod apply;
pub mod bucket;
mod description;
mod error;
mod finish;
mod fitting;
mod gather;
pub mod image;
mod import;
mod key;
mod lacking;
mod legacy;
mod limits;
mod member;
mod permits;
mod plan;
mod profiles;
mod quotas;
mod replace;
mod request;
mod rooms;
mod select;
mod send;
mod volume;

pub use crate::plan::{Existing, Lost, Mapping, Saved};
pub use apply::{Context, apply};
pub use description::{Description, NoDescription};
pub use error::RestoreError;
pub use fitting::SavedProfile;
pub use gather::{Existence, Facts, PoolFacts, Server, gather};
pub use limits::{Limits, Permit};
pub use member::{Members, Reach};
pub use plan::{Work, plan};
pub use request::{Options, Request, Scope, Selection};
pub use select::{lacks_undamaged, selected};
pub use volume::{
    ExistingVolume, VolumeFacts, VolumeRequest, VolumeScope, VolumeWork, apply_volumes,
    gather_volumes, lacks_undamaged_volume, plan_volumes,
};
