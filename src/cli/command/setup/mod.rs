//! The verbs of `incus-backup-setup`.

mod aliases;
mod copy;

pub(in crate::cli) use aliases::aliases;
pub(in crate::cli) use copy::copy;
