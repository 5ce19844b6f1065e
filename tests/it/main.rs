//! Everything that is tested from outside: one binary, a module per capability.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows the test functions, not what they call"
)]

mod layers;
