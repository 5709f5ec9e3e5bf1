//! Runs and their events.
//!
//! The log of a run is append-only, and its state follows from its events alone (the crate
//! `sedge-workflow` folds them). The types of the format on disk are in `sedge-store`.

mod actor;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use actor::Actor;
pub use step::{
    EXPANSION_NAME_BYTES_MAX, EvaluationPlace, Expansion, ExpansionItem, ExpansionName,
    ExpansionNameError, StepAttempt, StepInstance, StepPath,
};

use crate::call::CallError;
use crate::digest::Digest;
use crate::lineage::Lineage;
use crate::names::{EnvName, JobName, RunId};

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

/// A decision at a gate.
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

/// The effect of a gate's deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnTimeout {
    /// The step fails.
    Fail,
    /// It is as if a user had rejected.
    #[default]
    Reject,
    /// The run goes on without approval.
    Continue,
}

impl OnTimeout {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Reject, Self::Continue];

    /// Returns the value as a file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Reject => "reject",
            Self::Continue => "continue",
        }
    }
}

/// The deadline of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateDeadline {
    /// When: milliseconds since 1970-01-01T00:00:00Z, by the clock of the datastore.
    pub at_ms: i64,
    /// What it means.
    pub then: OnTimeout,
}

/// What a user sees before they decide at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateShown {
    /// The question, with its expressions evaluated; empty if the file has none. Values of secrets
    /// are redacted.
    pub prompt: String,
    /// The BLAKE3 digest, in hexadecimal digits, of the workflow's text, the inputs, and the
    /// definitions and plugins that the run uses.
    pub digest: String,
}

/// The reason why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// Its call failed.
    Call(CallError),
    /// An expression of the step, its guard or its `forEach` has no value that can be used.
    Expression {
        /// The fault, with its place in the file.
        message: String,
    },
    /// The condition of an assert does not hold.
    Assert {
        /// The message of the file, evaluated; the expression if the file has none.
        message: String,
        /// `low`, `medium` or `high`.
        severity: AssertSeverity,
    },
    /// The child run of a nested workflow failed, or was cancelled.
    Child {
        /// The child run.
        run: RunId,
        /// Its status.
        status: RunStatus,
    },
    /// The deadline of a gate, with `onTimeout: fail`.
    GateExpired,
}

impl StepError {
    /// Returns a short word for programs: the code of the call's error, or `expression`,
    /// `assert-failed`, `workflow-failed`, `gate-expired`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Call(error) => error.code(),
            Self::Expression { .. } => "expression",
            Self::Assert { .. } => "assert-failed",
            Self::Child { .. } => "workflow-failed",
            Self::GateExpired => "gate-expired",
        }
    }

    /// Returns the error of the step's call, if that is the reason.
    #[must_use]
    pub fn of_call(&self) -> Option<&CallError> {
        match self {
            Self::Call(error) => Some(error),
            Self::Expression { .. }
            | Self::Assert { .. }
            | Self::Child { .. }
            | Self::GateExpired => None,
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Expression { message } | Self::Assert { message, .. } => f.write_str(message),
            Self::Child { run, status } => {
                write!(
                    f,
                    "the run `{run}` of the nested workflow {}",
                    status.as_str()
                )
            }
            Self::GateExpired => f.write_str("no user decided before the deadline of the gate"),
        }
    }
}

impl std::error::Error for StepError {}

/// The severity of an assert that does not hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssertSeverity {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    #[default]
    High,
}

impl AssertSeverity {
    /// All values, from low to high.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Returns the value as a file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a run was asked to do besides its workflow and inputs. It is stored with the run, and counts
/// for every driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The checks to skip.
    pub check_skips: CheckSkips,
    /// An assert whose severity is below this counts as an allowed failure.
    pub fail_on: Option<AssertSeverity>,
    /// The labels of the run and of the data that it writes.
    pub tags: BTreeMap<String, String>,
    /// The run that this run is part of, and what of it has started this run; `None` for a run that
    /// a user started.
    pub parent: Option<RunParent>,
    /// The deadline: milliseconds since 1970-01-01T00:00:00Z.
    pub deadline_ms: Option<i64>,
    /// The variables of the environment whose values its labels may contain, and its inputs if a step
    /// or a call has started it.
    pub environment: BTreeSet<EnvName>,
}

/// What of another run has started a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunParent {
    /// A step that runs a nested workflow.
    Step {
        /// The run of the step.
        run: RunId,
        /// The step.
        step: StepInstance,
    },
    /// A call whose guest runs a workflow.
    Call {
        /// The place of the run: the call, and the ordinal of the run among what the call has called.
        /// No other call of the parent run has this place.
        place: Lineage,
        /// The digest of what the guest requested, to compare it when the call is replayed.
        request: Digest,
    },
}

impl RunParent {
    /// Returns the parent run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        match self {
            Self::Step { run, .. } => run,
            Self::Call { place, .. } => place.run(),
        }
    }
}

/// The checks that the user skips for all calls of a run. A definition can require some of them
/// nevertheless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSkips {
    /// Whether all checks are skipped.
    pub all: bool,
    /// The names of checks that are skipped.
    pub names: Vec<String>,
    /// The labels whose checks are skipped.
    pub labels: Vec<String>,
}

/// One event of a workflow's run. An event refers to calls by their ordinal in the run, and never
/// has their results.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The run was created.
    Started,
    /// A driver continues the run: steps that were running were interrupted.
    Resumed,
    /// The driver ended and the run did not: it is interrupted.
    Released,
    /// A user resumes the run from some step: these steps begin again, as if they had never begun.
    /// Each is the whole step with all its expansions.
    Reset {
        /// The steps.
        steps: Vec<StepPath>,
    },
    /// The run continues with another text of its workflow, which is stored with the run.
    EditsTaken,
    /// A user cancels the run: nothing more starts. Sedge itself does so if nothing continues a run
    /// that is a part of another one.
    CancelRequested {
        /// The user, or [Sedge itself](Actor::sedge).
        by: Actor,
        /// The reason.
        reason: Option<String>,
    },
    /// The deadline of the run has passed: nothing more starts, and the run fails.
    DeadlinePassed,
    /// The guard of a job was evaluated.
    JobGuarded {
        /// The job.
        job: JobName,
        /// Whether its steps are done already; or the error, which fails the job.
        is_satisfied: Result<bool, StepError>,
    },
    /// The values of a `forEach` step were evaluated: each becomes an instance.
    Expanded {
        /// The step.
        step: StepPath,
        /// The instances, in the order of their values.
        items: Vec<Expansion>,
        /// The variables of the environment that the expressions of the values have read.
        environment: BTreeSet<EnvName>,
    },
    /// The guard of a step was evaluated. An error is a `StepFailed`.
    Guarded {
        /// The step or its expansion.
        step: StepInstance,
        /// Whether the step is done already.
        is_satisfied: bool,
    },
    /// An expression runs a method. This event is written before the call starts.
    EvaluationCalled {
        /// The expression.
        place: EvaluationPlace,
        /// The ordinal of the call in the run.
        call: u32,
    },
    /// An attempt at a step started. This event is written before the call or the child run starts.
    /// What it runs, with evaluated inputs, is stored with the event (see `sedge-store`).
    StepStarted {
        /// The attempt.
        step: StepAttempt,
        /// The ordinal of its call in the run. A nested workflow takes an ordinal, too: its calls
        /// lock below it.
        call: u32,
        /// The child run of a nested workflow. It may not exist yet.
        child: Option<RunId>,
    },
    /// A step succeeded.
    StepSucceeded {
        /// The attempt.
        step: StepAttempt,
        /// The ordinal of the call with the result; `None` for an assert.
        call: Option<u32>,
    },
    /// A step failed, and there is no further attempt.
    StepFailed {
        /// The attempt. It may not have started: then an expression failed.
        step: StepAttempt,
        /// The ordinal of the call that failed, if one began.
        call: Option<u32>,
        /// The error.
        error: StepError,
        /// Whether the run may succeed although the step failed: the severity of an assert is
        /// below that of the run.
        is_allowed: bool,
    },
    /// An attempt failed, and the next one follows.
    StepRetried {
        /// The attempt that failed.
        step: StepAttempt,
        /// The ordinal of its call.
        call: Option<u32>,
        /// The error.
        error: StepError,
        /// When the next attempt starts: milliseconds since 1970-01-01T00:00:00Z.
        next_at_ms: i64,
    },
    /// A step will not run. All instances of the step are skipped, or only this one.
    StepSkipped {
        /// The step, or its expansion.
        step: StepInstance,
        /// The reason: the dependency whose condition is not met, a deadline, a cancellation.
        because: String,
    },
    /// A nested workflow waits for a decision, and nothing else of it can run.
    ChildSuspended {
        /// The step whose child run is suspended.
        step: StepInstance,
    },
    /// A gate waits for a user.
    GateOpened {
        /// The gate.
        gate: StepInstance,
        /// What a user sees.
        shown: GateShown,
        /// The deadline, if it has one.
        deadline: Option<GateDeadline>,
    },
    /// A user decided at a gate.
    GateDecided {
        /// The gate.
        gate: StepInstance,
        /// The decision.
        decision: GateDecision,
        /// The user.
        by: Actor,
        /// The user's comment.
        comment: Option<String>,
        /// The digest of what the user was shown, if the face knows it.
        shown: Option<String>,
    },
    /// The deadline of a gate decided it.
    GateExpired {
        /// The gate.
        gate: StepInstance,
        /// What the deadline means.
        then: OnTimeout,
    },
    /// A gate is opened again, because what its users decided on has changed: the text of the
    /// workflow, the inputs, or the definitions and plugins that the run uses. The step with all its
    /// expansions is as if it had never begun. Steps behind it that have not started wait for the new
    /// decision.
    GateReopened {
        /// The gate.
        gate: StepPath,
        /// The steps that were skipped because of the former decision. They wait for the new one.
        skipped: Vec<StepPath>,
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
    /// Returns the instance that this event ends, if any.
    #[must_use]
    pub fn step_ended(&self) -> Option<&StepInstance> {
        match self {
            Self::StepSucceeded { step, .. } | Self::StepFailed { step, .. } => Some(&step.step),
            Self::StepSkipped { step, .. }
            | Self::Guarded {
                step,
                is_satisfied: true,
            }
            | Self::GateDecided { gate: step, .. }
            | Self::GateExpired { gate: step, .. } => Some(step),
            Self::Started
            | Self::Resumed
            | Self::Released
            | Self::Reset { .. }
            | Self::EditsTaken
            | Self::CancelRequested { .. }
            | Self::DeadlinePassed
            | Self::JobGuarded { .. }
            | Self::Expanded { .. }
            | Self::Guarded { .. }
            | Self::EvaluationCalled { .. }
            | Self::StepStarted { .. }
            | Self::StepRetried { .. }
            | Self::ChildSuspended { .. }
            | Self::GateOpened { .. }
            | Self::GateReopened { .. }
            | Self::Suspended
            | Self::Ended { .. } => None,
        }
    }

    /// Returns the child run that this event starts, with its step. The run may not exist yet.
    #[must_use]
    pub fn child_run(&self) -> Option<(&StepInstance, &RunId)> {
        match self {
            Self::StepStarted { step, child, .. } => child.as_ref().map(|run| (&step.step, run)),
            Self::Started
            | Self::Resumed
            | Self::Released
            | Self::Reset { .. }
            | Self::EditsTaken
            | Self::CancelRequested { .. }
            | Self::DeadlinePassed
            | Self::JobGuarded { .. }
            | Self::Expanded { .. }
            | Self::Guarded { .. }
            | Self::EvaluationCalled { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::StepRetried { .. }
            | Self::StepSkipped { .. }
            | Self::ChildSuspended { .. }
            | Self::GateOpened { .. }
            | Self::GateDecided { .. }
            | Self::GateExpired { .. }
            | Self::GateReopened { .. }
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
            Self::Released
            | Self::Reset { .. }
            | Self::EditsTaken
            | Self::CancelRequested { .. }
            | Self::DeadlinePassed
            | Self::JobGuarded { .. }
            | Self::Expanded { .. }
            | Self::Guarded { .. }
            | Self::EvaluationCalled { .. }
            | Self::StepStarted { .. }
            | Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::StepRetried { .. }
            | Self::StepSkipped { .. }
            | Self::ChildSuspended { .. }
            | Self::GateOpened { .. }
            | Self::GateDecided { .. }
            | Self::GateExpired { .. }
            | Self::GateReopened { .. } => None,
        }
    }
}
