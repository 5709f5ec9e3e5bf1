//! Time of day, durations, and deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A time of day: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the time of day. It can jump, so it must not be used for ordering or measuring.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            // ignored: a clock before 1970 counts as 1970, because the time orders nothing.
            .unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A handle through which code reads the time of day, from the machine or as set by a test.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The time that a test has set; `None` for the machine's time.
    set: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// Returns the machine's clock.
    #[must_use]
    pub fn machine() -> Self {
        Self::default()
    }

    /// Returns the time of day by this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.set {
            None => Timestamp::now(),
            Some(at) => Timestamp(at.load(Ordering::Relaxed)),
        }
    }
}

/// A clock that stands still until a test sets it.
#[derive(Debug, Clone)]
pub struct SettableClock(Arc<AtomicU64>);

impl SettableClock {
    /// Returns a clock that shows `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Sets the time, for every handle of this clock.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::Relaxed);
    }

    /// Returns a handle of this clock for the code under test.
    #[must_use]
    pub fn handle(&self) -> Clock {
        Clock {
            set: Some(Arc::clone(&self.0)),
        }
    }
}

/// A point in monotonic time, which never jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Returns the moment that is `later` after this one.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        // A duration beyond the clock's range is cut to a century, which counts as never.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        Self(self.0.checked_add(later.min(CENTURY)).unwrap_or(self.0))
    }

    /// Returns the time since this moment; zero if it is in the future.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns the time from this moment to `later`; zero if `later` is before it.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_duration_since(self.0)
    }

    /// Returns the time until this moment; zero if it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Returns the processor time that this thread has used. Other programs do not increase it.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // ignored: the clock of a thread counts from its start.
    Duration::try_from(time).unwrap_or_default()
}

/// The deadline passed before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct DeadlinePassed;

/// Runs `future` until `deadline`, and then drops it.
///
/// # Errors
/// The deadline passed first.
pub async fn until<F: Future>(deadline: Moment, future: F) -> Result<F::Output, DeadlinePassed> {
    tokio::time::timeout_at(deadline.0.into(), future)
        .await
        .map_err(|_| DeadlinePassed)
}

/// Waits for a while.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Starts a thread that calls `tick` every `period` until it returns false.
///
/// This is a thread and not a task because it has to run when every worker of the async runtime is
/// busy: it is what interrupts them.
///
/// # Errors
/// The operating system has no threads left.
pub fn ticker(
    period: Duration,
    mut tick: impl FnMut() -> bool + Send + 'static,
) -> Result<(), std::io::Error> {
    std::thread::Builder::new()
        .name("ticker".into())
        .spawn(move || {
            while tick() {
                std::thread::sleep(period);
            }
        })?;
    Ok(())
}
