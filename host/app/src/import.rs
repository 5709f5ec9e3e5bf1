//! Takes over what other tools have made.

pub mod swamp;
