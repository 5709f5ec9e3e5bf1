//! Runs and the events that they are made of.
//!
//! A run's log is append-only; what a run *is* follows from its events alone (the crate
//! `sedge-workflow` folds them). What is on disk of them has types of its own, in `sedge-store`.

use crate::call::CallError;
use crate::names::{JobName, StepName};

/// What a run is the run of.
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

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// A process is working on it, or one did and died: see [`RunStatus::Interrupted`].
    Running,
    /// It waits at a gate.
    Suspended,
    /// Everything that had to succeed did.
    Succeeded,
    /// Something that had to succeed did not.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// It was running and its process died. Never stored: it is told from a run that is
    /// stored as running by the operating system's word that nobody works on it.
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

    /// Returns whether nothing further can happen to the run.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
            Self::Running | Self::Suspended | Self::Interrupted => false,
        }
    }
}

/// The name of a step in its workflow: steps are unique in their job only.
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

/// What a person decided at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateDecision {
    /// Go on.
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

/// One thing that happened to a run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The run was made.
    Started,
    /// A process took it up again.
    Resumed,
    /// A step began. Written before its call begins.
    StepStarted {
        /// Which step.
        step: StepPath,
        /// The ordinal of its call in the run.
        call: u32,
    },
    /// A step's call has its outcome.
    StepSucceeded {
        /// Which step.
        step: StepPath,
    },
    /// A step's call ended with an error.
    StepFailed {
        /// Which step.
        step: StepPath,
        /// What went wrong.
        error: CallError,
    },
    /// A step will not run, because what it waits for came out otherwise.
    StepSkipped {
        /// Which step.
        step: StepPath,
        /// Which dependency kept it.
        because: String,
    },
    /// A gate waits for a person.
    GateOpened {
        /// Which gate.
        gate: StepPath,
    },
    /// A person decided.
    GateDecided {
        /// Which gate.
        gate: StepPath,
        /// What.
        decision: GateDecision,
        /// Who, as the operating system names them.
        by: String,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// Nothing can go on before a gate is decided.
    Suspended,
    /// The run has ended.
    Ended {
        /// How: succeeded, failed or cancelled.
        status: RunStatus,
        /// Why, of a method's run that failed. The log of a workflow's run says it of each step.
        error: Option<Box<RunError>>,
    },
}

/// Why a run of one method failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// Its call failed.
    Call(CallError),
    /// A file, the datastore or the machine was at fault.
    Host {
        /// The stable code of the error.
        code: String,
        /// What failed, on what, and why.
        message: String,
    },
}

impl RunEvent {
    /// Returns the step or gate that nothing more happens to after this event, if it is one's.
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

    /// Returns where the run stands from this event on; none where it says nothing of that.
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
