//! Randomness.

/// Returns 64 random bits of the operating system.
///
/// # Panics
/// Where the operating system has no randomness to give, which on Linux it always has
/// once it has booted.
#[must_use]
pub fn bits() -> u64 {
    getrandom::u64().expect("the operating system has randomness")
}

/// Fills a buffer with random bytes of the operating system, fit for keys.
///
/// # Panics
/// As [`bits`].
pub fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system has randomness");
}
