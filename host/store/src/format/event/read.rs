//! The event that a stored form stands for.

use sedge_model::run::{Expansion, RunEvent, StepError, StepPath};

use super::{
    StepFormatError, StoredAttempt, StoredEnvironment, StoredEvaluationPlace, StoredEvent,
    StoredExpansion, StoredGuard, StoredInstance, StoredPath, StoredStepError,
};

impl TryFrom<StoredEvent> for RunEvent {
    type Error = StepFormatError;

    fn try_from(stored: StoredEvent) -> Result<Self, StepFormatError> {
        Ok(match stored {
            StoredEvent::Started => Self::Started,
            StoredEvent::Resumed => Self::Resumed,
            StoredEvent::Released => Self::Released,
            StoredEvent::Reset { steps } => reset(steps)?,
            StoredEvent::EditsTaken => Self::EditsTaken,
            StoredEvent::CancelRequested { by, reason } => Self::CancelRequested {
                by: by.into(),
                reason,
            },
            StoredEvent::DeadlinePassed => Self::DeadlinePassed,
            StoredEvent::JobGuarded { job, outcome } => job_guarded(&job, outcome)?,
            StoredEvent::Expanded {
                step,
                items,
                environment,
            } => expanded(step, items, environment)?,
            StoredEvent::Guarded { step, satisfied } => guarded(step, satisfied)?,
            StoredEvent::EvaluationCalled { place, call } => evaluation_called(place, call)?,
            StoredEvent::StepStarted { step, call, child } => step_started(step, call, child)?,
            StoredEvent::StepSucceeded { step, call } => step_succeeded(step, call)?,
            StoredEvent::StepFailed {
                step,
                call,
                error,
                allowed,
            } => step_failed(step, call, error, allowed)?,
            StoredEvent::StepRetried {
                step,
                call,
                error,
                next_at_ms,
            } => step_retried(step, call, error, next_at_ms)?,
            StoredEvent::StepSkipped { step, because } => step_skipped(step, because)?,
            StoredEvent::ChildSuspended { step } => child_suspended(step)?,
            StoredEvent::GateOpened {
                gate,
                shown,
                deadline,
            } => Self::GateOpened {
                gate: gate.try_into()?,
                shown: shown.into(),
                deadline: deadline.map(Into::into),
            },
            StoredEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
                shown,
            } => Self::GateDecided {
                gate: gate.try_into()?,
                decision: decision.into(),
                by: by.into(),
                comment,
                shown,
            },
            StoredEvent::GateExpired { gate, then } => Self::GateExpired {
                gate: gate.try_into()?,
                then: then.into(),
            },
            StoredEvent::GateReopened { gate, skipped } => gate_reopened(gate, skipped)?,
            StoredEvent::Suspended => Self::Suspended,
            StoredEvent::Ended { status, error } => Self::Ended {
                status: status.into(),
                error: error.map(|error| Box::new(error.into())),
            },
        })
    }
}

fn reset(steps: Vec<StoredPath>) -> Result<RunEvent, StepFormatError> {
    let steps = steps.into_iter().map(StepPath::try_from);
    Ok(RunEvent::Reset {
        steps: steps.collect::<Result<_, _>>()?,
    })
}

fn job_guarded(job: &str, outcome: StoredGuard) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::JobGuarded {
        job: job.parse()?,
        is_satisfied: match outcome {
            StoredGuard::Satisfied(is_satisfied) => Ok(is_satisfied),
            StoredGuard::Failed(error) => Err(StepError::try_from(error)?),
        },
    })
}

fn expanded(
    step: StoredPath,
    items: Vec<StoredExpansion>,
    environment: StoredEnvironment,
) -> Result<RunEvent, StepFormatError> {
    let items = items.into_iter().map(Expansion::try_from);
    Ok(RunEvent::Expanded {
        step: step.try_into()?,
        items: items.collect::<Result<_, _>>()?,
        environment: environment.try_into()?,
    })
}

fn guarded(step: StoredInstance, is_satisfied: bool) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::Guarded {
        step: step.try_into()?,
        is_satisfied,
    })
}

fn evaluation_called(place: StoredEvaluationPlace, call: u32) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::EvaluationCalled {
        place: place.try_into()?,
        call,
    })
}

fn step_started(
    step: StoredAttempt,
    call: u32,
    child: Option<String>,
) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::StepStarted {
        step: step.try_into()?,
        call,
        child: child.map(|run| run.parse()).transpose()?,
    })
}

fn step_succeeded(step: StoredAttempt, call: Option<u32>) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::StepSucceeded {
        step: step.try_into()?,
        call,
    })
}

fn step_failed(
    step: StoredAttempt,
    call: Option<u32>,
    error: StoredStepError,
    is_allowed: bool,
) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::StepFailed {
        step: step.try_into()?,
        call,
        error: error.try_into()?,
        is_allowed,
    })
}

fn step_retried(
    step: StoredAttempt,
    call: Option<u32>,
    error: StoredStepError,
    next_at_ms: i64,
) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::StepRetried {
        step: step.try_into()?,
        call,
        error: error.try_into()?,
        next_at_ms,
    })
}

fn step_skipped(step: StoredInstance, because: String) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::StepSkipped {
        step: step.try_into()?,
        because,
    })
}

fn gate_reopened(gate: StoredPath, skipped: Vec<StoredPath>) -> Result<RunEvent, StepFormatError> {
    let skipped = skipped.into_iter().map(StepPath::try_from);
    Ok(RunEvent::GateReopened {
        gate: gate.try_into()?,
        skipped: skipped.collect::<Result<_, _>>()?,
    })
}

fn child_suspended(step: StoredInstance) -> Result<RunEvent, StepFormatError> {
    Ok(RunEvent::ChildSuspended {
        step: step.try_into()?,
    })
}
