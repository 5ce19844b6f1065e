//! What is in the image of a disk: its partitions, and the files of ext2, ext3 and ext4. Reads only, needs
//! neither root nor a mount, and knows nothing of archives: it is given bytes that can be read from any
//! place on.
//!
//! # Design
//!
//! An image was written by whoever had root in a virtual machine. Whatever it says is bounded by how
//! large it is: no size that it declares is allocated, no tree that it describes is followed deeper or
//! longer than an honest one could be, and what contradicts itself is an error.
//!
//! `ext4-view`, the crate that there is for this, was looked at and left: a running machine is backed up with
//! a journal that is still to be replayed, and it (1.0.0) does not wrap around at the end of the journal,
//! applies a revocation to its own transaction only, so that an old block may appear in the place of a
//! newer one, and refuses journals without checksums; it allocates what a superblock declares, and tells
//! no inode numbers, so that no hard link could be known. What it would have replaced is in `ext/`.
//! Partition tables are two small structures, for which no dependency pays.
//!
//! What is not done: checksums of metadata are not compared (those of the archive are), and fast commits
//! are not replayed, which gives the state of the last full commit.

mod error;
mod ext;
mod kind;
mod numbers;
mod table;
mod window;

pub use error::DiskError;
pub use ext::{Ext, Inode, InodeKind, Piece};
pub use kind::{FileSystem, Kind};
pub use table::{Partition, partitions};
pub use window::{Source, Window};
