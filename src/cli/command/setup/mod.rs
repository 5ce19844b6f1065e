//! The verbs of `incus-backup-setup`.

mod aliases;
mod copy;
mod doctor;
mod metrics;
mod notify;
mod target;

pub(in crate::cli) use aliases::aliases;
pub(in crate::cli) use copy::copy;
pub(in crate::cli) use doctor::doctor;
pub(in crate::cli) use metrics::metrics;
pub(in crate::cli) use notify::notify;
pub(in crate::cli) use target::target;
