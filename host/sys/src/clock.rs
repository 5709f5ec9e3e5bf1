//! Time: of day, elapsed, and to come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A time of day: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the time of day. It can jump, so it orders nothing and measures nothing.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            // ignored: a clock before 1970 is as good as one at 1970, for it orders nothing.
            .unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A handle by which code learns the time of day: the machine's, or one that a test sets.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The time that a test has set; the machine's if there is none.
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

/// A clock that stands still until it is set.
#[derive(Debug, Clone)]
pub struct SettableClock(Arc<AtomicU64>);

impl SettableClock {
    /// Returns a clock that shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Sets the time, for every handle of this clock.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::Relaxed);
    }

    /// Returns the handle for the code that is tested.
    #[must_use]
    pub fn handle(&self) -> Clock {
        Clock {
            set: Some(Arc::clone(&self.0)),
        }
    }
}

/// A point in the machine's own time, which never jumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Returns the moment `later` from this one.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        // A duration beyond the clock's range means "never"; a century is never.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        Self(self.0.checked_add(later.min(CENTURY)).unwrap_or(self.0))
    }

    /// Returns how long ago this was; zero if it is to come.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns how long it is from this moment to `later`; zero if that is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_duration_since(self.0)
    }

    /// Returns how long it is until this; zero if it is past.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Returns how long the processor has worked for this thread. Other programs that keep the
/// machine busy do not make it longer.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // The clock of a thread counts from its start.
    // ignored: the clock of a thread counts from its start.
    Duration::try_from(time).unwrap_or_default()
}

/// The moment came before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is up")]
pub struct TimeIsUp;

/// Runs `future` until `deadline`, and drops it then.
///
/// # Errors
/// The deadline passed first.
pub async fn until<F: Future>(deadline: Moment, future: F) -> Result<F::Output, TimeIsUp> {
    tokio::time::timeout_at(deadline.0.into(), future)
        .await
        .map_err(|_| TimeIsUp)
}

/// Waits for a while.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Starts a thread that calls `tick` every `period` until it returns false.
///
/// A thread and not a task: it must go on when every worker of the async runtime is busy,
/// for it is what makes them stop.
///
/// # Errors
/// The operating system has no more threads to give.
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
