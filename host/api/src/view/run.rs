//! Runs: what they are runs of, where they stand, their steps, their calls and their logs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::CallView;
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
    /// The inputs of a workflow's run, with the defaults; null if its workflow declares none, and
    /// for a method's run.
    pub inputs: Option<Map<String, Value>>,
    /// Why it failed, if its call could not begin; null if it did not fail, or if its calls and
    /// steps say why.
    pub error: Option<CallProblem>,
    /// The steps and gates of a workflow, in the order in which they were first reached.
    pub steps: Vec<StepView>,
    /// The calls that the run itself made, in order; each has the calls below it.
    pub calls: Vec<CallView>,
}

/// A step or gate of a run, as far as it was reached.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// Its path: `job/step`.
    pub step: String,
    /// Its status.
    pub status: StepStatusView,
    /// The dependency because of which the step was skipped. Null for any other step.
    pub because: Option<String>,
    /// The user who decided the gate. Null if no gate was decided.
    pub decided_by: Option<String>,
    /// The comment of the user who decided the gate. Null if there is none.
    pub comment: Option<String>,
    /// The error of a failed step. Null for any other step.
    pub error: Option<CallProblem>,
    /// The calls that were made for it, as `RUN/1`: one for each time that it was started. A call
    /// that could not begin is not among the calls of the run.
    pub calls: Vec<String>,
    /// When it was first started, or the gate opened; null for a step that was skipped.
    pub started_at: Option<Time>,
    /// When it ended, or the gate was decided; null if it has not.
    pub ended_at: Option<Time>,
    /// How long it took from its start to its end, the commit included, in milliseconds; null
    /// without both.
    pub duration_ms: Option<u64>,
}

/// The status of a step or gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepStatusView {
    /// Its call is under way.
    Running,
    /// The process that worked on it is gone.
    Interrupted,
    /// Its call has its outcome.
    Succeeded,
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
}

impl StepStatusView {
    /// Returns the status as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
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
