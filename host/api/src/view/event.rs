//! The events of a run, one document for each, as a face writes them while the run goes on.

use schemars::JsonSchema;
use serde::Serialize;

use super::run::{GateDeadlineView, LogLineView, OnTimeoutView, RunStatusView};
use super::workflow::DecisionView;
use crate::Time;
use crate::problem::call::CallProblem;

/// An event of a run, or a line that one of its calls logged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEventLine {
    /// The run: the one that was started, the run of a nested workflow, or one that a call has started.
    pub run: String,
    /// The number of the event in the log of its run, from 1. The events of one run are in this
    /// order. Null for a line that a call logged, which is not an event of the run.
    pub seq: Option<u64>,
    /// When it happened.
    pub at: Time,
    /// The event.
    #[serde(flatten)]
    pub event: RunEventView,
}

/// What happened. `step` is `job/step`, or `job/expansion` for an expansion of a step with
/// `forEach`. `call` is `RUN/1`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum RunEventView {
    /// The run was created.
    Started,
    /// A process continues the run.
    Resumed,
    /// The process that worked on the run has stopped, and the run has not ended.
    Released,
    /// A user resumes the run from some steps, which begin again.
    #[serde(rename_all = "camelCase")]
    Reset {
        /// The steps.
        steps: Vec<String>,
    },
    /// The run continues with the text that the workflow's file has now.
    EditsTaken,
    /// A user cancels the run.
    #[serde(rename_all = "camelCase")]
    CancelRequested {
        /// The user.
        by: String,
        /// The user's reason.
        reason: Option<String>,
    },
    /// The deadline of the run has passed.
    DeadlinePassed,
    /// The guard of a job was evaluated.
    #[serde(rename_all = "camelCase")]
    JobGuarded {
        /// The job.
        job: String,
        /// Whether its steps are done already; null if the guard has no value.
        is_satisfied: Option<bool>,
        /// Why the guard has no value.
        error: Option<CallProblem>,
    },
    /// A step with `forEach` has its expansions.
    #[serde(rename_all = "camelCase")]
    StepExpanded {
        /// The step.
        step: String,
        /// The expansions.
        expansions: Vec<String>,
    },
    /// The guard of a step was evaluated.
    #[serde(rename_all = "camelCase")]
    StepGuarded {
        /// The step.
        step: String,
        /// Whether it is done already.
        is_satisfied: bool,
    },
    /// A guard or an assert runs a method.
    #[serde(rename_all = "camelCase")]
    EvaluationCalled {
        /// The step, or the job whose guard it is.
        of: String,
        /// The call.
        call: String,
    },
    /// An attempt at a step started.
    #[serde(rename_all = "camelCase")]
    StepStarted {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The call.
        call: String,
        /// The run of a nested workflow.
        child: Option<String>,
    },
    /// A step succeeded.
    #[serde(rename_all = "camelCase")]
    StepSucceeded {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The call; null for an assert.
        call: Option<String>,
    },
    /// A step failed, and no attempt follows.
    #[serde(rename_all = "camelCase")]
    StepFailed {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The call, if one began.
        call: Option<String>,
        /// The error.
        error: CallProblem,
        /// Whether the run may succeed nevertheless because of the severity of the assert.
        is_allowed: bool,
    },
    /// An attempt at a step failed, and the next one follows.
    #[serde(rename_all = "camelCase")]
    StepRetried {
        /// The step.
        step: String,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// The call, if one began.
        call: Option<String>,
        /// The error.
        error: CallProblem,
        /// When the next attempt starts.
        next_attempt_at: Time,
    },
    /// A step will not run.
    #[serde(rename_all = "camelCase")]
    StepSkipped {
        /// The step.
        step: String,
        /// The reason.
        because: String,
    },
    /// The nested workflow of a step waits for a decision.
    #[serde(rename_all = "camelCase")]
    ChildSuspended {
        /// The step.
        step: String,
    },
    /// A gate waits for a decision.
    #[serde(rename_all = "camelCase")]
    GateOpened {
        /// The gate.
        step: String,
        /// The question; may be empty.
        prompt: String,
        /// The deadline.
        deadline: Option<GateDeadlineView>,
    },
    /// A user decided at a gate.
    #[serde(rename_all = "camelCase")]
    GateDecided {
        /// The gate.
        step: String,
        /// The decision.
        decision: DecisionView,
        /// The user.
        by: String,
        /// The user's comment.
        comment: Option<String>,
    },
    /// The deadline of a gate decided.
    #[serde(rename_all = "camelCase")]
    GateExpired {
        /// The gate.
        step: String,
        /// The effect of the deadline.
        on_timeout: OnTimeoutView,
    },
    /// A gate is opened again, because what its users decided on has changed.
    #[serde(rename_all = "camelCase")]
    GateReopened {
        /// The gate.
        step: String,
    },
    /// The run waits until a gate is decided.
    Suspended,
    /// The run has ended.
    #[serde(rename_all = "camelCase")]
    Ended {
        /// Its status.
        status: RunStatusView,
    },
    /// A call logged a line.
    Logged(LogLineView),
}
