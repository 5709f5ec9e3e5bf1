//! What happened to runs: column `event` of `run_events`.

use sedge_model::names::NameError;
use sedge_model::run::{GateDecision, RunError, RunEvent, RunStatus, StepPath};
use serde::{Deserialize, Serialize};

use super::call::StoredCallError;

/// One thing that happened to a run of a workflow.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum StoredEvent {
    Started,
    Resumed,
    StepStarted {
        step: StoredStep,
        call: u32,
    },
    StepSucceeded {
        step: StoredStep,
    },
    StepFailed {
        step: StoredStep,
        error: StoredCallError,
    },
    StepSkipped {
        step: StoredStep,
        because: String,
    },
    GateOpened {
        gate: StoredStep,
    },
    GateDecided {
        gate: StoredStep,
        decision: StoredDecision,
        by: String,
        comment: Option<String>,
    },
    Suspended,
    Ended {
        status: StoredStatus,
        /// Of a method's run that failed. A reader that does not know of it passes over it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StoredRunError>,
    },
}

/// Why a run of one method failed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredRunError {
    Call(StoredCallError),
    Host { code: String, message: String },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredStep {
    job: String,
    step: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredDecision {
    Approved,
    Rejected,
}

/// Where a run stands. `interrupted` is never written: it is what a run that is `running` is
/// once its process is gone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredStatus {
    Running,
    Suspended,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl From<&StepPath> for StoredStep {
    fn from(path: &StepPath) -> Self {
        let StepPath { job, step } = path;
        Self {
            job: job.to_string(),
            step: step.to_string(),
        }
    }
}

impl TryFrom<StoredStep> for StepPath {
    type Error = NameError;

    fn try_from(stored: StoredStep) -> Result<Self, NameError> {
        let StoredStep { job, step } = stored;
        Ok(Self {
            job: job.parse()?,
            step: step.parse()?,
        })
    }
}

impl From<RunStatus> for StoredStatus {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Self::Running,
            RunStatus::Suspended => Self::Suspended,
            RunStatus::Succeeded => Self::Succeeded,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Interrupted => Self::Interrupted,
        }
    }
}

impl From<StoredStatus> for RunStatus {
    fn from(stored: StoredStatus) -> Self {
        match stored {
            StoredStatus::Running => Self::Running,
            StoredStatus::Suspended => Self::Suspended,
            StoredStatus::Succeeded => Self::Succeeded,
            StoredStatus::Failed => Self::Failed,
            StoredStatus::Cancelled => Self::Cancelled,
            StoredStatus::Interrupted => Self::Interrupted,
        }
    }
}

impl From<&RunError> for StoredRunError {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Call(error) => Self::Call(error.into()),
            RunError::Host { code, message } => Self::Host {
                code: code.clone(),
                message: message.clone(),
            },
        }
    }
}

impl From<StoredRunError> for RunError {
    fn from(stored: StoredRunError) -> Self {
        match stored {
            StoredRunError::Call(error) => Self::Call(error.into()),
            StoredRunError::Host { code, message } => Self::Host { code, message },
        }
    }
}

impl From<&RunEvent> for StoredEvent {
    fn from(event: &RunEvent) -> Self {
        match event {
            RunEvent::Started => Self::Started,
            RunEvent::Resumed => Self::Resumed,
            RunEvent::StepStarted { step, call } => Self::StepStarted {
                step: step.into(),
                call: *call,
            },
            RunEvent::StepSucceeded { step } => Self::StepSucceeded { step: step.into() },
            RunEvent::StepFailed { step, error } => Self::StepFailed {
                step: step.into(),
                error: error.into(),
            },
            RunEvent::StepSkipped { step, because } => Self::StepSkipped {
                step: step.into(),
                because: because.clone(),
            },
            RunEvent::GateOpened { gate } => Self::GateOpened { gate: gate.into() },
            RunEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
            } => Self::GateDecided {
                gate: gate.into(),
                decision: match decision {
                    GateDecision::Approved => StoredDecision::Approved,
                    GateDecision::Rejected => StoredDecision::Rejected,
                },
                by: by.clone(),
                comment: comment.clone(),
            },
            RunEvent::Suspended => Self::Suspended,
            RunEvent::Ended { status, error } => Self::Ended {
                status: (*status).into(),
                error: error.as_deref().map(StoredRunError::from),
            },
        }
    }
}

impl TryFrom<StoredEvent> for RunEvent {
    type Error = NameError;

    fn try_from(stored: StoredEvent) -> Result<Self, NameError> {
        Ok(match stored {
            StoredEvent::Started => Self::Started,
            StoredEvent::Resumed => Self::Resumed,
            StoredEvent::StepStarted { step, call } => Self::StepStarted {
                step: step.try_into()?,
                call,
            },
            StoredEvent::StepSucceeded { step } => Self::StepSucceeded {
                step: step.try_into()?,
            },
            StoredEvent::StepFailed { step, error } => Self::StepFailed {
                step: step.try_into()?,
                error: error.into(),
            },
            StoredEvent::StepSkipped { step, because } => Self::StepSkipped {
                step: step.try_into()?,
                because,
            },
            StoredEvent::GateOpened { gate } => Self::GateOpened {
                gate: gate.try_into()?,
            },
            StoredEvent::GateDecided {
                gate,
                decision,
                by,
                comment,
            } => Self::GateDecided {
                gate: gate.try_into()?,
                decision: match decision {
                    StoredDecision::Approved => GateDecision::Approved,
                    StoredDecision::Rejected => GateDecision::Rejected,
                },
                by,
                comment,
            },
            StoredEvent::Suspended => Self::Suspended,
            StoredEvent::Ended { status, error } => Self::Ended {
                status: status.into(),
                error: error.map(|error| Box::new(error.into())),
            },
        })
    }
}
