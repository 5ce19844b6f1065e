//! Everything that is tested from outside: one binary, a module per capability.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "clippy knows the test functions, not what they call"
)]

mod layers;
