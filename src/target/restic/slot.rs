//! One restic at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A place for one process.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<(Mutex<bool>, Condvar)>);

/// The place is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken(Slot);

impl Slot {
    /// Waits until the place is free, and takes it.
    pub(super) fn take(&self) -> Taken {
        let (taken, freed) = &*self.0;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Taken(self.clone())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let (taken, freed) = &*self.0.0;
        *taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        freed.notify_one();
    }
}
