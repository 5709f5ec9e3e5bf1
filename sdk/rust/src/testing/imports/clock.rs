//! The clock, which the test sets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::millis;
use super::super::world::current;
use super::io::Pollable;

/// Returns the time of the test.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(current(|world| world.now_ms))
}

/// Returns a pollable that is ready once the clock of the test has advanced by this time.
pub(crate) fn timer(time: Duration) -> Pollable {
    current(|world| Pollable::at(world.now_ms + millis(time)))
}

/// Advances the clock of the test.
pub(crate) fn sleep(time: Duration) {
    current(|world| world.now_ms += millis(time));
}
