//! Where backups live. Knows nothing of the Incus API, nor of what is in an archive.
//!
//! # What every target promises
//!
//! - *Reference last, unreference first.* A version is written as data, checksums, manifest, each
//!   durable before the next, and appears by one rename; it is removed by one rename, manifest
//!   before data. Whatever is interrupted, a version is either listed and whole, or not listed.
//! - What stands under a version is never written again.
//! - Whoever creates or reads a version of a resource holds its lock shared; only an
//!   [`ExclusiveLock`] can delete. Locks vanish with their process.
//! - Names that are read back are data: they are parsed, and links are not followed.

mod checksums;
mod directory;
mod encryption;
mod error;
mod flock;
mod legacy;
mod location;
mod manifest;
mod reach;
mod restic;
mod run;
mod seam;

pub use checksums::{Checksums, InvalidChecksums};
#[cfg(feature = "testing")]
pub use directory::faults;
pub use directory::{DirectoryTarget, Probe};
pub use encryption::{
    AskHolder, ENDING, Encryption, Identities, InvalidRecipient, Nobody, Recipients,
    UnusableIdentity,
};
pub use error::TargetError;
pub use legacy::open_directory;
pub use location::{Location, LocationError};
pub use manifest::{
    ArchiveFacts, BucketFacts, ConfigFacts, ConfigFile, HookFacts, HookRun, ImageFacts,
    InstanceFacts, InvalidManifest, Manifest, ManifestOptions, Moment, Requires, StoredKey,
    UnreadableKind, VolumeFacts,
};
pub use reach::{Access, Found, ResticAccess};
pub use restic::{
    Glance, InvalidRepository, Opening, Repository, ResticTarget, ResticVersion, Tool,
};
pub use run::{RunRecord, without_credentials};
pub use seam::{
    Depth, Doomed, Draft, DraftFile, ExclusiveLock, Filter, Opened, Protection, Seekable,
    SourceFacts, State, Stored, StoredId, Target, Written, grouped,
};
