//! A fake Incus daemon: the REST API over a UNIX socket, with its state in memory.
//!
//! The true client, transport and streams are under test; what the daemon does is checked against
//! the real one by running the same operations on both. Faults are injected by name.

mod exec;
mod fault;
mod import;
mod instances;
mod operations;
mod server;
mod state;

pub use exec::FakeCommand;
pub use fault::Fault;
pub use server::{FakeIncus, Series};
pub use state::{FakeInstance, FakeSnapshot, State};
