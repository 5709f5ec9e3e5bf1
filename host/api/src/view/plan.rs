//! What a workflow would run, without running it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::graph::{GraphPlace, GraphTask};

/// What a run of a workflow would do, as far as it is known before the run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowPlanned {
    /// The workflow.
    pub workflow: String,
    /// Always `true`: nothing was run.
    pub dry_run: bool,
    /// The inputs of the run, with the defaults; null if the workflow declares none. Sensitive ones
    /// are masked.
    pub inputs: Option<Map<String, Value>>,
    /// The jobs, in the order of the file.
    pub jobs: Vec<PlannedJob>,
}

/// What a job would do.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedJob {
    /// Its name.
    pub name: String,
    /// The condition under which its steps are done already: an expression.
    pub guard: Option<String>,
    /// Where it is in the graph of the workflow.
    #[serde(flatten)]
    pub place: GraphPlace,
    /// Its steps, in the order of the file.
    pub steps: Vec<PlannedStep>,
}

/// What a step would do. Texts that are known only later stand as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Its name.
    pub name: String,
    /// The type of its task.
    pub task: GraphTask,
    /// What the task is about: `MODEL.METHOD`, the workflow, the prompt of the gate, or the
    /// condition of the assert.
    pub about: String,
    /// The inputs of the method or of the workflow; null for any other task.
    pub inputs: Option<Value>,
    /// The values for each of which it would be executed; null without `forEach`.
    pub values: Option<Value>,
    /// The condition under which it is done already: an expression.
    pub guard: Option<String>,
    /// Where it is in the graph of its job.
    #[serde(flatten)]
    pub place: GraphPlace,
    /// The texts of the step that are known only later.
    pub later: Vec<PlannedLater>,
}

/// A text whose value is known only in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedLater {
    /// Its place in the step, as a JSON pointer: `/task/inputs/x`.
    pub path: String,
    /// The text as it is written.
    pub text: String,
    /// Why it is not known before the run.
    pub reason: String,
}
