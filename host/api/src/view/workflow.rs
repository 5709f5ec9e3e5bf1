//! Workflows: what their files say, and how their runs and gates ended.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::run::{FormerApprovalView, GateDeadlineView, RunParentView, RunStatusView};
use crate::Time;
use crate::problem::Place;
use crate::problem::call::CallProblem;

/// A workflow, as its file says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowView {
    /// Its name.
    pub name: String,
    /// Its purpose, if its file states one.
    pub description: Option<String>,
    /// Whether its runs have the whole datastore to themselves.
    pub exclusive: bool,
    /// Its file, within the repository.
    pub file: String,
    /// Its jobs, in the order of the file.
    pub jobs: Vec<JobView>,
}

/// A job of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Its name, unique in the workflow.
    pub name: String,
    /// Its purpose, if the file states one.
    pub description: Option<String>,
    /// The jobs that it waits for.
    pub depends_on: Vec<JobDependencyView>,
    /// Its steps and gates, in the order of the file.
    pub steps: Vec<JobStepView>,
}

/// What a job waits for: another job, or a group of such parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum JobDependencyView {
    /// One job.
    #[serde(rename_all = "camelCase")]
    One {
        /// The job.
        job: String,
        /// How it has to end.
        condition: ConditionView,
    },
    /// One of these parts has to hold.
    #[serde(rename_all = "camelCase")]
    AnyOf {
        /// The parts.
        any_of: Vec<JobDependencyView>,
    },
    /// All of these parts have to hold.
    #[serde(rename_all = "camelCase")]
    AllOf {
        /// The parts.
        all_of: Vec<JobDependencyView>,
    },
}

/// What a step waits for: another step of the same job, or a group of such parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StepDependencyView {
    /// One step.
    #[serde(rename_all = "camelCase")]
    One {
        /// The step, of the same job.
        step: String,
        /// How it has to end.
        condition: ConditionView,
    },
    /// One of these parts has to hold.
    #[serde(rename_all = "camelCase")]
    AnyOf {
        /// The parts.
        any_of: Vec<StepDependencyView>,
    },
    /// All of these parts have to hold.
    #[serde(rename_all = "camelCase")]
    AllOf {
        /// The parts.
        all_of: Vec<StepDependencyView>,
    },
}

/// How a job or step has to end for another one to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConditionView {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended, either way.
    Completed,
    /// It ended or was skipped.
    Always,
    /// It was skipped.
    Skipped,
    /// All of these hold.
    And(Vec<ConditionView>),
    /// One of these holds.
    Or(Vec<ConditionView>),
    /// This does not hold.
    Not(Box<ConditionView>),
}

/// A step or gate of a workflow, as its file says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStepView {
    /// Its name, unique in its job.
    pub name: String,
    /// Its purpose, if the file states one.
    pub description: Option<String>,
    /// What it does.
    pub task: TaskView,
    /// The steps that it waits for.
    pub depends_on: Vec<StepDependencyView>,
    /// Whether the workflow may succeed although this step fails.
    pub allow_failure: bool,
    /// The values for each of which it is executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<StepItemsView>,
    /// The condition under which it is done already: an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
}

/// What a step does, with the keys of the file. Texts stand as they are written, with their
/// expressions.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskView {
    /// It calls a method of a model.
    #[serde(rename_all = "camelCase")]
    ModelMethod {
        /// The model.
        model_id_or_name: String,
        /// The type of a model without a definition.
        #[serde(skip_serializing_if = "Option::is_none")]
        model_type: Option<String>,
        /// The method.
        method_name: String,
        /// The inputs of the method: an object, or an expression that yields one.
        inputs: Value,
    },
    /// It runs a workflow.
    #[serde(rename_all = "camelCase")]
    Workflow {
        /// The workflow.
        workflow_id_or_name: String,
        /// The inputs of the workflow: an object, or an expression that yields one.
        inputs: Value,
    },
    /// It is a gate: it waits until a user decides.
    #[serde(rename_all = "camelCase")]
    ManualApproval {
        /// What the user is asked; may be empty.
        prompt: String,
        /// How long it waits.
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<String>,
        /// The effect of the deadline: `fail`, `reject` or `continue`.
        #[serde(skip_serializing_if = "Option::is_none")]
        on_timeout: Option<String>,
    },
    /// It checks a condition.
    #[serde(rename_all = "camelCase")]
    Assert {
        /// The condition: an expression.
        expr: String,
        /// The message if the condition does not hold.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// The severity of such a failure: `low`, `medium` or `high`.
        severity: String,
    },
}

/// The values for each of which a step is executed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepItemsView {
    /// The name of the value in the expressions of the step: `self.ITEM`.
    pub item: String,
    /// The values: a list, a map, or an expression that yields one.
    pub r#in: Value,
}

/// A workflow in a list: what its file says in short, or what is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WorkflowListed {
    /// The file is valid.
    Sound(WorkflowSummary),
    /// The file is invalid.
    Faulty(FileFault),
}

/// What a workflow's file says, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSummary {
    /// The workflow's name.
    pub name: String,
    /// Its purpose, if its file states one.
    pub description: Option<String>,
    /// How many jobs it has.
    pub jobs: u64,
    /// How many steps and gates its jobs have.
    pub steps: u64,
}

/// What is wrong with the file of a workflow or model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileFault {
    /// The name of the workflow or model.
    pub name: String,
    /// What is wrong: a sentence without a period.
    pub error: String,
    /// Where.
    pub place: Place,
}

/// How the work on a workflow's run ended, unless the run failed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum WorkflowEnd {
    /// The run has succeeded.
    #[serde(rename_all = "camelCase")]
    Succeeded {
        /// The run.
        run: String,
        /// The workflow.
        workflow: String,
        /// The steps that failed although the run succeeded.
        failed_steps: Vec<FailedStepView>,
    },
    /// The run rests until gates are decided.
    #[serde(rename_all = "camelCase")]
    Suspended {
        /// The run.
        run: String,
        /// The workflow.
        workflow: String,
        /// The gates that wait for a decision, as `job/step`, or as `job/step/job/step` for a gate
        /// of a nested workflow.
        gates: Vec<String>,
        /// The steps that have failed. Unless all of them are allowed to, the run can only fail.
        failed_steps: Vec<FailedStepView>,
    },
}

/// A step that has failed, or a gate that was rejected, in a run that has not failed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedStepView {
    /// The step, as `job/step`; the job, if its guard has no value.
    pub step: String,
    /// The error; null for a gate that was rejected.
    pub error: Option<CallProblem>,
    /// Whether the run may succeed although this step failed.
    pub is_allowed: bool,
}

/// A gate that waits for a decision.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateView {
    /// The workflow.
    pub workflow: String,
    /// The gate, as `job/step`.
    pub gate: String,
    /// The run.
    pub run: String,
    /// The step of another run that the run is part of; null for any other run.
    pub parent: Option<RunParentView>,
    /// Since when it waits.
    pub since: Time,
    /// What the user is asked; may be empty.
    pub prompt: String,
    /// When the gate is decided without a user, and how; null if it has no deadline.
    pub deadline: Option<GateDeadlineView>,
    /// The digest of what the user decides on: the workflow's text, the inputs, and the definitions
    /// and plugins that the run uses. Null for a run that an earlier version of Sedge began.
    pub digest: Option<String>,
    /// The approval that counts no more, because the gate was opened again. Absent for any other gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_approval: Option<FormerApprovalView>,
    /// The inputs of the run, with `[sealed]` in place of sensitive values; null if its workflow declares
    /// none.
    pub inputs: Option<Map<String, Value>>,
    /// The steps of the run that have failed. Unless all of them are allowed to, the run can only
    /// fail.
    pub failed_steps: Vec<FailedStepView>,
}

/// A gate that was decided, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateDecisionView {
    /// The run that has the gate.
    pub run: String,
    /// The workflow of that run.
    pub workflow: String,
    /// The gate, as `job/step`.
    pub gate: String,
    /// What was decided.
    pub decision: DecisionView,
    /// The user who decided.
    pub decided_by: String,
    /// The digest of what the user decided on. Null for a run that an earlier version of Sedge
    /// began.
    pub digest: Option<String>,
    /// The run to resume: the run itself, or the run that a nested workflow is part of.
    pub root: RootRunView,
    /// The status of the run to resume.
    pub status: RunStatusView,
    /// The gates of the run to resume that still wait.
    pub gates_open: Vec<String>,
    /// The steps of the run to resume that have failed. Unless all of them are allowed to, the run
    /// can only fail.
    pub failed_steps: Vec<FailedStepView>,
    /// Whether the workflow's file differs from the text that the run continues with.
    pub file_changed: bool,
}

/// The run at the top: the one that a user started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootRunView {
    /// The run.
    pub run: String,
    /// Its workflow.
    pub workflow: String,
}

/// What was decided at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DecisionView {
    /// The run continues.
    Approved,
    /// What waits for the gate will not run.
    Rejected,
}

impl DecisionView {
    /// Returns the decision as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}
