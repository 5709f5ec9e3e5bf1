//! Waiting for a condition, with an end: the one place in the tests that lets time pass.

use std::time::Duration;

/// How often a condition is looked at before a test gives up on it: with [`PAUSE`], half a
/// minute, which is long on the slowest machine for what tests wait for.
const N_TRIES_MAX: usize = 6000;

/// How long to wait between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until `probe` finds something, and returns that.
///
/// # Panics
/// It did not within half a minute.
#[track_caller]
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..N_TRIES_MAX {
        if let Some(found) = probe() {
            return found;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("waited for {what}, in vain");
}

/// Waits until `holds` returns true.
///
/// # Panics
/// It did not within half a minute.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
