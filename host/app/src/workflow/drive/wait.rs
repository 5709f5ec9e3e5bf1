//! What a driver waits for: the end of a step, an event of another process, and points in time.

use std::sync::Arc;
use std::time::Duration;

use sedge_model::run::{RunEvent, StepAttempt, StepError};
use sedge_sys::clock::{self, Moment};
use sedge_workflow::RunPause;

use super::{Drive, DriveState};
use crate::error::{AppError, ProcessError};
use crate::run::stop::StopReason;

/// How often a driver asks whether another process has written to the log of the run.
///
/// It is the time that a decision or a cancellation takes to have an effect. Each question reads
/// one entry of an index.
const POLL_EVERY: Duration = Duration::from_millis(100);

impl DriveState {
    /// Returns why the run ends before its steps have, according to its log.
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

    /// Returns the attempts that are running, with the ordinals of their calls.
    fn running(&self) -> Vec<(StepAttempt, u32)> {
        let running = self.run.instances().filter_map(|(step, found)| {
            let (attempt, call) = found.running()?;
            Some((StepAttempt { step, attempt }, call))
        });
        running.collect()
    }
}

impl Drive {
    /// Waits until something of the run changes, until a time, or until the process is to end. At the
    /// deadline of the run, its event is written.
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
            () = self.signal.notified() => {}
            () = clock::pause(pause) => {}
            _ = self.cx.stop.stopped(), if self.cx.stop.reason().is_none() => {}
        }
        self.deadline_check().await?;
        if self.is_poll_due() {
            self.catch_up()?;
            self.children_check().await?;
        }
        Ok(())
    }

    /// Returns whether it is time to ask for events that this driver has not written, and notes that
    /// it was done.
    fn is_poll_due(&self) -> bool {
        let has_news = self.signal.take();
        let mut state = self.state();
        let is_due = has_news || state.polled.elapsed() >= POLL_EVERY;
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
        if let Some(reason) = reason {
            self.cx.stop.stop(reason);
        }
    }

    /// Ends the work on a run because this process is to end. Waits until all steps that are running
    /// have stopped. Steps that end meanwhile have ended, so the run may have ended, too.
    ///
    /// # Errors
    /// [`ProcessError::Interrupted`], unless the run has ended or waits for a decision.
    pub(super) async fn interrupted_end(self: &Arc<Self>) -> Result<RunPause, AppError> {
        self.tasks.ended().await;
        self.frame.callees_ended().await;
        self.failure_check()?;
        self.catch_up()?;
        // A user may have cancelled the run while its steps were stopping.
        let reason = self.state().stop_reason();
        if let Some(reason) = reason {
            self.attempts_end(reason).await?;
        }
        self.append(Vec::new()).await?;
        self.tasks.ended().await;
        match self.pause()? {
            Some(pause @ (RunPause::Suspended | RunPause::Ended(_))) => Ok(pause),
            Some(RunPause::Working { .. }) | None => Err(ProcessError::Interrupted.into()),
        }
    }

    /// Records the end of all attempts that the state still has as running.
    async fn attempts_end(self: &Arc<Self>, reason: StopReason) -> Result<(), AppError> {
        let running = self.state().running();
        for (step, call) in running {
            let end = Err(StepError::Call(reason.error(Duration::ZERO)));
            let event = self.end_event(&step, Some(call), &end);
            let holds = |state: &DriveState| state.is_running(&step, call);
            self.append_if(vec![event.into()], holds).await?;
        }
        Ok(())
    }

    /// Returns when the calls of the run have to end: at the deadline of the run, and while a call that
    /// has started the run waits for it, at the deadline of that call.
    pub(super) fn run_deadline(&self) -> Option<Moment> {
        let own = self.cx.options.deadline_ms.map(|deadline_ms| {
            let left_ms = deadline_ms.saturating_sub(self.now_ms());
            self.cx.clock().moment().after(millis(left_ms))
        });
        let of_call = self.cx.call_above().map(|above| above.deadline);
        own.into_iter().chain(of_call).min()
    }
}

/// Returns a number of milliseconds as a duration; zero if it is negative.
fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
