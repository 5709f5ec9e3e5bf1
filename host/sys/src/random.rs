//! Randomness.

/// Returns 64 random bits from the operating system.
///
/// # Panics
/// The operating system has no randomness. Linux always has once it has booted.
#[must_use]
pub fn bits() -> u64 {
    getrandom::u64().expect("the operating system has randomness")
}

/// Fills a buffer with random bytes from the operating system, suitable for keys.
///
/// # Panics
/// The same as for [`bits`].
pub fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system has randomness");
}
