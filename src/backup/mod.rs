//! `create`: backs instances and custom volumes up.
//!
//! Request → [`gather`] (reads the server) → [`plan`](plan()) (pure) → approved → [`apply_groups`].
//!
//! # What holds
//!
//! - A version is committed only after the server's stream was complete, its tar ended properly,
//!   every member that its index promises was seen and the operation succeeded.
//! - What a run makes on the server (a copy, a server-side backup) is gone when [`apply_groups`] returns,
//!   however it ends, and is marked so that the next run removes what a killed one left.
//! - Where an instance has a `user.backup.post`, that ran when [`apply_groups`] returns, if anything of its
//!   backup was begun while it ran.
//! - The server is always asked for an uncompressed tar: its late compression errors are silent.
//!
//! # Design
//!
//! One pass: socket → tar check and rewrite → compression on all cores → hash and file, joined by
//! bounded channels, so that memory does not grow with the instance. Where the server streams
//! exports (`direct_backup`) no named backup is ever posted: a failing one can bring such a server
//! down (`lxc/incus`, `instance_backup.go`, a nil reader is closed).

mod apply;
mod attempt;
pub mod bucket;
mod copy;
mod error;
mod export;
mod gather;
mod group;
mod grouping;
mod hooks;
pub mod image;
mod method;
mod plan;
mod record;
mod request;
mod store;
mod volume;

pub use apply::{Context, Pausing, Turns};
pub use error::BackupError;
pub use gather::{Facts, Sizes, TargetFacts, gather};
pub use group::apply_groups;
pub use grouping::{GroupWork, plan_groups};
pub use hooks::{Commands, HookError, InvalidTimeout};
pub use plan::{Work, plan};
pub use request::{IDLE, Options, Request, Scope};
pub use volume::{
    VolumeCandidate, VolumeCircumstances, VolumeFacts, VolumeRequest, VolumeWork, apply_volumes,
    gather_volumes, plan_volumes,
};
