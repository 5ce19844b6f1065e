//! `restore` of custom volumes.
//!
//! # What holds
//!
//! - As for instances: a damaged archive is never imported, and a volume that is replaced is not
//!   touched before its successor is imported, and is deleted last.
//! - Instances that mount a volume are stopped for a replacement only where that was asked for, and
//!   run again when [`apply_volumes`] returns, whatever happened. Their devices and those of profiles
//!   name the volume as before.

mod apply;
mod gather;
mod plan;
mod replace;
mod request;

pub use apply::apply_volumes;
pub use gather::{ExistingVolume, VolumeFacts, gather_volumes, lacks_undamaged_volume};
pub use plan::{VolumeWork, plan_volumes};
pub use request::{VolumeRequest, VolumeScope};
