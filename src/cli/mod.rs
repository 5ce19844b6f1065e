//! The command line: arguments, what every command needs, signals, failures and exit codes.
//!
//! Each binary's `main` is one call of a function here. Only this module knows of the process:
//! its arguments, environment, standard streams, signals and exit code.

pub mod args;
mod command;
mod complete;
mod context;
mod dispatch;
mod environment;
mod exit;
mod failure;
mod guard;
mod names;
mod notified;
mod run;
mod service;
mod signal;

pub use complete::shells;
pub use dispatch::{Dispatcher, dispatcher};
pub use exit::{EXIT_STATUS, Exit};
pub use run::{all, bucket, config, image, instance, prune, setup, verify, volume};
