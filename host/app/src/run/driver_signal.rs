//! Signals between the tasks of one process: what one of them writes to the log of a run reaches the
//! driver of the run at once, and not only when the driver next asks for events of other processes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sedge_model::names::RunId;
use tokio::sync::Notify;

/// The drivers of this process.
#[derive(Debug, Default)]
pub(crate) struct DriverSignals(Mutex<HashMap<RunId, Weak<DriverSignal>>>);

/// What wakes one driver.
#[derive(Debug, Default)]
pub(crate) struct DriverSignal {
    notify: Notify,
    has_news: AtomicBool,
}

impl DriverSignals {
    /// Returns the signal of a new driver, which takes the place of a former driver of the run.
    pub(crate) fn register(&self, run: &RunId) -> Arc<DriverSignal> {
        let signal = Arc::new(DriverSignal::default());
        let mut signals = self.signals();
        signals.retain(|_, signal| signal.strong_count() > 0);
        signals.insert(run.clone(), Arc::downgrade(&signal));
        signal
    }

    /// Wakes the driver of a run, if it is in this process.
    pub(crate) fn wake(&self, run: &RunId) {
        let signal = self.signals().get(run).and_then(Weak::upgrade);
        if let Some(signal) = signal {
            signal.has_news.store(true, Ordering::Release);
            signal.notify.notify_one();
        }
    }

    fn signals(&self) -> MutexGuard<'_, HashMap<RunId, Weak<DriverSignal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DriverSignal {
    /// Waits until the log of the run has news.
    pub(crate) async fn notified(&self) {
        self.notify.notified().await;
    }

    /// Returns whether the log has had news since the last call.
    pub(crate) fn take(&self) -> bool {
        self.has_news.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_taken_once_by_the_driver_of_the_run() {
        let signals = DriverSignals::default();
        let run: RunId = "000000000000".parse().expect("an id");
        let other: RunId = "111111111111".parse().expect("an id");
        let signal = signals.register(&run);
        signals.wake(&other);
        assert!(!signal.take());
        signals.wake(&run);
        assert!(signal.take());
        assert!(!signal.take());
        // A driver that has ended is forgotten.
        drop(signal);
        signals.wake(&run);
        let _signal = signals.register(&other);
        assert_eq!(signals.signals().len(), 1);
    }
}
