//! Backups of the earlier tool of this name, which was written in Go: read, and never written.
//!
//! ```text
//! ROOT/instances/PROJECT/NAME/VERSION/       export.tar.xz  manifest.json  checksums.txt
//! ROOT/volumes/PROJECT/POOL/NAME/VERSION/    volume.tar.xz  manifest.json  checksums.txt
//! ROOT/config/VERSION/                       projects.json profiles.json networks.json
//!                                            storage_pools.json  manifest.json  checksums.txt
//! ```
//!
//! Names stand there as they are, and nothing says which server they are of: all of them are of the
//! source `legacy`. A version is whole if `checksums.txt`, which was written last, is there. What
//! `.tar.xz` holds is compressed as the server was set up to, mostly with gzip; its beginning tells.
//!
//! # Design
//!
//! The earlier tool had no locks, so a version may go while it is read: the reader keeps the file
//! open that it reads. Folders whose names are none, and links, are passed over.

mod checksums;
mod join;
mod manifest;
mod reader;

pub(super) use checksums::parse as parse_checksums;
pub use join::open_directory;
pub(super) use manifest::{CONFIG, Data, Found, Optimized, config_file, convert, includes, unread};
pub(super) use reader::{Legacy, SOURCE};
