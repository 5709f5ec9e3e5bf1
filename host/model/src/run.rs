//! Runs and their events.
//!
//! The log of a run is append-only, and its state follows from its events alone (the crate
//! `sedge-workflow` folds them). The types of the format on disk are in `sedge-store`.

use crate::call::CallError;
use crate::names::{JobName, StepName};

/// What a run executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// One method of one model.
    Method,
    /// A workflow.
    Workflow,
}

impl RunKind {
    /// Returns the kind as the store writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Workflow => "workflow",
        }
    }
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// A process executes it, or its process crashed: see [`RunStatus::Interrupted`].
    Running,
    /// It waits at a gate.
    Suspended,
    /// Everything that had to succeed succeeded.
    Succeeded,
    /// Something that had to succeed did not.
    Failed,
    /// A user cancelled it.
    Cancelled,
    /// It was running and its process crashed. This status is never stored. It is derived for a run
    /// that is stored as running if the operating system reports that no process executes it.
    Interrupted,
}

impl RunStatus {
    /// Returns the status as the store and `--json` write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns whether the run has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
            Self::Running | Self::Suspended | Self::Interrupted => false,
        }
    }
}

/// The path of a step in its workflow. The name of a step is unique only in its job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepPath {
    /// The job.
    pub job: JobName,
    /// The step or gate.
    pub step: StepName,
}

impl std::fmt::Display for StepPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.job, self.step)
    }
}

/// A user's decision at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateDecision {
    /// Continue.
    Approved,
    /// Stop.
    Rejected,
}

impl GateDecision {
    /// Returns the decision as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// One event of a workflow's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The run was created.
    Started,
    /// A process resumed the run.
    Resumed,
    /// A step started. This event is written before the step's call starts.
    StepStarted {
        /// The step.
        step: StepPath,
        /// The ordinal of its call in the run.
        call: u32,
    },
    /// A step's call succeeded.
    StepSucceeded {
        /// The step.
        step: StepPath,
    },
    /// A step's call failed.
    StepFailed {
        /// The step.
        step: StepPath,
        /// The error.
        error: CallError,
    },
    /// A step will not run, because a condition of its dependencies is not met.
    StepSkipped {
        /// The step.
        step: StepPath,
        /// The dependency whose condition is not met.
        because: String,
    },
    /// A gate waits for a user.
    GateOpened {
        /// The gate.
        gate: StepPath,
    },
    /// A user decided at a gate.
    GateDecided {
        /// The gate.
        gate: StepPath,
        /// The decision.
        decision: GateDecision,
        /// The user, as the operating system names them.
        by: String,
        /// The user's comment.
        comment: Option<String>,
    },
    /// The run cannot continue before a gate is decided.
    Suspended,
    /// The run has ended.
    Ended {
        /// The final status: succeeded, failed or cancelled.
        status: RunStatus,
        /// The error of a method's run that failed. In a workflow's run, the events of its steps
        /// contain the errors.
        error: Option<Box<RunError>>,
    },
}

/// The reason why a method's run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// Its call failed.
    Call(CallError),
    /// A file, the datastore or the machine failed.
    Host {
        /// The stable code of the error.
        code: String,
        /// The message: what failed, with what, and why.
        message: String,
    },
}

impl RunEvent {
    /// Returns the step or gate that this event ends, if any.
    #[must_use]
    pub fn step_ended(&self) -> Option<&StepPath> {
        match self {
            Self::StepSucceeded { step }
            | Self::StepFailed { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::GateDecided { gate: step, .. } => Some(step),
            Self::Started
            | Self::Resumed
            | Self::StepStarted { .. }
            | Self::GateOpened { .. }
            | Self::Suspended
            | Self::Ended { .. } => None,
        }
    }

    /// Returns the status that this event sets, if any.
    #[must_use]
    pub fn status(&self) -> Option<RunStatus> {
        match self {
            Self::Started | Self::Resumed => Some(RunStatus::Running),
            Self::Suspended => Some(RunStatus::Suspended),
            Self::Ended { status, .. } => Some(*status),
            Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::StepSkipped { .. }
            | Self::GateOpened { .. }
            | Self::GateDecided { .. } => None,
        }
    }
}
