//! Pseudo-random numbers that are the same for the same seed, and numbers from the environment.

use std::hash::{BuildHasher, RandomState};

/// A source of numbers: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
/// Number Generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Returns dice with the seed of `SEDGE_CRASH_SEED`, or a random seed, and prints the seed.
    pub(crate) fn from_env() -> Self {
        let seed = number_from_env("SEDGE_CRASH_SEED", RandomState::new().hash_one(0) >> 32);
        println!("SEDGE_CRASH_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns separate dice whose numbers do not depend on how these are used.
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

/// Returns the number in a variable of the environment, or `default` if it is unset.
pub(crate) fn number_from_env(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |text| {
        let number = text.parse();
        number.unwrap_or_else(|_| panic!("{variable} is no number: `{text}`"))
    })
}
