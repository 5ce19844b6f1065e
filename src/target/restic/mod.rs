//! The restic target: a repository of restic, which other people's snapshots may share.
//!
//! A version is one snapshot of each file of data, and one of everything that describes it:
//!
//! ```text
//! /instance_PROJECT_NAME.tar            part=data: the tar of the server, uncompressed
//! /instance_PROJECT_NAME.manifest.tar   part=manifest: instance.json, checksums.txt, manifest.json
//! /source_SOURCE.json                   part=source: which server a source is
//! /run_RUN.json                         part=run: what one command was asked and did
//! ```
//!
//! Snapshots carry the tags `type schema source project pool name timestamp part run draft` (values
//! percent-encoded), `--host` is the source and `--time` the version's. What has the same `draft`
//! belongs together, so that `restic copy` and `restic tag`, which give snapshots new ids, do no harm.
//!
//! # Design
//!
//! - *One listing is one `restic snapshots --json`.* Each start of restic takes half a second for the
//!   key alone, so what a listing needs must be in the snapshots themselves: the manifest stands in a
//!   tag of its snapshot too, packed.
//! - *The manifest is written last*, and forgotten first. Data without one is no version; it goes with
//!   the next run once its writer has ended.
//! - *Nothing short is stored.* Whoever cannot go on to the end of a file kills restic while its input is
//!   open, so that no snapshot is made.
//! - *Locks between processes of this program* are files of this machine, as those of a directory are.
//!   Between machines restic's own locks keep the repository whole; no command of this program relies
//!   on more than that.
//! - *What the earlier tool stored is read and never changed*: it is of the source `legacy`, which nothing
//!   is written to.
//! - *One restic at a time*: each takes memory and the repository's bandwidth for itself.

mod address;
mod bundle;
mod catalog;
mod draft;
mod feed;
mod glance;
mod held;
mod legacy;
mod lock;
mod notes;
mod open;
mod open_legacy;
mod process;
mod remove;
mod repository;
mod runs;
mod said;
mod shared;
mod slot;
mod snapshot;
mod tags;
mod version;

pub use address::{InvalidRepository, Repository};
pub use glance::Glance;
pub use process::Tool;
pub use repository::{Opening, ResticTarget};
pub use version::ResticVersion;
