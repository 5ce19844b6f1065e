//! A fake Incus daemon: the REST API over a UNIX socket, with its state in memory.
//!
//! The true client, transport and streams are under test; what the daemon does is checked against
//! the real one by running the same suite on both (`tests/it/suite/`). [`Fault`]s are injected by
//! name.
//!
//! # The files
//!
//! `daemon` accepts connections, `exchange` answers a request, `body` and `socket` send what is
//! larger than a document, `route` says which family a path belongs to. The families: `server`,
//! `projects`, `profiles` (and networks), `storage`, `buckets`, `images`, `instances`, `copies`, `snapshots`,
//! `files`, `backups`, `import`, `exec`, `operations`. `state` is what they read and change.

mod answer;
mod backups;
mod body;
mod buckets;
mod copies;
mod daemon;
mod exchange;
mod exec;
mod fault;
mod files;
mod images;
mod import;
mod instance;
mod instances;
mod operations;
mod profiles;
mod projects;
mod rights;
mod route;
mod server;
mod snapshots;
mod socket;
mod state;
mod storage;
mod volumes;

pub use buckets::{FakeBucket, key as bucket_key};
pub use daemon::FakeIncus;
pub use exec::FakeCommand;
pub use fault::{Fault, Strike, UnknownFault};
pub use images::FakeImage;
pub use instance::{FakeInstance, FakeSnapshot};
pub use rights::Rights;
pub use server::Series;
pub use state::{Change, State};
pub use volumes::{FakeVolume, ISO};
