//! Time of day, durations, and deadlines.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

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

/// A handle through which code reads the time and waits for it: the machine's clock, or one that a
/// test sets.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The clock that a test sets; `None` for the machine's clock.
    set: Option<Arc<SetTime>>,
}

/// The state of a clock that a test sets.
#[derive(Debug)]
struct SetTime {
    /// The moment at which the clock was made.
    begin: Moment,
    time: watch::Sender<TimeSet>,
}

/// The time that a clock shows which a test sets.
#[derive(Debug, Clone, Copy)]
struct TimeSet {
    now: Timestamp,
    /// How much monotonic time has passed since the clock was made.
    passed: Duration,
}

impl Clock {
    /// Returns the machine's clock.
    #[must_use]
    pub fn machine() -> Self {
        Self::default()
    }

    /// Returns the time of day by this clock. It can jump, so it must not be used for ordering or
    /// measuring.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.set {
            None => Timestamp::now(),
            Some(set) => set.time.borrow().now,
        }
    }

    /// Returns the current moment by this clock.
    #[must_use]
    pub fn moment(&self) -> Moment {
        match &self.set {
            None => Moment::now(),
            Some(set) => set.begin.after(set.time.borrow().passed),
        }
    }

    /// Returns the time since a moment by this clock; zero if the moment is in the future.
    #[must_use]
    pub fn elapsed(&self, since: Moment) -> Duration {
        since.until(self.moment())
    }

    /// Returns the time until a moment by this clock; zero if it has passed.
    #[must_use]
    pub fn left(&self, until: Moment) -> Duration {
        self.moment().until(until)
    }

    /// Runs `future` until this clock shows `deadline`, and then drops it.
    ///
    /// # Errors
    /// The deadline passed first.
    pub async fn until<F: Future>(
        &self,
        deadline: Moment,
        future: F,
    ) -> Result<F::Output, DeadlinePassed> {
        let Some(set) = &self.set else {
            return until(deadline, future).await;
        };
        let mut time = set.time.subscribe();
        let is_over = |time: &TimeSet| set.begin.after(time.passed) >= deadline;
        tokio::select! {
            biased;
            ended = future => Ok(ended),
            _ = time.wait_for(is_over) => Err(DeadlinePassed),
        }
    }

    /// Waits until this clock has moved on by a duration.
    pub async fn pause(&self, duration: Duration) {
        match &self.set {
            None => pause(duration).await,
            Some(_) => {
                let deadline = self.moment().after(duration);
                // ignored: the future never ends, so the deadline passes.
                let _ = self.until(deadline, std::future::pending::<()>()).await;
            }
        }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct SettableClock(Arc<SetTime>);

impl SettableClock {
    /// Returns a clock that shows `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(SetTime {
            begin: Moment::now(),
            time: watch::Sender::new(TimeSet {
                now: time,
                passed: Duration::ZERO,
            }),
        }))
    }

    /// Sets the time of day, for every handle of this clock. Monotonic time stays as it is, as when
    /// the clock of a machine is set.
    pub fn set(&self, time: Timestamp) {
        self.0.time.send_modify(|it| it.now = time);
    }

    /// Lets time pass: the time of day and monotonic time move on, for every handle of this clock.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.time.send_modify(|it| {
            it.now = Timestamp(it.now.0.saturating_add(by_ms));
            it.passed = it.passed.saturating_add(by);
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    #[test]
    fn settable_clock_stands_still_until_it_is_moved() {
        let settable = SettableClock::at(Timestamp(1_000));
        let clock = settable.handle();
        let since = clock.moment();
        assert_eq!(
            (clock.now(), clock.elapsed(since)),
            (Timestamp(1_000), Duration::ZERO)
        );
        settable.advance(HOUR);
        assert_eq!(
            (clock.now(), clock.elapsed(since)),
            (Timestamp(3_601_000), HOUR)
        );
        settable.set(Timestamp(5));
        assert_eq!((clock.now(), clock.elapsed(since)), (Timestamp(5), HOUR));
    }

    #[tokio::test]
    async fn deadline_passes_when_the_clock_is_moved() {
        let settable = SettableClock::at(Timestamp(0));
        let clock = settable.handle();
        let deadline = clock.moment().after(HOUR);
        let moved = async {
            settable.advance(HOUR / 2);
            tokio::task::yield_now().await;
            settable.advance(HOUR / 2);
        };
        let waiting = clock.until(deadline, std::future::pending::<()>());
        assert_eq!(tokio::join!(waiting, moved).0, Err(DeadlinePassed));
        assert_eq!(clock.until(deadline, async { 1 }).await, Ok(1));
        let moved = async { settable.advance(HOUR) };
        tokio::join!(clock.pause(HOUR), moved);
    }

    #[tokio::test]
    async fn clock_of_the_machine_moves_by_itself() {
        let clock = Clock::machine();
        let since = clock.moment();
        let ended = clock.until(
            since.after(Duration::from_millis(1)),
            std::future::pending::<()>(),
        );
        assert_eq!(ended.await, Err(DeadlinePassed));
        assert!(clock.elapsed(since) >= Duration::from_millis(1));
    }
}
