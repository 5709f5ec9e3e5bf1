//! Whether and when a failed attempt is followed by another one.

use sedge_model::run::{StepAttempt, StepError};
use sedge_sys::random;

use super::Drive;

impl Drive {
    /// Returns when the next attempt starts; `None` if there is none.
    pub(super) fn retry_at_ms(&self, step: &StepAttempt, error: &StepError) -> Option<i64> {
        if self.cx.stop.reason().is_some() {
            return None;
        }
        let retry = self.plan_step(&step.step).retry.as_ref()?;
        let pause = retry.next_pause(step.attempt, error, random::bits())?;
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        Some(self.now_ms().saturating_add(pause_ms))
    }
}
