//! The graph of a workflow: jobs with their steps, what they wait for, and where a layered drawing
//! places them.

use schemars::JsonSchema;
use serde::Serialize;

/// The graph of a workflow, as its file says. Jobs are nodes, and so are the steps of each job.
///
/// A *layer* counts from 0: a node is in the first layer that is behind the layers of all nodes that
/// it waits for. A *row* counts from 0 within a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowGraph {
    /// The workflow.
    pub workflow: String,
    /// Its jobs, in the order of the file.
    pub jobs: Vec<GraphJob>,
    /// The groups of dependencies of jobs.
    pub groups: Vec<GraphGroup>,
    /// What jobs and groups wait for.
    pub edges: Vec<GraphEdge>,
}

/// A job of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphJob {
    /// Its name, unique in the workflow.
    pub name: String,
    /// The condition under which its steps are done already: an expression.
    pub guard: Option<String>,
    /// Where it is.
    #[serde(flatten)]
    pub place: GraphPlace,
    /// Its steps, in the order of the file.
    pub steps: Vec<GraphStep>,
    /// The groups of dependencies of its steps.
    pub groups: Vec<GraphGroup>,
    /// What its steps and groups wait for.
    pub edges: Vec<GraphEdge>,
}

/// A step or gate of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphStep {
    /// Its name, unique in its job.
    pub name: String,
    /// The type of its task.
    pub task: GraphTask,
    /// What the task is about, as the file has it: `MODEL.METHOD`, the workflow, the prompt of the
    /// gate, or the condition of the assert.
    pub about: String,
    /// The values for each of which it is executed: `ITEM in VALUES`. Null without `forEach`.
    pub for_each: Option<String>,
    /// The condition under which it is done already: an expression.
    pub guard: Option<String>,
    /// Whether the workflow may succeed although this step fails.
    pub allow_failure: bool,
    /// How many attempts it has at most; null if there is only one.
    pub attempts: Option<u32>,
    /// Where it is in its job.
    #[serde(flatten)]
    pub place: GraphPlace,
}

/// The type of a step's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GraphTask {
    /// A method of a model.
    Method,
    /// A nested workflow.
    Workflow,
    /// A gate, at which a user decides.
    Gate,
    /// An assert.
    Assert,
}

impl GraphTask {
    /// Returns the type as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Workflow => "workflow",
            Self::Gate => "gate",
            Self::Assert => "assert",
        }
    }
}

/// Several dependencies of which one has to hold, or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphGroup {
    /// Its number, which the edges have.
    pub group: u64,
    /// Which of the dependencies have to hold.
    pub holds: GraphHolds,
    /// Where it is.
    #[serde(flatten)]
    pub place: GraphPlace,
}

/// Which dependencies of a group have to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GraphHolds {
    /// One of them.
    AnyOf,
    /// All of them.
    AllOf,
}

impl GraphHolds {
    /// Returns a word for drawings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AnyOf => "any",
            Self::AllOf => "all",
        }
    }
}

/// Where a node is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphPlace {
    /// Its layer.
    pub layer: u64,
    /// Its row in the layer.
    pub row: u64,
}

/// A dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphEdge {
    /// The node that has to end first.
    pub from: GraphEnd,
    /// The node that waits.
    pub to: GraphEnd,
    /// How it has to end, such as `failed` or `not succeeded`. Null if it has to succeed, and for
    /// a group.
    pub condition: Option<String>,
}

/// One end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GraphEnd {
    /// The job with this number, from 0.
    Job(u64),
    /// The step of this number in its job, from 0.
    Step(u64),
    /// The group with this number.
    Group(u64),
}
