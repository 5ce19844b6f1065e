//! `incus-backup-setup`.

mod copy;

pub(in crate::cli) use copy::copy;
