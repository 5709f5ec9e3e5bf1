//! Threads, for what blocks in the operating system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::clock::Moment;
use crate::interrupt;

/// The request that a thread which works ends soon, shared by all who have a copy. The thread
/// looks at it between two pieces of its work.
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

/// Starts a thread that runs `work`. It ends with the process at the latest.
///
/// # Errors
/// The operating system has no more threads to give.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), std::io::Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)?;
    Ok(())
}

/// How often a thread that waits for another one looks whether the process is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Has a thread do `work` that blocks in the operating system, and waits for it until the
/// deadline; not much longer once the process is to stop. Returns `None` if it took too long: the
/// thread then goes on by itself, and what it returns is dropped.
///
/// # Errors
/// The operating system has no more threads to give.
pub fn wait_for<T: Send + 'static>(
    name: &str,
    deadline: Moment,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, std::io::Error> {
    let (send, received) = sync_channel(1);
    start(name, move || {
        // ignored: the thread that waited has given up, and the result goes with the message.
        let _ = send.send(work());
    })?;
    loop {
        let left = interrupt::cut(deadline).left();
        match received.recv_timeout(left.min(LOOK_EVERY)) {
            Ok(done) => return Ok(Some(done)),
            Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Lets other threads have their turn on this core.
pub fn give_way() {
    std::thread::yield_now();
}
