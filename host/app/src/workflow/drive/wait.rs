//! What a driver waits for: the end of a step, an event of another process, and points in time.

use std::sync::Arc;
use std::time::Duration;

use sedge_model::call::CallError;
use sedge_model::run::{RunEvent, StepError};
use sedge_sys::clock::{self, Moment};

use super::{Drive, DriveState};
use crate::error::AppError;

/// How often a driver asks whether another process has written to the log of the run.
///
/// It is the time that a decision or a cancellation takes to have an effect. Each question reads
/// one entry of an index.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Why the steps that are running have to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    /// A user cancels the run.
    Cancelled,
    /// The deadline of the run has passed.
    DeadlinePassed,
}

impl StopReason {
    /// Returns the error of a call that was stopped.
    pub(super) fn error(self, elapsed: Duration) -> StepError {
        StepError::Call(match self {
            Self::Cancelled => CallError::Cancelled,
            Self::DeadlinePassed => CallError::TimedOut {
                after_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            },
        })
    }
}

impl DriveState {
    /// Returns why the run stops.
    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        if self.run.is_cancelling() {
            Some(StopReason::Cancelled)
        } else {
            let passed = self.run.deadline_passed();
            passed.then_some(StopReason::DeadlinePassed)
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop_reason().is_some()
    }
}

impl Drive {
    /// Waits until something of the run changes, or until a time. At the deadline of the run, its
    /// event is written.
    pub(super) async fn wait(self: &Arc<Self>, until_ms: Option<i64>) -> Result<(), AppError> {
        let now_ms = self.now_ms();
        let pause = match until_ms {
            Some(until_ms) => millis(until_ms.saturating_sub(now_ms)).min(POLL_EVERY),
            None => POLL_EVERY,
        };
        // A little longer, so that the time to ask has come when the pause ends.
        let pause = pause + Duration::from_millis(1);
        tokio::select! {
            () = self.changed.notified() => {}
            () = clock::pause(pause) => {}
        }
        self.deadline_check().await?;
        if self.is_poll_due() {
            self.catch_up()?;
            self.children_check().await?;
        }
        Ok(())
    }

    /// Returns whether it is time to ask for events of other processes, and notes that it was done.
    fn is_poll_due(&self) -> bool {
        let mut state = self.state();
        let is_due = state.polled.elapsed() >= POLL_EVERY;
        if is_due {
            state.polled = Moment::now();
        }
        is_due
    }

    /// Applies the events that another process has written.
    fn catch_up(&self) -> Result<(), AppError> {
        let mut state = self.state();
        if state.n_submitted > 0 {
            // The outstanding transaction is refused if there are such events.
            return Ok(());
        }
        if self.cx.repository.store()?.run_seq(self.cx.run())? != state.known {
            self.fold_again(&mut state)?;
        }
        Ok(())
    }

    /// Returns whether the deadline of the run has passed.
    pub(super) fn deadline_is_over(&self) -> bool {
        let deadline = self.cx.options.deadline_ms;
        deadline.is_some_and(|it| self.now_ms() >= it)
    }

    async fn deadline_check(self: &Arc<Self>) -> Result<(), AppError> {
        if !self.deadline_is_over() {
            return Ok(());
        }
        let is_open = |state: &DriveState| !state.is_stopping() && state.run.ended().is_none();
        let event = RunEvent::DeadlinePassed;
        self.append_if(vec![event.into()], is_open).await.map(drop)
    }

    /// Stops the steps that are running if the run was cancelled or its deadline has passed.
    pub(super) fn running_stop_if_asked(&self) {
        let reason = self.state().stop_reason();
        if reason.is_some() {
            self.stop.send_if_modified(|stop| {
                let is_new = stop.is_none();
                *stop = stop.or(reason);
                is_new
            });
        }
    }

    /// Waits until the steps that are running have to stop.
    pub(super) async fn stopped(&self) -> StopReason {
        let mut stop = self.stop.subscribe();
        let reason = stop.wait_for(Option::is_some).await.map(|reason| *reason);
        match reason {
            Ok(Some(reason)) => reason,
            Ok(None) | Err(_) => {
                unreachable!("the sender is in `self`, and a reason was waited for")
            }
        }
    }

    /// Returns the deadline of the run.
    pub(super) fn run_deadline(&self) -> Option<Moment> {
        let left_ms = self.cx.options.deadline_ms?.saturating_sub(self.now_ms());
        Some(Moment::now().after(millis(left_ms)))
    }
}

/// Returns a number of milliseconds as a duration; zero if it is negative.
fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
