//! Measures how long a guest's own code has executed, and enforces a limit on it.
//!
//! The measure is the CPU time of the thread while it executes the guest or a host function that
//! the guest called. Waiting does not count, nor does the time of callees, and the load of the
//! machine makes no difference.
//!
//! The alternative is the engine's fuel, which counts instructions. Its counting is compiled into
//! each plugin, limited or not, and makes the code a third larger; and users do not think in
//! instructions. This measure costs nothing if no limit is set. It is checked when the epoch
//! advances, so a guest can exceed its limit by one epoch.

use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sedge_sys::clock::thread_cpu_time;

thread_local! {
    /// The CPU time of callees inside of the guest that this thread executes. `None` if no caller
    /// on this thread has a limit.
    // process-wide: it describes the stack of a thread, which a guest and its callee share.
    static CALLEES: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Measures one guest.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    max: Option<Duration>,
    /// The CPU time of the guest until it last yielded, in nanoseconds.
    used_ns: AtomicU64,
    /// The CPU time of the thread when it last entered the guest, in nanoseconds.
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

    /// Runs a guest and measures its CPU time.
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

    /// Returns the limit if the guest that this thread executes has reached it.
    pub(crate) fn reached(&self) -> Option<Duration> {
        let max = self.max?;
        let used = self.used_ns.load(Ordering::Relaxed) + nanos(self.now());
        (used > nanos(max)).then_some(max)
    }

    /// Returns the CPU time of the guest since the thread entered it.
    fn now(&self) -> Duration {
        let entered = Duration::from_nanos(self.entered_ns.load(Ordering::Relaxed));
        let callees = CALLEES.get().unwrap_or_default();
        thread_cpu_time().saturating_sub(entered + callees)
    }
}

/// Marks that the thread executes a guest, until it is dropped. A panic drops it, too.
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

    /// Keeps the processor busy for `time`.
    fn work(time: Duration) {
        let since = thread_cpu_time();
        while thread_cpu_time().saturating_sub(since) < time {
            std::hint::black_box((0..1000).sum::<u64>());
        }
    }

    #[tokio::test]
    async fn callee_time_does_not_count_for_its_caller() {
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
        assert_eq!(CALLEES.get(), None, "no caller is measured any more");
    }

    #[tokio::test]
    async fn limit_is_reached_while_the_guest_runs() {
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
