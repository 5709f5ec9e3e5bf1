//! The stored form of an event.

use sedge_model::names::{JobName, RunId};
use sedge_model::run::{
    Actor, EvaluationPlace, GateDeadline, GateShown, OnTimeout, RunError, RunEvent, RunStatus,
    StepAttempt, StepError, StepInstance, StepPath,
};

use super::{StoredEvent, StoredExpansion, StoredGuard, StoredPath, StoredRunError};

impl From<&RunEvent> for StoredEvent {
    fn from(event: &RunEvent) -> Self {
        match event {
            RunEvent::Started => Self::Started,
            RunEvent::Resumed => Self::Resumed,
            RunEvent::Released => Self::Released,
            RunEvent::Reset { steps } => reset(steps),
            RunEvent::EditsTaken => Self::EditsTaken,
            RunEvent::CancelRequested { by, reason } => cancel_requested(by, reason.as_ref()),
            RunEvent::DeadlinePassed => Self::DeadlinePassed,
            RunEvent::JobGuarded { job, is_satisfied } => job_guarded(job, is_satisfied),
            RunEvent::Expanded {
                step,
                items,
                environment,
            } => StoredEvent::Expanded {
                step: step.into(),
                items: items.iter().map(StoredExpansion::from).collect(),
                environment: environment.into(),
            },
            RunEvent::Guarded { step, is_satisfied } => guarded(step, *is_satisfied),
            RunEvent::EvaluationCalled { place, call } => evaluation_called(place, *call),
            RunEvent::StepStarted { step, call, child } => {
                step_started(step, *call, child.as_ref())
            }
            RunEvent::StepSucceeded { step, call } => step_succeeded(step, *call),
            RunEvent::StepFailed {
                step,
                call,
                error,
                is_allowed,
            } => step_failed(step, *call, error, *is_allowed),
            RunEvent::StepRetried {
                step,
                call,
                error,
                next_at_ms,
            } => step_retried(step, *call, error, *next_at_ms),
            RunEvent::StepSkipped { step, because } => step_skipped(step, because),
            RunEvent::ChildSuspended { step } => Self::ChildSuspended { step: step.into() },
            RunEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => gate_opened(gate, shown, *deadline),
            RunEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
                shown,
            } => Self::GateDecided {
                gate: gate.into(),
                decision: (*decision).into(),
                by: by.into(),
                comment: comment.clone(),
                shown: shown.clone(),
            },
            RunEvent::GateExpired { gate, then } => gate_expired(gate, *then),
            RunEvent::GateReopened { gate, skipped } => gate_reopened(gate, skipped),
            RunEvent::Suspended => Self::Suspended,
            RunEvent::Ended { status, error } => ended(*status, error.as_deref()),
        }
    }
}

fn reset(steps: &[StepPath]) -> StoredEvent {
    StoredEvent::Reset {
        steps: steps.iter().map(StoredPath::from).collect(),
    }
}

fn cancel_requested(by: &Actor, reason: Option<&String>) -> StoredEvent {
    StoredEvent::CancelRequested {
        by: by.into(),
        reason: reason.cloned(),
    }
}

fn job_guarded(job: &JobName, is_satisfied: &Result<bool, StepError>) -> StoredEvent {
    StoredEvent::JobGuarded {
        job: job.to_string(),
        outcome: match is_satisfied {
            Ok(is_satisfied) => StoredGuard::Satisfied(*is_satisfied),
            Err(error) => StoredGuard::Failed(error.into()),
        },
    }
}

fn guarded(step: &StepInstance, satisfied: bool) -> StoredEvent {
    StoredEvent::Guarded {
        step: step.into(),
        satisfied,
    }
}

fn evaluation_called(place: &EvaluationPlace, call: u32) -> StoredEvent {
    StoredEvent::EvaluationCalled {
        place: place.into(),
        call,
    }
}

fn step_started(step: &StepAttempt, call: u32, child: Option<&RunId>) -> StoredEvent {
    StoredEvent::StepStarted {
        step: step.into(),
        call,
        child: child.map(ToString::to_string),
    }
}

fn step_succeeded(step: &StepAttempt, call: Option<u32>) -> StoredEvent {
    StoredEvent::StepSucceeded {
        step: step.into(),
        call,
    }
}

fn step_failed(
    step: &StepAttempt,
    call: Option<u32>,
    error: &StepError,
    allowed: bool,
) -> StoredEvent {
    StoredEvent::StepFailed {
        step: step.into(),
        call,
        error: error.into(),
        allowed,
    }
}

fn step_retried(
    step: &StepAttempt,
    call: Option<u32>,
    error: &StepError,
    next_at_ms: i64,
) -> StoredEvent {
    StoredEvent::StepRetried {
        step: step.into(),
        call,
        error: error.into(),
        next_at_ms,
    }
}

fn step_skipped(step: &StepInstance, because: &str) -> StoredEvent {
    StoredEvent::StepSkipped {
        step: step.into(),
        because: because.to_owned(),
    }
}

fn gate_opened(
    gate: &StepInstance,
    shown: &GateShown,
    deadline: Option<GateDeadline>,
) -> StoredEvent {
    StoredEvent::GateOpened {
        gate: gate.into(),
        shown: shown.into(),
        deadline: deadline.map(Into::into),
    }
}

fn gate_expired(gate: &StepInstance, then: OnTimeout) -> StoredEvent {
    StoredEvent::GateExpired {
        gate: gate.into(),
        then: then.into(),
    }
}

fn gate_reopened(gate: &StepPath, skipped: &[StepPath]) -> StoredEvent {
    StoredEvent::GateReopened {
        gate: gate.into(),
        skipped: skipped.iter().map(StoredPath::from).collect(),
    }
}

fn ended(status: RunStatus, error: Option<&RunError>) -> StoredEvent {
    StoredEvent::Ended {
        status: status.into(),
        error: error.map(StoredRunError::from),
    }
}
