//! Whether there is room for what is to be written, as far as can be told beforehand (pure).

use crate::model::Bytes;

/// How many times larger than what is free something must be before it clearly cannot fit: what is
/// known of sizes is not exact, and holes and compression make much of some things.
const CLEARLY: u64 = 2;

/// The room in one place, which a plan's steps take up in their order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Room {
    free: Option<Bytes>,
    taken: Bytes,
}

/// How something fits into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does, or nothing is known that speaks against it.
    Enough,
    /// It may not.
    Tight {
        /// What is free.
        free: Bytes,
        /// What it needs, with everything before it and for as long as it is written.
        needed: Bytes,
    },
    /// It does not.
    Impossible {
        /// What is free.
        free: Bytes,
        /// What it needs alone.
        needed: Bytes,
    },
}

impl Room {
    /// A room of which so much is free, where that is known.
    pub fn new(free: Option<Bytes>) -> Self {
        Self {
            free,
            taken: Bytes(0),
        }
    }

    /// Takes room up, unless it clearly is not there. `meanwhile` is needed too, but only until it is
    /// written.
    pub fn take(&mut self, needed: Bytes, meanwhile: Bytes) -> Fit {
        let Some(free) = self.free else {
            return Fit::Enough;
        };
        if needed.0 / CLEARLY > free.0 {
            return Fit::Impossible { free, needed };
        }
        self.taken += needed;
        let mut needed = self.taken;
        needed += meanwhile;
        if needed > free {
            return Fit::Tight { free, needed };
        }
        Fit::Enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Bytes = Bytes(0);

    #[test]
    fn steps_take_up_room_one_after_the_other() {
        let mut room = Room::new(Some(Bytes(10)));
        let free = Bytes(10);
        assert_eq!(room.take(Bytes(6), NOTHING), Fit::Enough);
        assert_eq!(room.take(Bytes(4), NOTHING), Fit::Enough);
        let needed = Bytes(11);
        assert_eq!(room.take(Bytes(1), NOTHING), Fit::Tight { free, needed });
    }

    #[test]
    fn what_is_needed_only_meanwhile_is_free_again_for_the_next() {
        let mut room = Room::new(Some(Bytes(10)));
        let free = Bytes(10);
        assert_eq!(room.take(Bytes(2), Bytes(8)), Fit::Enough);
        assert_eq!(room.take(Bytes(2), Bytes(6)), Fit::Enough);
        let needed = Bytes(11);
        assert_eq!(room.take(Bytes(2), Bytes(5)), Fit::Tight { free, needed });
    }

    #[test]
    fn what_is_far_too_large_takes_no_room() {
        let mut room = Room::new(Some(Bytes(10)));
        let (free, needed) = (Bytes(10), Bytes(22));
        let fit = room.take(needed, NOTHING);
        assert_eq!(fit, Fit::Impossible { free, needed });
        assert_eq!(room.take(Bytes(10), NOTHING), Fit::Enough);
        let (free, needed) = (NOTHING, Bytes(2));
        let fit = Room::new(Some(free)).take(needed, NOTHING);
        assert_eq!(fit, Fit::Impossible { free, needed });
    }

    #[test]
    fn nothing_speaks_against_what_is_not_known() {
        let fit = Room::new(None).take(Bytes(u64::MAX), NOTHING);
        assert_eq!(fit, Fit::Enough);
    }
}
