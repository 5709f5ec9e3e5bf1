//! A workflow's file: a DAG of jobs, each a DAG of steps.
//!
//! [`Workflow::parse`] reads all keys of the language, compiles every expression once, and reports
//! all faults of a file. Not everything that it accepts has an effect yet:
//! [`notes`](Workflow::notes) lists the parts without effect, and
//! [`unsupported_in_run`](Workflow::unsupported_in_run) the parts that a run refuses.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use sedge_model::lifetime::{Keep, Lifetime, Span};
use sedge_model::names::{FileId, JobName, MethodName, SpecName, StepName, TypeName, WorkflowName};
use sedge_model::run::{AssertSeverity, OnTimeout, StepPath};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::input::InputsSchema;
use crate::written::WrittenValue;
use crate::yaml::{self, Faults, Located, Node};

mod condition;
mod depends;
mod graph;
pub(crate) mod keys;
mod notes;
mod options;
mod read;
mod step;
mod task;
mod text;
mod uses;

pub use condition::{Condition, Dependency, DependencyPart};
pub use text::{WrittenCondition, WrittenText};

/// A DAG of jobs, each a DAG of steps. In a value of this type, every dependency and every
/// expression names something that exists, and there are no cycles.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The file that it was read from, so that messages can name the place of a part.
    pub file: Arc<SourceFile>,
    /// Its name: the key `name`.
    pub name: WorkflowName,
    /// The place of its name.
    pub name_span: Range<usize>,
    /// Its id, which can be used instead of its name.
    pub id: Option<FileId>,
    /// Its purpose.
    pub description: Option<String>,
    /// The author's number of the file.
    pub version: Option<u64>,
    /// The labels of its runs and of their data.
    pub tags: BTreeMap<String, WrittenText>,
    /// The inputs of its runs.
    pub inputs: InputsSchema,
    /// Whether a run of it locks the whole datastore while it executes.
    pub exclusive: bool,
    /// How many of its steps may run at one time; `None` means any number.
    pub concurrency: Option<Located<NonZeroU32>>,
    /// The deadline of a run, counted from its beginning.
    pub timeout: Option<Located<Span>>,
    /// The events that start a run of it, besides the command of a user.
    pub trigger: Option<Located<Trigger>>,
    /// The reports that it requires or leaves out, as they are written.
    pub reports: Option<Node>,
    /// Where its steps are to run.
    pub placement: Vec<PlacementKey>,
    /// Its jobs, in the author's order.
    pub jobs: Vec<Job>,
}

/// When a server starts runs of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// When: five fields of cron, or `@daily` and its like.
    pub schedule: Option<Located<String>>,
    /// The inputs of such a run.
    pub inputs: Option<WrittenValue>,
}

/// A key that says where or by what steps are executed. Sedge keeps it, and executes steps itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacementKey {
    /// The key.
    pub key: &'static str,
    /// The place of the key.
    pub span: Range<usize>,
    /// Its value.
    pub value: Node,
}

/// A part of a workflow: steps that belong together.
#[derive(Debug, Clone)]
pub struct Job {
    /// Unique in the workflow.
    pub name: JobName,
    /// The place of its name.
    pub name_span: Range<usize>,
    /// Its purpose.
    pub description: Option<String>,
    /// The jobs that it waits for. All parts have to hold.
    pub depends_on: Vec<DependencyPart<JobName>>,
    /// How many of its steps may run at one time; `None` means any number.
    pub concurrency: Option<Located<NonZeroU32>>,
    /// Its place among the jobs that are ready: a lower number comes first.
    pub weight: Option<Located<i64>>,
    /// A condition under which all its steps are done already.
    pub guard: Option<WrittenCondition>,
    /// Where its steps are to run.
    pub placement: Vec<PlacementKey>,
    /// Its steps, in the author's order.
    pub steps: Vec<Step>,
}

/// A node of a job's DAG: a task and when to execute it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its job and its own name, as it stands in the file.
    pub path: StepPath,
    /// Its name, which may have expressions.
    pub name: WrittenText,
    /// Its purpose.
    pub description: Option<String>,
    /// The task.
    pub task: Task,
    /// The steps of the same job that it waits for. All parts have to hold.
    pub depends_on: Vec<DependencyPart<StepName>>,
    /// The values for each of which the step is executed.
    pub for_each: Option<Located<ForEach>>,
    /// A condition under which the step is done already.
    pub guard: Option<WrittenCondition>,
    /// Whether the run may succeed although this step failed.
    pub allow_failure: bool,
    /// The deadline of one attempt.
    pub timeout: Option<Located<Span>>,
    /// What happens after a failure.
    pub retry: Option<Located<Retry>>,
    /// Its place among the steps that are ready: a lower number comes first.
    pub weight: Option<Located<i64>>,
    /// How many of its expansions may run at one time; `None` means any number.
    pub concurrency: Option<Located<NonZeroU32>>,
    /// Labels of the data that it writes.
    pub tags: BTreeMap<String, WrittenText>,
    /// How long its data is retained, and by which inputs its name varies.
    pub data_output_overrides: Vec<Located<OutputOverride>>,
    /// Where it is to run.
    pub placement: Vec<PlacementKey>,
}

/// A step that is executed for each of several values.
#[derive(Debug, Clone, PartialEq)]
pub struct ForEach {
    /// The name of the value: `self.NAME` in the expressions of the step.
    pub item: String,
    /// The values: a list, a map, or an expression that yields one.
    pub values: WrittenValue,
}

/// How often and when a failed step is tried again. `None` stands for the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are at most, with the first one.
    pub attempts: u32,
    /// The pause after the first attempt, which doubles after each.
    pub backoff: Option<Located<Span>>,
    /// The longest pause.
    pub backoff_max: Option<Located<Span>>,
    /// Whether each pause is a random part of its length.
    pub has_jitter: bool,
    /// The failures after which there is another attempt: `failed`, `trapped`, `timed-out`, `busy`,
    /// or a code of the plugin.
    pub on: Option<Vec<Located<String>>>,
}

/// How the data of one spec that a step writes is named and retained.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputOverride {
    /// The spec.
    pub spec: Located<SpecName>,
    /// How long a version is retained.
    pub lifetime: Option<Lifetime>,
    /// How many versions are retained.
    pub keep: Option<Keep>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// The inputs whose values become part of the data's name.
    pub vary: Vec<Located<String>>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Task {
    /// Runs a method of a model.
    ModelMethod {
        /// The model.
        model: ModelTarget,
        /// The method.
        method: Located<MethodName>,
        /// Its arguments: an object, or an expression that yields one.
        inputs: WrittenValue,
    },
    /// Runs a workflow.
    Workflow {
        /// The workflow.
        workflow: WrittenText,
        /// Its inputs: an object, or an expression that yields one.
        inputs: WrittenValue,
    },
    /// Waits until a user decides.
    ManualApproval {
        /// The question to the user; `None` if the file contains none.
        prompt: Option<WrittenText>,
        /// How long it waits.
        timeout: Option<Located<Span>>,
        /// What happens then.
        on_timeout: Option<Located<OnTimeout>>,
    },
    /// Checks a condition.
    Assert {
        /// The condition.
        expr: WrittenCondition,
        /// The message if the condition does not hold.
        message: Option<WrittenText>,
        /// How severe that is.
        severity: AssertSeverity,
    },
}

/// The model whose method a step runs.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelTarget {
    /// The model with this name or id.
    Named(WrittenText),
    /// A model without a definition of its own.
    Typed {
        /// Its type.
        type_name: Located<TypeName>,
        /// Its name.
        name: WrittenText,
        /// Its global arguments.
        global_arguments: Option<WrittenValue>,
    },
}

impl ModelTarget {
    /// Returns the name of the model, which may have expressions.
    #[must_use]
    pub fn name(&self) -> &WrittenText {
        match self {
            Self::Named(name) | Self::Typed { name, .. } => name,
        }
    }
}

impl Workflow {
    /// Parses a workflow.
    ///
    /// # Errors
    /// All faults of the file, each with its place. Faults of references are among them only if the
    /// rest of the file is sound.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Faults> {
        let tree = yaml::parse_outlined(file, &keys::WORKFLOW_OUTLINE)?;
        read::workflow(tree, file)
    }

    /// Returns a note about each part that is accepted and has no effect yet, in the order of the
    /// file.
    #[must_use]
    pub fn notes(&self) -> Vec<Diagnostic> {
        notes::notes(self)
    }

    /// Returns a fault for each part that a run refuses because this version does not execute it
    /// yet, in the order of the file.
    #[must_use]
    pub fn unsupported_in_run(&self) -> Vec<Diagnostic> {
        notes::unsupported(self)
    }

    /// Returns every step, in the author's order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.jobs.iter().flat_map(|job| &job.steps)
    }

    /// Returns every step with its value in the file, in the author's order. Two steps with equal
    /// values are the same, whatever the order of their keys, their comments and their format.
    #[must_use]
    pub fn written_steps(&self) -> Vec<(StepPath, serde_json::Value)> {
        let tree = yaml::parse_tree(&self.file).expect("the file of a workflow was parsed before");
        let items = |node: &Node, key| node.get(key).and_then(Node::items).map(<[Node]>::to_vec);
        let jobs = items(&tree, "jobs").into_iter().flatten();
        let steps = jobs.filter_map(|job| items(&job, "steps")).flatten();
        let paths = self.steps().map(|step| step.path.clone());
        paths.zip(steps.map(|step| step.value())).collect()
    }

    /// Returns the prompt of a gate as it is written. It is empty if the gate has no prompt or the
    /// step is not a gate.
    #[must_use]
    pub fn prompt(&self, gate: &StepPath) -> &str {
        let prompt = self.step(gate).and_then(|step| step.task.prompt());
        prompt.map_or("", WrittenText::as_str)
    }

    /// Returns the job with a name.
    #[must_use]
    pub fn job(&self, name: &JobName) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == *name)
    }

    /// Returns the step with a path.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&Step> {
        let job = self.job(&path.job)?;
        job.steps.iter().find(|step| step.path == *path)
    }
}

impl Task {
    /// Returns the task as a file writes its type.
    #[must_use]
    pub fn type_str(&self) -> &'static str {
        match self {
            Self::ModelMethod { .. } => "model_method",
            Self::Workflow { .. } => "workflow",
            Self::ManualApproval { .. } => "manual_approval",
            Self::Assert { .. } => "assert",
        }
    }

    /// Returns the name of the model whose method the task runs, if it is known before a run: `None`
    /// if it has expressions, or if the method runs directly on a type.
    #[must_use]
    pub fn model_named(&self) -> Option<&str> {
        match self {
            Self::ModelMethod {
                model: ModelTarget::Named(name),
                ..
            } => name.literal(),
            Self::ModelMethod {
                model: ModelTarget::Typed { .. },
                ..
            }
            | Self::Workflow { .. }
            | Self::ManualApproval { .. }
            | Self::Assert { .. } => None,
        }
    }

    /// Returns the prompt, if the task is a gate and has one.
    #[must_use]
    pub fn prompt(&self) -> Option<&WrittenText> {
        match self {
            Self::ManualApproval { prompt, .. } => prompt.as_ref(),
            Self::ModelMethod { .. } | Self::Workflow { .. } | Self::Assert { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
