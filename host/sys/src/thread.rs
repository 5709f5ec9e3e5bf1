//! Threads for calls that block in the operating system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::clock::Moment;
use crate::interrupt;

/// A request that a working thread ends soon, shared by all clones. The thread checks it between
/// two pieces of its work.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Requests that the work ends.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the work is to end.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Starts a thread that runs `work`. The thread ends with the process at the latest.
///
/// # Errors
/// The operating system has no threads left.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), std::io::Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)?;
    Ok(())
}

/// How often a waiting thread checks whether the process is to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs `work`, which blocks in the operating system, on a new thread, and waits for it until the
/// deadline, or for a short time once the process is to stop. Returns `None` if it took too long:
/// the thread then continues, and its result is dropped.
///
/// # Errors
/// The operating system has no threads left.
pub fn wait_for<T: Send + 'static>(
    name: &str,
    deadline: Moment,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, std::io::Error> {
    let since = Moment::now();
    let (send, received) = sync_channel(1);
    start(name, move || {
        // ignored: the waiting thread has given up, and the result is dropped.
        let _ = send.send(work());
    })?;
    loop {
        let left = interrupt::cut(deadline, since).left();
        match received.recv_timeout(left.min(POLL_INTERVAL)) {
            Ok(done) => return Ok(Some(done)),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Lets other threads run on this core.
pub fn yield_now() {
    std::thread::yield_now();
}
