//! Files out of a backup: what a stored version holds, files taken out of it, put back into the
//! instance that they are of, and what two versions differ in.
//!
//! Where the target keeps a list of what is in an archive and gives any part of it without the rest
//! ([`Opened::seekable`](crate::target::Opened::seekable)), only the list and the parts that are
//! needed are read, each checked by its own checksum. Otherwise, or where the list is not right, the
//! whole archive is read and checked, and what is taken out of it appears when all of it was right.
//!
//! Of a virtual machine and of a block volume the archive has the image of a disk. The first part of a path
//! is then a partition, and what is below it is read from the image: by the same parts of the archive, or
//! from a copy of the image in a file without a name.
//!
//! Names come from an archive: they never lead out of the place that files are taken to.

mod compare;
mod disk;
mod error;
mod extract;
mod image;
mod place;
mod put;
mod reader;
mod show;
mod walk;

pub use compare::{Change, Difference, compare};
pub use error::FilesError;
pub use extract::{Existing, Extracted, Ownership, extract};
pub use place::{FilePath, Place};
pub use put::{Destination, PutFile, PutWork, apply_put, plan_put};
pub use reader::Reader;
pub use show::write_out;
pub use walk::Depth;
