//! Steps, their instances and attempts, and why they failed: parts of events.

use sedge_model::digest::DigestError;
use sedge_model::names::{NameError, RunId};
use sedge_model::run::{
    Actor, AssertSeverity, EvaluationPlace, ExpansionNameError, GateDeadline, GateShown, OnTimeout,
    StepAttempt, StepError, StepInstance, StepPath,
};
use serde::{Deserialize, Serialize};

use super::call::StoredCallError;
use super::event::StoredStatus;

/// A stored text is not a name of the expected kind, or a part is missing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepFormatError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Expansion(#[from] ExpansionNameError),
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Either the parent run is missing, or what of it started the run.
    #[error("it has either a parent run or a step or call of it, and needs both")]
    HalfParent,
    /// The parent is both a step and a call.
    #[error("it was started by a step and by a call, and there can be only one of them")]
    TwoParents,
}

/// A step as it stands in the workflow's file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredPath {
    job: String,
    step: String,
}

/// A step, or one of its expansions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredInstance {
    job: String,
    step: String,
    /// The name of the expansion.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    expansion: Option<String>,
}

/// An attempt at a step.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredAttempt {
    job: String,
    step: String,
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    expansion: Option<String>,
    /// Format 1 had no retries, and has no number.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    attempt: u32,
}

fn first() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_first(attempt: &u32) -> bool {
    *attempt == first()
}

impl From<&StepPath> for StoredPath {
    fn from(path: &StepPath) -> Self {
        let StepPath { job, step } = path;
        Self {
            job: job.to_string(),
            step: step.to_string(),
        }
    }
}

impl TryFrom<StoredPath> for StepPath {
    type Error = StepFormatError;

    fn try_from(stored: StoredPath) -> Result<Self, StepFormatError> {
        let StoredPath { job, step } = stored;
        Ok(Self {
            job: job.parse()?,
            step: step.parse()?,
        })
    }
}

impl From<&StepInstance> for StoredInstance {
    fn from(instance: &StepInstance) -> Self {
        let StepInstance { path, expansion } = instance;
        Self {
            job: path.job.to_string(),
            step: path.step.to_string(),
            expansion: expansion.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<StoredInstance> for StepInstance {
    type Error = StepFormatError;

    fn try_from(stored: StoredInstance) -> Result<Self, StepFormatError> {
        let StoredInstance {
            job,
            step,
            expansion,
        } = stored;
        let expansion = expansion.map(|name| name.parse()).transpose()?;
        let path = StoredPath { job, step }.try_into()?;
        Ok(Self { path, expansion })
    }
}

impl From<&StepAttempt> for StoredAttempt {
    fn from(attempt: &StepAttempt) -> Self {
        let StepAttempt { step, attempt } = attempt;
        let StoredInstance {
            job,
            step,
            expansion,
        } = step.into();
        Self {
            job,
            step,
            expansion,
            attempt: *attempt,
        }
    }
}

impl TryFrom<StoredAttempt> for StepAttempt {
    type Error = StepFormatError;

    fn try_from(stored: StoredAttempt) -> Result<Self, StepFormatError> {
        let StoredAttempt {
            job,
            step,
            expansion,
            attempt,
        } = stored;
        let step = StoredInstance {
            job,
            step,
            expansion,
        };
        Ok(Self {
            step: step.try_into()?,
            attempt,
        })
    }
}

/// Why a step failed. An error of a call has the form that format 1 has for all errors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum StoredStepError {
    Step(StoredOwnError),
    Call(StoredCallError),
}

/// An error of a step that is not one of its call. No error of a call has one of these kinds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum StoredOwnError {
    Expression {
        message: String,
    },
    AssertFailed {
        message: String,
        severity: StoredSeverity,
    },
    WorkflowFailed {
        run: String,
        status: StoredStatus,
    },
    GateExpired,
}

impl From<&StepError> for StoredStepError {
    fn from(error: &StepError) -> Self {
        Self::Step(match error {
            StepError::Call(error) => return Self::Call(error.into()),
            StepError::Expression { message } => StoredOwnError::Expression {
                message: message.clone(),
            },
            StepError::Assert { message, severity } => StoredOwnError::AssertFailed {
                message: message.clone(),
                severity: (*severity).into(),
            },
            StepError::Child { run, status } => StoredOwnError::WorkflowFailed {
                run: run.to_string(),
                status: (*status).into(),
            },
            StepError::GateExpired => StoredOwnError::GateExpired,
        })
    }
}

impl TryFrom<StoredStepError> for StepError {
    type Error = StepFormatError;

    fn try_from(stored: StoredStepError) -> Result<Self, StepFormatError> {
        let own = match stored {
            StoredStepError::Call(error) => return Ok(Self::Call(error.into())),
            StoredStepError::Step(own) => own,
        };
        Ok(match own {
            StoredOwnError::Expression { message } => Self::Expression { message },
            StoredOwnError::AssertFailed { message, severity } => Self::Assert {
                message,
                severity: severity.into(),
            },
            StoredOwnError::WorkflowFailed { run, status } => Self::Child {
                run: run.parse::<RunId>()?,
                status: status.into(),
            },
            StoredOwnError::GateExpired => Self::GateExpired,
        })
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredSeverity {
    Low,
    Medium,
    High,
}

impl From<AssertSeverity> for StoredSeverity {
    fn from(severity: AssertSeverity) -> Self {
        match severity {
            AssertSeverity::Low => Self::Low,
            AssertSeverity::Medium => Self::Medium,
            AssertSeverity::High => Self::High,
        }
    }
}

impl From<StoredSeverity> for AssertSeverity {
    fn from(stored: StoredSeverity) -> Self {
        match stored {
            StoredSeverity::Low => Self::Low,
            StoredSeverity::Medium => Self::Medium,
            StoredSeverity::High => Self::High,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredOnTimeout {
    Fail,
    Reject,
    Continue,
}

impl From<OnTimeout> for StoredOnTimeout {
    fn from(then: OnTimeout) -> Self {
        match then {
            OnTimeout::Fail => Self::Fail,
            OnTimeout::Reject => Self::Reject,
            OnTimeout::Continue => Self::Continue,
        }
    }
}

impl From<StoredOnTimeout> for OnTimeout {
    fn from(stored: StoredOnTimeout) -> Self {
        match stored {
            StoredOnTimeout::Fail => Self::Fail,
            StoredOnTimeout::Reject => Self::Reject,
            StoredOnTimeout::Continue => Self::Continue,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredDeadline {
    at_ms: i64,
    then: StoredOnTimeout,
}

impl From<GateDeadline> for StoredDeadline {
    fn from(deadline: GateDeadline) -> Self {
        let GateDeadline { at_ms, then } = deadline;
        Self {
            at_ms,
            then: then.into(),
        }
    }
}

impl From<StoredDeadline> for GateDeadline {
    fn from(stored: StoredDeadline) -> Self {
        let StoredDeadline { at_ms, then } = stored;
        Self {
            at_ms,
            then: then.into(),
        }
    }
}

/// What a user sees at a gate. Format 1 does not have it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredShown {
    prompt: String,
    digest: String,
}

impl StoredShown {
    /// Returns whether it is the one that stands for that of a gate of format 1.
    pub(super) fn is_empty(&self) -> bool {
        self.prompt.is_empty() && self.digest.is_empty()
    }
}

impl From<&GateShown> for StoredShown {
    fn from(shown: &GateShown) -> Self {
        let GateShown { prompt, digest } = shown;
        Self {
            prompt: prompt.clone(),
            digest: digest.clone(),
        }
    }
}

impl From<StoredShown> for GateShown {
    fn from(stored: StoredShown) -> Self {
        let StoredShown { prompt, digest } = stored;
        Self { prompt, digest }
    }
}

/// The members of an event that say which user caused it. Format 1 has only the name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredActor {
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
}

impl From<&Actor> for StoredActor {
    fn from(actor: &Actor) -> Self {
        let Actor { name, uid } = actor;
        Self {
            by: name.clone(),
            uid: *uid,
        }
    }
}

impl From<StoredActor> for Actor {
    fn from(stored: StoredActor) -> Self {
        let StoredActor { by, uid } = stored;
        Self { name: by, uid }
    }
}

/// An expression that runs methods.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoredEvaluationPlace {
    JobGuard(String),
    Guard(StoredInstance),
    Assert(StoredInstance),
}

impl From<&EvaluationPlace> for StoredEvaluationPlace {
    fn from(place: &EvaluationPlace) -> Self {
        match place {
            EvaluationPlace::JobGuard(job) => Self::JobGuard(job.to_string()),
            EvaluationPlace::Guard(step) => Self::Guard(step.into()),
            EvaluationPlace::Assert(step) => Self::Assert(step.into()),
        }
    }
}

impl TryFrom<StoredEvaluationPlace> for EvaluationPlace {
    type Error = StepFormatError;

    fn try_from(stored: StoredEvaluationPlace) -> Result<Self, StepFormatError> {
        Ok(match stored {
            StoredEvaluationPlace::JobGuard(job) => Self::JobGuard(job.parse()?),
            StoredEvaluationPlace::Guard(step) => Self::Guard(step.try_into()?),
            StoredEvaluationPlace::Assert(step) => Self::Assert(step.try_into()?),
        })
    }
}
