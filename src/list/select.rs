//! Which of several versions is meant (pure).

use crate::target::{State, Stored};

/// The newest complete one of some versions of one resource.
pub fn newest_complete<'a>(versions: impl IntoIterator<Item = &'a Stored>) -> Option<&'a Stored> {
    versions
        .into_iter()
        .filter(|stored| stored.state == State::Complete)
        .max_by_key(|stored| stored.id.version)
}
