//! Waits for a condition, with a limit. This is the only place in the tests where time passes.

use std::time::Duration;

/// How often a condition is checked before the test fails. With [`PAUSE`] this takes half a minute,
/// which is enough on the slowest machine.
const N_TRIES_MAX: usize = 6000;

/// The pause between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// Calls `probe` repeatedly until it returns a value, and returns that value.
///
/// # Panics
/// `probe` returned no value within half a minute.
#[track_caller]
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..N_TRIES_MAX {
        if let Some(found) = probe() {
            return found;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("gave up waiting for {what}");
}

/// Waits until `holds` returns true.
///
/// # Panics
/// It did not within half a minute.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}
