//! Chance that can be had again: `FAULT_SEED=…` replays a test that failed.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::lab::variable;

/// A source of numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The chance of one test: what `FAULT_SEED` says, or something new, which is printed.
    pub fn of(test: &str) -> Self {
        let seed = variable("FAULT_SEED").map(|text| text.parse().expect("FAULT_SEED is a number"));
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
        eprintln!("{test}: FAULT_SEED={seed} replays this");
        let mut own = seed;
        for byte in test.bytes() {
            own = (own ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(own)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// A number below another one, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }
}

/// How many times: what an environment variable says, or else a number.
pub fn times(name: &str, usual: usize) -> usize {
    variable(name).map_or(usual, |text| text.parse().expect("a number"))
}
