//! `create` of custom volumes.
//!
//! # What holds
//!
//! - A volume that something running mounts is read from one moment: from the server's own snapshot,
//!   from a copy that costs no time, or from one that is made while the instances that mount it are
//!   paused; a guard resumes them should this process die.
//! - A copy has its mark from its first moment on, and is gone when [`apply_volumes`] returns.
//! - A volume is stored for the project that it lives in, which is `default` for projects without
//!   volumes of their own.

mod apply;
mod copy;
mod gather;
mod method;
mod plan;
mod record;
mod request;
mod store;

pub use apply::apply_volumes;
pub(super) use apply::{
    VolumeSubject, back_up as back_up_volume, look as look_at_volume, store_iso,
};
pub(super) use copy::VolumeCopy;
pub use gather::{VolumeCandidate, VolumeFacts, gather_volumes};
pub use method::VolumeCircumstances;
pub use plan::{VolumeWork, plan_volumes};
pub use request::VolumeRequest;
pub(super) use store::store_copy as store_volume_copy;
