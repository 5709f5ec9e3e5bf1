//! The one way to stop the calls and steps of a run that are in progress.
//!
//! There are three reasons: a user cancels the run, its deadline has passed, or the process is
//! requested to end. Everything that waits for a run waits for the reason, too, and then ends by
//! itself, the innermost call first, so that each call records how it ended and what it kept. What
//! is being committed is not stopped: it is committed, or it is not, and the record says which.

use std::time::Duration;

use sedge_model::call::CallError;
use tokio::sync::watch;

use crate::cancel::Cancel;

/// Why the calls and steps of a run that are in progress stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A user cancels the run. That is the end of the run.
    Cancelled,
    /// The deadline of the run has passed. That is the end of the run.
    DeadlinePassed,
    /// This process is requested to end, or it cannot work on the run any more. The run of a
    /// workflow can be resumed.
    Interrupted,
}

impl StopReason {
    /// Returns the error of a call that was stopped, which had taken so long.
    pub(crate) fn error(self, elapsed: Duration) -> CallError {
        match self {
            Self::Cancelled | Self::Interrupted => CallError::Cancelled,
            Self::DeadlinePassed => CallError::TimedOut {
                after_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            },
        }
    }
}

/// Whether one run stops, and why. The first reason counts.
#[derive(Debug)]
pub(crate) struct RunStop {
    /// The request to the process that it ends, or to a run that is part of another one.
    requested: Cancel,
    reason: watch::Sender<Option<StopReason>>,
    /// The request to the runs that are part of this one.
    children: Cancel,
}

impl RunStop {
    /// Returns the state of a run that is interrupted when `requested` is made.
    pub(crate) fn new(requested: Cancel) -> Self {
        Self {
            requested,
            reason: watch::Sender::new(None),
            children: Cancel::new(),
        }
    }

    /// Returns the request that is made to the runs which are part of this one when it is cancelled
    /// or interrupted. They are interrupted then; if this run ends as cancelled, so do they. A
    /// deadline of this run is also one of theirs.
    pub(crate) fn for_children(&self) -> Cancel {
        self.children.clone()
    }

    /// Stops the run. Returns the reason that counts: an earlier one, or this one.
    pub(crate) fn stop(&self, reason: StopReason) -> StopReason {
        self.reason.send_if_modified(|known| {
            let is_new = known.is_none();
            known.get_or_insert(reason);
            is_new
        });
        let first = self.reason.borrow().unwrap_or(reason);
        match first {
            StopReason::Cancelled | StopReason::Interrupted => self.children.cancel(),
            StopReason::DeadlinePassed => {}
        }
        first
    }

    /// Returns why the run stops; `None` if it does not.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        let known = *self.reason.borrow();
        match known {
            None if self.requested.is_cancelled() => Some(self.stop(StopReason::Interrupted)),
            known => known,
        }
    }

    /// Returns whether the run stops, and can be resumed.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.reason() == Some(StopReason::Interrupted)
    }

    /// Waits until the run stops.
    pub(crate) async fn stopped(&self) -> StopReason {
        let mut known = self.reason.subscribe();
        tokio::select! {
            biased;
            known = known.wait_for(Option::is_some) => match known.map(|known| *known) {
                Ok(Some(reason)) => reason,
                Ok(None) | Err(_) => {
                    unreachable!("the sender is in `self`, and a reason was waited for")
                }
            },
            () = self.requested.cancelled() => self.stop(StopReason::Interrupted),
        }
    }

    /// Waits for `work`, unless the run stops before it has ended: then `work` is dropped.
    ///
    /// # Errors
    /// The error of a call that was stopped before it began.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        tokio::select! {
            biased;
            reason = self.stopped() => Err(reason.error(Duration::ZERO)),
            done = work => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_reason_counts() {
        let process = Cancel::new();
        let stop = RunStop::new(process.clone());
        assert_eq!(stop.reason(), None);
        assert_eq!(stop.stop(StopReason::Cancelled), StopReason::Cancelled);
        assert_eq!(stop.stop(StopReason::DeadlinePassed), StopReason::Cancelled);
        process.cancel();
        assert_eq!(stop.reason(), Some(StopReason::Cancelled));
        assert_eq!(stop.stopped().await, StopReason::Cancelled);
        assert!(!stop.is_interrupted());
    }

    #[tokio::test]
    async fn request_to_the_process_interrupts_the_run() {
        let process = Cancel::new();
        let stop = RunStop::new(process.clone());
        let mut stopped = Box::pin(stop.stopped());
        assert!(futures::poll!(&mut stopped).is_pending());
        process.cancel();
        assert!(stop.is_interrupted());
        assert_eq!(stopped.await, StopReason::Interrupted);
        assert_eq!(stop.stop(StopReason::Cancelled), StopReason::Interrupted);
    }

    #[tokio::test]
    async fn run_that_is_part_of_a_stopped_run_is_interrupted() {
        let stopped_by = |reason: StopReason| {
            let above = RunStop::new(Cancel::new());
            let child = RunStop::new(above.for_children());
            above.stop(reason);
            child.reason()
        };
        let interrupted = Some(StopReason::Interrupted);
        assert_eq!(stopped_by(StopReason::Cancelled), interrupted);
        assert_eq!(stopped_by(StopReason::Interrupted), interrupted);
        assert_eq!(
            stopped_by(StopReason::DeadlinePassed),
            None,
            "it has its own"
        );
    }

    #[tokio::test]
    async fn work_is_dropped_when_the_run_stops() {
        let stop = RunStop::new(Cancel::new());
        assert_eq!(stop.unless_stopped(async { 3 }).await, Ok(3));
        stop.stop(StopReason::DeadlinePassed);
        let never = stop.unless_stopped(std::future::pending::<u32>());
        assert_eq!(never.await, Err(CallError::TimedOut { after_ms: 0 }));
    }
}
