//! Incus' export tar: what it promises, whether it keeps it, rewriting it on the way, and the frames
//! that it is compressed in. Knows nothing of servers and targets.
//!
//! Everything is one pass over a stream, in constant memory: [`Pass`] takes the bytes of a tar as
//! they come, checks them and hands them on; [`FrameWriter`] compresses what it is given.

mod check;
mod decoder;
mod error;
mod frames;
mod gzip;
mod header;
mod index;
mod listing;
mod members;
mod pass;
mod passage;
mod references;
mod rekey;
mod relocate;
mod rewrite;
mod seekable;
mod seen;
mod unpack;

pub use decoder::{decoder, unpacked};
pub use error::ArchiveError;
pub use frames::{Compression, FrameTotals, FrameWriter};
pub use index::{ContentType, Index, Needs};
pub use listing::{LISTING, Listed, read_listing};
pub use members::{Member, MemberKind, MemberPath, MemberWriter, Members};
pub use pass::{Contents, Pass};
pub use passage::{Passage, Raw};
pub use references::{Devices, Reference, References, is_own};
pub use rekey::Rekeying;
pub use relocate::{OriginalVolume, Relocation};
pub use rewrite::{Edit, Identity, Original, Placement, is_identity};
pub use seekable::SeekableFrames;
pub use unpack::{UNPACKED, Unpack};
