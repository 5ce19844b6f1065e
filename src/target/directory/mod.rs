//! The directory target.
//!
//! ```text
//! ROOT/incus-backup.json                                  a target: format, id, created_at
//! ROOT/locks/SOURCE/instances/PROJECT/NAME.lock           flock: shared to create and read
//! ROOT/SOURCE/source.json                                 which server this is
//! ROOT/SOURCE/runs/RUN.json                               what one command was asked and did
//! ROOT/SOURCE/instances/PROJECT/NAME/VERSION/             a version
//! ROOT/SOURCE/instances/PROJECT/NAME/.partial-VERSION-X/  one that is being written
//! ROOT/SOURCE/instances/PROJECT/NAME/.deleting-VERSION-X/ one that is being removed
//! ```
//!
//! Files that hold the same bytes may be one file with several names (hard links): each version has
//! it as its own.
//!
//! Where recipients are given, every file of a new version but `manifest.json` and `checksums.txt` is
//! encrypted, and has `.age` behind its name. Which versions are, they say themselves: a target may hold
//! both. Checksums and sizes are of what is stored, so that they are checked without a key.
//!
//! In a version's folder `protected.json` and `checks.json` may stand beside the manifest: they are
//! about the version, and not of it.
//!
//! Folders have mode 0700 and files 0600, whatever the umask.

mod catalog;
mod draft;
#[cfg(feature = "testing")]
pub mod faults;
mod files;
mod lock;
mod notes;
mod open;
mod place;
mod runs;
mod sealed;
mod share;

pub(super) use files::{make_folders, open_file, open_or_create, read_file};
pub use place::{DirectoryTarget, Probe};
