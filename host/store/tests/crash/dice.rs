//! Numbers that look random and are the same for the same seed, and what the environment
//! tells.

use std::hash::{BuildHasher, RandomState};

/// A source of numbers: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
/// Number Generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Returns dice of the seed that `SEDGE_CRASH_SEED` tells, else of one that nobody knows
    /// before, and prints it.
    pub(crate) fn told() -> Self {
        let seed = told("SEDGE_CRASH_SEED", RandomState::new().hash_one(0) >> 32);
        println!("SEDGE_CRASH_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns dice of their own, which show the same whatever these are used for.
    pub(crate) fn of(&self, what: u64) -> Self {
        let mut own = Self(self.0 ^ what.wrapping_mul(0xd6e8_feb8_6659_fd93));
        own.number();
        own
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }

    /// Draws a number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// Draws an index of something that has `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a usize")
    }
}

/// Returns the number that a variable of the environment tells.
pub(crate) fn told(variable: &str, otherwise: u64) -> u64 {
    let told = std::env::var(variable).ok();
    told.map_or(otherwise, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{variable} is no number: `{text}`"))
    })
}
