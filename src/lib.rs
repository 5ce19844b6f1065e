//! The library behind the `incus-backup` binaries.
//!
//! # How data flows
//!
//! ```text
//! argv → arguments → request → gather (reads only) → facts → plan (pure) → plan
//!      → preview → consent → apply → Incus and target → report → exit code
//! ```
//!
//! Planning never performs I/O, applying never decides. What a preview shows is what is applied,
//! row by row, because both are the same value.
//!
//! # The modules, from the bottom up
//!
//! A module uses only modules above its own row; those that share a row do not see each other,
//! and only operations join them. `tests/it/layers.rs` fails where an import breaks this.
//!
//! | row | modules | what is in them |
//! |---|---|---|
//! | 1 | [`model`], [`progress`], [`yaml`] | plain values; progress and cancellation; documents of whatever origin, in bounded memory and time |
//! | 2 | [`incus`], [`archive`], [`disk`], [`target`], [`retention`], [`diff`], [`settings`] | the REST client; Incus' tar format; images of disks, and the files in them; where backups live; what stays; the difference of documents; `backup.yml` |
//! | 3 | [`plan`], [`temporary`], [`retrieve`] | what every operation's plan, consent and report are made of; objects that exist on a server only while a run works; stored archives read back and checked |
//! | 4 | [`backup`], [`restore`], [`config`], [`list`], [`verify`], [`prune`], [`files`], [`transfer`], [`aliases`], [`protection`], [`metrics`], [`notify`] | the operations: create; restore; a server's configuration; list, show, protect and delete; verify; prune; files out of a backup; copy to another target; aliases of the `incus` client; what has no recent backup; metrics; how a run ended, told to somebody |
//! | 5 | [`drill`], [`doctor`], [`report`] | the operations that join some of them: what was stored is restored as a copy, to see it run; what is wrong where backups are made; what is protected, as a page |
//! | 6 | [`ui`] | tables, previews, prompts, progress bars, messages |
//! | 7 | [`cli`] | arguments, context, signals, failures and exit codes |
//!
//! `testing` (a feature of the same name) holds the fake daemon and what tests build archives with.
//!
//! # Words
//!
//! *instance*: a container or a virtual machine. *target*: where backups live. *source*: the server
//! that a backup is of. *version*: one stored backup of one resource, named by the second it was
//! begun. *archive*: its tar. *manifest*: what describes it, written last. *run*: one command's work.
//! *plan, step, preview, report*: what will be done, one part of it, how it is shown, what was done.
//! *remote, project, pool*: as in Incus.
//!
//! # What always holds
//!
//! 1. No command removes or overwrites the last good copy of anything before its successor is
//!    complete and checked.
//! 2. A version is listed only when it is complete: data, checks, manifest, rename, in that order.
//! 3. Everything that changes a server or removes data is shown first, and asked for.
//! 4. Temporary objects carry a mark, and are removed on success, error and signal, or by the next
//!    run.
//! 5. Names that come from a target or a server are data: they are parsed before they are used.

pub mod aliases;
pub mod archive;
pub mod backup;
pub mod cli;
pub mod config;
pub mod diff;
pub mod disk;
pub mod doctor;
pub mod drill;
pub mod files;
pub mod incus;
pub mod list;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod plan;
pub mod progress;
pub mod protection;
pub mod prune;
pub mod report;
pub mod restore;
pub mod retention;
pub mod retrieve;
pub mod settings;
pub mod target;
pub mod temporary;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transfer;
pub mod ui;
pub mod verify;
pub mod yaml;
