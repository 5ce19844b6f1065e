//! Which of several versions is meant (pure).

use crate::target::{State, Stored};

/// The newest complete one of some versions of one resource.
pub fn newest_complete(versions: &[Stored]) -> Option<&Stored> {
    versions
        .iter()
        .filter(|stored| stored.state == State::Complete)
        .max_by_key(|stored| stored.id.version)
}
