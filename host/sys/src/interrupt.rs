//! A process-wide request to stop, for waits that block a thread in the operating system.
//!
//! A task that waits ends when the user interrupts the program. A thread that waits for a file lock
//! cannot be ended from outside, so it asks this module how long it may still wait.

use std::sync::OnceLock;
use std::time::Duration;

use crate::clock::Moment;

/// How long a wait may last once the process is to stop. A run that is stopping still records how
/// its calls ended, and may have to queue for the datastore each time.
const GRACE: Duration = Duration::from_secs(2);

/// The time of the first request.
// process-wide: a signal asks the process to stop, with all that it does.
static REQUESTED: OnceLock<Moment> = OnceLock::new();

/// Requests that the process stops. Only the first request counts.
pub fn request() {
    REQUESTED.get_or_init(Moment::now);
}

/// Returns the deadline of a wait that began at `since`: the earlier of `deadline` and the time that
/// is left once the process is to stop.
pub(crate) fn cut(deadline: Moment, since: Moment) -> Moment {
    match REQUESTED.get() {
        Some(requested) => deadline.min((*requested).max(since).after(GRACE)),
        None => deadline,
    }
}
