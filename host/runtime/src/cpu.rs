//! How long a guest's own code has executed, and that it is no longer than it may.
//!
//! What counts is the processor's time of the thread, while it is inside of the guest or of
//! a function of the host that the guest called. Waiting does not count, callees do not,
//! and a machine that is busy with other things makes no difference.
//!
//! The engine could count instructions instead (its fuel). Then the counting is part of the
//! machine code of every plugin, whether it is limited or not, and makes it a third larger;
//! and nobody thinks in instructions. This costs nothing where it is not asked for. It is
//! looked at when the epoch advances: a guest has as much more at most.

use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sedge_sys::clock::thread_cpu_time;

thread_local! {
    /// How long callees have executed inside of the guest that this thread executes; none
    /// where nobody above has to know.
    static CALLEES: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Counts for one guest.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    max: Option<Duration>,
    /// Nanoseconds until the last time that the thread left the guest.
    used_ns: AtomicU64,
    /// The thread's own time when it last entered, in nanoseconds.
    entered_ns: AtomicU64,
}

impl CpuMeter {
    pub(crate) fn new(max: Option<Duration>) -> Self {
        Self {
            max,
            used_ns: AtomicU64::new(0),
            entered_ns: AtomicU64::new(0),
        }
    }

    /// Runs a guest, and counts.
    pub(crate) async fn run<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        std::future::poll_fn(|task| {
            let above = CALLEES.get();
            if self.max.is_none() && above.is_none() {
                return guest.as_mut().poll(task);
            }
            let _inside = Inside::enter(self, above);
            guest.as_mut().poll(task)
        })
        .await
    }

    /// Returns the limit if the guest that this thread is inside of has reached it.
    pub(crate) fn reached(&self) -> Option<Duration> {
        let max = self.max?;
        let used = self.used_ns.load(Ordering::Relaxed) + nanos(self.now());
        (used > nanos(max)).then_some(max)
    }

    /// Returns how long the guest has executed since the thread entered it.
    fn now(&self) -> Duration {
        let entered = Duration::from_nanos(self.entered_ns.load(Ordering::Relaxed));
        let callees = CALLEES.get().unwrap_or_default();
        thread_cpu_time().saturating_sub(entered + callees)
    }
}

/// The thread is inside of a guest until this is dropped, also by a panic.
struct Inside<'a> {
    meter: &'a CpuMeter,
    above: Option<Duration>,
}

impl<'a> Inside<'a> {
    fn enter(meter: &'a CpuMeter, above: Option<Duration>) -> Self {
        CALLEES.set(Some(Duration::ZERO));
        let entered = nanos(thread_cpu_time());
        meter.entered_ns.store(entered, Ordering::Relaxed);
        Self { meter, above }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let own = self.meter.now();
        self.meter.used_ns.fetch_add(nanos(own), Ordering::Relaxed);
        let callees = CALLEES.get().unwrap_or_default();
        CALLEES.set(self.above.map(|above| above + callees + own));
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> CpuMeter {
        CpuMeter::new(Some(Duration::from_secs(3600)))
    }

    fn used(meter: &CpuMeter) -> Duration {
        Duration::from_nanos(meter.used_ns.load(Ordering::Relaxed))
    }

    /// Keeps the processor busy for as long.
    fn work(time: Duration) {
        let since = thread_cpu_time();
        while thread_cpu_time().saturating_sub(since) < time {
            std::hint::black_box((0..1000).sum::<u64>());
        }
    }

    #[tokio::test]
    async fn a_callees_time_is_its_own() {
        let (caller, callee, limitless) = (meter(), meter(), CpuMeter::new(None));
        let long = Duration::from_millis(20);
        let nested = caller.run(async {
            work(long);
            callee.run(async { work(3 * long) }).await;
            limitless.run(async { work(3 * long) }).await;
            tokio::task::yield_now().await;
            work(long);
        });
        nested.await;
        assert!(used(&caller) >= 2 * long, "{:?}", used(&caller));
        assert!(used(&caller) < 3 * long, "{:?}", used(&caller));
        assert!(used(&callee) >= 3 * long, "{:?}", used(&callee));
        assert_eq!(CALLEES.get(), None, "nobody above has to know any more");
    }

    #[tokio::test]
    async fn a_limit_is_reached_in_the_middle() {
        let max = Duration::from_millis(10);
        let meter = CpuMeter::new(Some(max));
        let reached = meter.run(async {
            let before = meter.reached();
            sedge_sys::clock::pause(2 * max).await;
            let waited = meter.reached();
            work(2 * max);
            [before, waited, meter.reached()]
        });
        assert_eq!(reached.await, [None, None, Some(max)]);
        let limitless = CpuMeter::new(None);
        assert_eq!(limitless.run(async { limitless.reached() }).await, None);
    }
}
