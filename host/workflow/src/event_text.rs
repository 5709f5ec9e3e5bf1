//! What an event says, for the message about one that is not possible.

use sedge_model::run::{EvaluationPlace, OnTimeout, RunEvent};

/// A log contains an event that is not possible after the events before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log says that {what}, which is not possible: {why}")]
pub struct IllegalEvent {
    what: String,
    why: String,
    is_of_step: bool,
}

impl IllegalEvent {
    pub(crate) fn new(event: &RunEvent, why: impl Into<String>) -> Self {
        Self {
            what: what(event),
            why: why.into(),
            is_of_step: false,
        }
    }

    /// Returns the error for an event that does not fit its job or step.
    pub(crate) fn of_step(event: &RunEvent, why: impl Into<String>) -> Self {
        Self {
            is_of_step: true,
            ..Self::new(event, why)
        }
    }

    /// Returns whether the event does not fit its job or step: with another text of the workflow,
    /// it could.
    pub(crate) fn is_of_step(&self) -> bool {
        self.is_of_step
    }
}

fn what(event: &RunEvent) -> String {
    match event {
        RunEvent::Started => "the run started".to_owned(),
        RunEvent::Resumed => "the run was resumed".to_owned(),
        RunEvent::Released => "the driver of the run ended".to_owned(),
        RunEvent::Reset { .. } => "steps begin again".to_owned(),
        RunEvent::EditsTaken => "the run continues with an edited file".to_owned(),
        RunEvent::CancelRequested { .. } => "a user cancels the run".to_owned(),
        RunEvent::DeadlinePassed => "the deadline of the run has passed".to_owned(),
        RunEvent::JobGuarded { job, .. } => format!("the guard of the job `{job}` was evaluated"),
        RunEvent::Expanded { step, items, .. } => {
            format!("`{step}` was expanded to {} steps", items.len())
        }
        RunEvent::Guarded { step, .. } => format!("the guard of `{step}` was evaluated"),
        RunEvent::EvaluationCalled { place, .. } => match place {
            EvaluationPlace::JobGuard(job) => {
                format!("the guard of the job `{job}` called a method")
            }
            EvaluationPlace::Guard(step) => format!("the guard of `{step}` called a method"),
            EvaluationPlace::Assert(step) => format!("the assert `{step}` called a method"),
        },
        RunEvent::StepStarted { step, .. } => {
            format!("attempt {} of `{}` started", step.attempt, step.step)
        }
        RunEvent::StepSucceeded { step, .. } => {
            format!("attempt {} of `{}` succeeded", step.attempt, step.step)
        }
        RunEvent::StepFailed { step, .. } => {
            format!("attempt {} of `{}` failed", step.attempt, step.step)
        }
        RunEvent::StepRetried { step, .. } => {
            format!(
                "attempt {} of `{}` is followed by another",
                step.attempt, step.step
            )
        }
        RunEvent::StepSkipped { step, .. } => format!("`{step}` was skipped"),
        RunEvent::ChildSuspended { step } => format!("the child run of `{step}` was suspended"),
        RunEvent::GateOpened { gate, .. } => format!("the gate `{gate}` opened"),
        RunEvent::GateDecided { gate, decision, .. } => {
            format!("the gate `{gate}` was {}", decision.as_str())
        }
        RunEvent::GateExpired { gate, then } => match then {
            OnTimeout::Fail => format!("the gate `{gate}` failed at its deadline"),
            OnTimeout::Reject => format!("the gate `{gate}` was rejected by its deadline"),
            OnTimeout::Continue => format!("the gate `{gate}` was passed at its deadline"),
        },
        RunEvent::GateReopened { gate, .. } => format!("the gate `{gate}` was opened again"),
        RunEvent::Suspended => "the run was suspended".to_owned(),
        RunEvent::Ended { status, .. } => format!("the run {}", status.as_str()),
    }
}
