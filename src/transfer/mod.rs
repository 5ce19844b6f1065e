//! `copy`: versions of one target become versions of another.
//!
//! # What holds
//!
//! - A copy is the same version: its second, its times, how consistent it is, who made it, whether it is
//!   protected. Only how its archive is packed, and whom its files are encrypted to, follows the target
//!   that it is in.
//! - What is encrypted is decrypted only where it is encrypted again, be it by restic.
//! - What is read is compared with its checksum on the way. What is not what was stored is not copied,
//!   and a copy appears only when all of it is there.
//! - What is there is never written again, be it the same or not: a copy that was interrupted goes on
//!   with what is missing.
//! - One version that cannot be copied does not stop the others.
//!
//! # Design
//!
//! Nothing of a server is asked. Which server a source is goes with its versions, so that two servers
//! do not mix under one name in the other target either.

mod apply;
mod carry;
mod error;
mod gather;
mod packing;
mod plan;

pub use apply::{Context, apply};
pub use error::TransferError;
pub use gather::{Facts, Whose, gather};
pub use packing::{Encrypting, Packing};
pub use plan::{Work, plan};
