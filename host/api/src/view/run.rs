//! Runs: what they are runs of, where they stand, their steps, their calls and their logs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::CallView;
use super::workflow::FailedStepView;
use crate::Time;
use crate::problem::Problem;
use crate::problem::call::CallProblem;

/// A run, without what happened in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// The kind of run: of a method or of a workflow.
    pub kind: RunKindView,
    /// The name of the model or workflow.
    pub subject: String,
    /// The method; null for a workflow's run.
    pub method: Option<String>,
    /// Whether it has the whole datastore to itself while a process works on it.
    pub exclusive: bool,
    /// Its status.
    pub status: RunStatusView,
    /// The user who started it, or the call whose command did.
    pub started_by: String,
    /// When it was started.
    pub started_at: Time,
    /// When it ended; null if it has not.
    pub ended_at: Option<Time>,
    /// How long it took from its start to its end, the time that it waited at gates included, in
    /// milliseconds; null if it has not ended.
    pub duration_ms: Option<u64>,
    /// The run that has started this one by a step or a call; null for any other run.
    pub parent: Option<String>,
    /// Whether the run is suspended and can only fail, because a step without `allowFailure` has
    /// failed, or because its deadline has passed.
    pub can_only_fail: bool,
    /// Whether the run is suspended or interrupted although its deadline has passed: it fails when it is
    /// resumed. Absent if not.
    #[serde(skip_serializing_if = "is_false")]
    pub deadline_passed: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_false(it: &bool) -> bool {
    !*it
}

/// The step or the call that runs a workflow, which has a run of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunParentView {
    /// The run that has the step or the call.
    pub run: String,
    /// The step, as `job/step`; null if a call runs the workflow.
    pub step: Option<String>,
    /// The call, as `RUN/1/2`; null if a step runs the workflow.
    pub call: Option<String>,
}

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunKindView {
    /// One method of one model.
    Method,
    /// A workflow.
    Workflow,
}

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunStatusView {
    /// A process works on it.
    Running,
    /// A process works on it, and stops what is running, because a user cancelled the run.
    Cancelling,
    /// It waits at a gate.
    Suspended,
    /// Everything that had to succeed did.
    Succeeded,
    /// Something that had to succeed did not.
    Failed,
    /// A user stopped it.
    Cancelled,
    /// The process that worked on it is gone.
    Interrupted,
}

impl RunStatusView {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Running,
        Self::Cancelling,
        Self::Suspended,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// Returns the status as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Suspended => "suspended",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A run and all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
    /// The step of the parent that runs this workflow, as `job/step`; null without a parent.
    pub parent_step: Option<String>,
    /// The call of the parent whose method runs this workflow, as `RUN/1/2`; null for any other run.
    pub parent_call: Option<String>,
    /// The labels of the run.
    pub tags: BTreeMap<String, String>,
    /// How long processes worked on the run until now, in milliseconds.
    pub working_ms: u64,
    /// How long the run waited until now because gates were undecided and nothing else could run,
    /// in milliseconds.
    pub waiting_ms: u64,
    /// The cancellation of the run; null if no user cancelled it.
    pub cancelled: Option<CancellationView>,
    /// The inputs of a workflow's run, with the defaults; null if its workflow declares none, and
    /// for a method's run.
    pub inputs: Option<Map<String, Value>>,
    /// Why it failed, if its call could not begin; null if it did not fail, or if its calls and
    /// steps say why.
    pub error: Option<CallProblem>,
    /// The jobs that failed because their guard has no value.
    pub failed_jobs: Vec<JobProblemView>,
    /// The steps and gates of a workflow: first those that the run has reached, in that order, then
    /// those that have not started, in the order of the file.
    pub steps: Vec<StepView>,
    /// The calls that the run itself made, in order; each has the calls below it.
    pub calls: Vec<CallView>,
}

/// The cancellation of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationView {
    /// The user.
    pub by: String,
    /// The user's reason; null if the user gave none.
    pub reason: Option<String>,
    /// When the user cancelled the run.
    pub at: Time,
}

/// A job that failed before its steps could start.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobProblemView {
    /// The job.
    pub job: String,
    /// The error of its guard.
    pub error: CallProblem,
}

/// A step or gate of a run. A step with `forEach` has one of these for each expansion.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// Its path: `job/step`, or `job/expansion`.
    pub step: String,
    /// The path of the step with `forEach` that this is an expansion of. Null for any other step.
    pub expansion_of: Option<String>,
    /// Its status.
    pub status: StepStatusView,
    /// The dependency because of which the step was skipped. Null for any other step.
    pub because: Option<String>,
    /// The user who decided the gate. Null if no user decided it.
    pub decided_by: Option<String>,
    /// The comment of the user who decided the gate. Null if there is none.
    pub comment: Option<String>,
    /// The question of a gate. Null for any other step.
    pub prompt: Option<String>,
    /// The deadline of a gate. Null if there is none.
    pub deadline: Option<GateDeadlineView>,
    /// The digest of what users see before they decide the gate. Null for any other step.
    pub digest: Option<String>,
    /// The approval of a gate that counts no more, because the gate was opened again. Absent for any
    /// other step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_approval: Option<FormerApprovalView>,
    /// The error of a failed step. Null for any other step.
    pub error: Option<CallProblem>,
    /// Whether the run may succeed although this step failed.
    pub is_allowed: bool,
    /// The calls that were made for it, as `RUN/1`: one for each time that it was started. A call
    /// that could not begin is not among the calls of the run.
    pub calls: Vec<String>,
    /// The calls that its guard or its condition made, as `RUN/1`.
    pub evaluation_calls: Vec<String>,
    /// The run of a nested workflow. Null for any other step.
    pub child: Option<String>,
    /// The attempts that failed and were followed by another one.
    pub failed_attempts: Vec<StepAttemptView>,
    /// When the next attempt starts. Null unless the step waits for it.
    pub next_attempt_at: Option<Time>,
    /// When it was first started, or the gate opened; null for a step that was skipped.
    pub started_at: Option<Time>,
    /// When it ended, or the gate was decided; null if it has not.
    pub ended_at: Option<Time>,
    /// How long it took from its start to its end, the commit included, in milliseconds; null
    /// without both.
    pub duration_ms: Option<u64>,
}

/// An approval of a gate that was opened again, because what the user approved has changed: the text
/// of the workflow, the inputs, or a definition or plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FormerApprovalView {
    /// The user.
    pub by: String,
    /// When the user approved.
    pub at: Time,
    /// The digest of what the user was shown. Null if it is not known.
    pub digest: Option<String>,
}

/// An attempt that failed and was followed by another one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepAttemptView {
    /// The number of the attempt, from 1.
    pub attempt: u64,
    /// The error.
    pub error: CallProblem,
    /// The call that failed, as `RUN/1`. Null if none began.
    pub call: Option<String>,
    /// When it failed.
    pub ended_at: Time,
}

/// The deadline of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateDeadlineView {
    /// When it passes.
    pub at: Time,
    /// The effect of the deadline.
    pub on_timeout: OnTimeoutView,
}

/// The effect of a gate's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnTimeoutView {
    /// The gate fails.
    Fail,
    /// It is as if a user had rejected.
    Reject,
    /// The run goes on without approval.
    Continue,
}

/// The status of a step or gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepStatusView {
    /// It has not started.
    Pending,
    /// Its call is under way.
    Running,
    /// An attempt failed, and the next one waits for its time.
    Retrying,
    /// The nested workflow waits for a decision.
    Suspended,
    /// Its call was cut off: its process is gone, or the run was cancelled.
    Interrupted,
    /// Its call has its outcome.
    Succeeded,
    /// It was done already, as its guard says, so it did not run.
    Satisfied,
    /// Its call has none.
    Failed,
    /// It will not run.
    Skipped,
    /// A gate that waits for a decision.
    Waiting,
    /// A gate that was approved.
    Approved,
    /// A gate that was rejected.
    Rejected,
    /// A gate that was decided by its deadline.
    Expired,
}

impl StepStatusView {
    /// Returns the status as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Suspended => "suspended",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Satisfied => "satisfied",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// A run that was followed until it ended, waited for a decision, or was interrupted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunWatched {
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
    /// The gates that wait for a decision, as `job/step`.
    pub gates: Vec<String>,
    /// The steps that have failed.
    pub failed_steps: Vec<FailedStepView>,
}

/// A run that a user cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCancelled {
    /// The run. Its status is `cancelling` while a process still stops what is running.
    #[serde(flatten)]
    pub run: RunView,
    /// The cancellation.
    pub cancelled: CancellationView,
    /// The runs of nested workflows that were cancelled with it.
    pub children: Vec<String>,
}

/// A line that a call logged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLineView {
    /// The id of the call: `RUN/1`.
    pub call: String,
    /// The step of the workflow that the call belongs to: `job/step`. Null of a run of one method.
    pub step: Option<String>,
    /// The call's model.
    pub model: String,
    /// The call's method.
    pub method: String,
    /// How much it matters.
    pub level: LogLevelView,
    /// The text.
    pub message: String,
    /// The named values beside it, in the plugin's order.
    pub fields: Vec<LogFieldView>,
}

/// A named value beside a line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogFieldView {
    /// Its name. A line may have several of one name.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// How much a line of a log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogLevelView {
    /// Of interest to the plugin's author only.
    Trace,
    /// Useful for finding a bug.
    Debug,
    /// Of interest to an operator.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

impl LogLevelView {
    /// Returns the level as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Facts about a run's log besides its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogOf {
    /// The run whose log it is.
    pub run: String,
}

/// Runs that were removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunsRemoved {
    /// Whether they are only what would be removed.
    pub dry_run: bool,
    /// The runs, the oldest first.
    pub runs: Vec<RunView>,
    /// The unsaved models without data that have no run any more, sorted by name.
    pub models: Vec<String>,
}

/// The end of one of several runs, each with the inputs of one item of stdin.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunItemView<T> {
    /// The number of the item, from 1.
    pub item: u64,
    /// Whether the run did not fail.
    pub ok: bool,
    /// The result of the run, as for a single run; null if it failed.
    pub data: Option<T>,
    /// Why it failed; null if it did not.
    pub error: Option<Problem>,
}

/// How several runs ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunItemsCounts {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many wait for a decision.
    pub suspended: u64,
    /// How many failed.
    pub failed: u64,
}
