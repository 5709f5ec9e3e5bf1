//! That the process is to stop, for waits that block a thread in the operating system.
//!
//! A task that waits is dropped when the user interrupts the program. A thread that waits for a
//! lock of a file cannot be: it asks here how long it may still wait.

use std::sync::OnceLock;
use std::time::Duration;

use crate::clock::Moment;

/// How long waits may still last once the process is to stop. What ends in an orderly way then
/// writes down how far it came, and may have to queue for that.
const GRACE: Duration = Duration::from_secs(2);

static REQUESTED: OnceLock<Moment> = OnceLock::new();

/// Notes that the process is to stop. Only the first request counts.
pub fn request() {
    REQUESTED.get_or_init(Moment::now);
}

/// Returns until when a wait may last that would otherwise last until `deadline`.
pub(crate) fn cut(deadline: Moment) -> Moment {
    match REQUESTED.get() {
        Some(requested) => deadline.min(requested.after(GRACE)),
        None => deadline,
    }
}
