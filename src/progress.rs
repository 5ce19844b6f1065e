//! What long work tells while it runs, and how it is stopped.
//!
//! Operations report to a [`Progress`]; what becomes of it (bars, lines, JSON, nothing) is decided
//! by `ui`. A [`Cancel`] is handed down to everything that waits.

use std::sync::Arc;

/// Asks everything that holds a clone of it to stop, clean up and return.
pub type Cancel = tokio_util::sync::CancellationToken;

/// A listener for one run.
pub trait Progress: Send + Sync + std::fmt::Debug {
    /// Begins an item of the run, such as one instance's backup. Dropping the task ends it.
    fn task(&self, name: &str) -> Box<dyn Task>;

    /// Tells how many things are to be done; none when all of it is over, and results follow.
    fn expect(&self, things: usize) {
        let _ = things;
    }

    /// Tells that one thing of what is to be done is through, however it ended, and how much was stored
    /// of it or read to check it.
    fn through(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Tells something that the user should know though the run goes on.
    fn warn(&self, message: &str);
}

/// A listener for one item of a run.
pub trait Task: Send + Sync {
    /// Names what is being done now (`copying`, `exporting`), and forgets the amount done so far.
    ///
    /// `total` is the number of bytes to be done in this phase, where it is known.
    fn phase(&self, what: &str, total: Option<u64>);

    /// Adds to the number of bytes done in this phase.
    fn advance(&self, bytes: u64);

    /// Shows a text of the server's own about how far it is.
    fn detail(&self, text: &str);
}

/// Hears of what is done inside of one thing that is counted: what that consists of is not.
#[derive(Debug, Clone)]
pub struct Inside(pub Arc<dyn Progress>);

impl Progress for Inside {
    fn task(&self, name: &str) -> Box<dyn Task> {
        self.0.task(name)
    }

    fn warn(&self, message: &str) {
        self.0.warn(message);
    }
}

/// A listener that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn task(&self, _name: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, _message: &str) {}
}

impl Task for Silent {
    fn phase(&self, _what: &str, _total: Option<u64>) {}

    fn advance(&self, _bytes: u64) {}

    fn detail(&self, _text: &str) {}
}
