//! A workflow's definition: `workflows/NAME.yaml`, a DAG of jobs of steps.

use std::ops::Range;

use sedge_model::names::{JobName, MethodName, ModelName, NameError, StepName, WorkflowName};
use sedge_model::run::StepPath;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::suggest::nearest;
use crate::yaml::{self, Located};

mod graph;

/// A DAG of jobs, each a DAG of steps. In a value of this type, every dependency names something
/// that exists, and there are no cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// The file that it was read from, so that messages can name the place of a part.
    pub file: SourceFile,
    /// The stem of its file.
    pub name: WorkflowName,
    /// Its purpose.
    pub description: Option<String>,
    /// Whether a run of it locks the whole datastore while it executes.
    pub exclusive: bool,
    /// Its jobs, in the author's order.
    pub jobs: Vec<Job>,
}

/// A part of a workflow: steps that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Unique in the workflow.
    pub name: JobName,
    /// Its purpose.
    pub description: Option<String>,
    /// The jobs that it waits for.
    pub depends_on: Vec<Dependency<JobName>>,
    /// Its steps, in the author's order.
    pub steps: Vec<Step>,
}

/// A method to run, or a decision to wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its job and its own name.
    pub path: StepPath,
    /// Its purpose.
    pub description: Option<String>,
    /// The task.
    pub task: Task,
    /// The steps of the same job that it waits for.
    pub depends_on: Vec<Dependency<StepName>>,
    /// Whether the run may succeed although this step failed.
    pub allow_failure: bool,
}

/// A dependency on another job or step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency<N> {
    /// The job or step.
    pub on: N,
    /// The condition on its result.
    pub condition: Condition,
}

/// A condition on the result of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended, with success or failure.
    Completed,
    /// It ended or was skipped.
    Always,
}

impl Condition {
    /// Returns the condition as a file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Always => "always",
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Runs a method of a model.
    ModelMethod {
        /// The model.
        model: Located<ModelName>,
        /// The method.
        method: Located<MethodName>,
        /// Its arguments.
        inputs: Located<Map<String, Value>>,
    },
    /// Waits until a user decides.
    ManualApproval {
        /// The question to the user; `None` if the file contains none.
        prompt: Option<Located<String>>,
    },
}

impl Workflow {
    /// Parses the workflow `name`.
    ///
    /// # Errors
    /// The first fault in the file, with its place: an unknown key or value, a dependency that does
    /// not exist, or a cycle.
    pub fn parse(name: &WorkflowName, file: SourceFile) -> Result<Self, Diagnostic> {
        let raw: WorkflowFile = yaml::parse(&file)?;
        yaml::name_check(&file, name, &raw.name, WorkflowName::file)?;
        if raw.jobs.value.is_empty() {
            return Err(Diagnostic::new(
                &file,
                raw.jobs.span,
                "the workflow has no jobs",
            ));
        }
        graph::check(&file, "job", &job_nodes(&raw.jobs.value))?;
        let jobs = raw
            .jobs
            .value
            .into_iter()
            .map(|job| job.check(&file))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: raw.name.value,
            description: raw.description,
            exclusive: raw.exclusive,
            jobs,
            file,
        })
    }

    /// Returns every step, in the author's order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.jobs.iter().flat_map(|job| &job.steps)
    }

    /// Returns the prompt of a gate. It is empty if the gate has no prompt or the step is not a
    /// gate.
    #[must_use]
    pub fn prompt(&self, gate: &StepPath) -> &str {
        match self.step(gate).map(|step| &step.task) {
            Some(Task::ManualApproval {
                prompt: Some(prompt),
            }) => &prompt.value,
            Some(Task::ManualApproval { prompt: None } | Task::ModelMethod { .. }) | None => "",
        }
    }

    /// Returns the job with a name.
    #[must_use]
    pub fn job(&self, name: &JobName) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == *name)
    }

    /// Returns the step with a path.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&Step> {
        self.steps().find(|step| step.path == *path)
    }
}

/// The file as it is written. `id` and `version` are accepted because workflows made by related
/// tools contain them. Sedge ignores them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowFile {
    #[serde(rename = "id")]
    _id: Option<String>,
    name: Located<WorkflowName>,
    #[serde(rename = "version")]
    _version: Option<u32>,
    description: Option<String>,
    #[serde(default)]
    exclusive: bool,
    jobs: Located<Vec<JobPart>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct JobPart {
    name: Located<JobName>,
    description: Option<String>,
    #[serde(default)]
    depends_on: Vec<JobDependency>,
    steps: Located<Vec<StepPart>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StepPart {
    name: Located<StepName>,
    description: Option<String>,
    task: Located<TaskPart>,
    #[serde(default)]
    depends_on: Vec<StepDependency>,
    #[serde(default)]
    allow_failure: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobDependency {
    job: Located<String>,
    condition: Option<ConditionPart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepDependency {
    step: Located<String>,
    condition: Option<ConditionPart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionPart {
    r#type: Condition,
}

/// The keys of all kinds of tasks. A tagged enum would lose the places of the values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TaskPart {
    r#type: Located<String>,
    model_id_or_name: Option<Located<ModelName>>,
    method_name: Option<Located<MethodName>>,
    inputs: Option<Located<Map<String, Value>>>,
    prompt: Option<Located<String>>,
}

fn condition(part: Option<&ConditionPart>) -> Condition {
    part.map_or(Condition::Succeeded, |part| part.r#type)
}

fn job_nodes(jobs: &[JobPart]) -> Vec<graph::GraphNode> {
    let node = |job: &JobPart| graph::GraphNode {
        name: Located {
            value: job.name.value.to_string(),
            span: job.name.span.clone(),
        },
        depends_on: job.depends_on.iter().map(|on| on.job.clone()).collect(),
    };
    jobs.iter().map(node).collect()
}

fn step_nodes(steps: &[StepPart]) -> Vec<graph::GraphNode> {
    let node = |step: &StepPart| graph::GraphNode {
        name: Located {
            value: step.name.value.to_string(),
            span: step.name.span.clone(),
        },
        depends_on: step.depends_on.iter().map(|on| on.step.clone()).collect(),
    };
    steps.iter().map(node).collect()
}

impl JobPart {
    fn check(self, file: &SourceFile) -> Result<Job, Diagnostic> {
        if self.steps.value.is_empty() {
            return Err(Diagnostic::new(
                file,
                self.name.span,
                "the job has no steps",
            ));
        }
        graph::check(file, "step", &step_nodes(&self.steps.value))?;
        let name_fault =
            |error: NameError| Diagnostic::new(file, self.name.span.clone(), error.to_string());
        let mut depends_on = Vec::new();
        for on in &self.depends_on {
            let job = on.job.value.parse().map_err(name_fault)?;
            depends_on.push(Dependency {
                on: job,
                condition: condition(on.condition.as_ref()),
            });
        }
        let steps = self.steps.value.into_iter();
        let steps = steps
            .map(|step| step.check(file, &self.name.value))
            .collect::<Result<_, _>>()?;
        Ok(Job {
            name: self.name.value,
            description: self.description,
            depends_on,
            steps,
        })
    }
}

impl StepPart {
    fn check(self, file: &SourceFile, job: &JobName) -> Result<Step, Diagnostic> {
        let name_fault =
            |error: NameError| Diagnostic::new(file, self.name.span.clone(), error.to_string());
        let mut depends_on = Vec::new();
        for on in &self.depends_on {
            let step = on.step.value.parse().map_err(name_fault)?;
            depends_on.push(Dependency {
                on: step,
                condition: condition(on.condition.as_ref()),
            });
        }
        Ok(Step {
            path: StepPath {
                job: job.clone(),
                step: self.name.value,
            },
            description: self.description,
            task: self.task.value.check(file)?,
            depends_on,
            allow_failure: self.allow_failure,
        })
    }
}

/// The types of tasks.
#[derive(Debug, Clone, Copy)]
enum TaskType {
    ModelMethod,
    ManualApproval,
}

impl TaskType {
    const ALL: [Self; 2] = [Self::ModelMethod, Self::ManualApproval];

    /// Returns the type as a file writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::ModelMethod => "model_method",
            Self::ManualApproval => "manual_approval",
        }
    }

    /// Returns the keys that a task of this type takes, besides `type`.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::ModelMethod => &["modelIdOrName", "methodName", "inputs"],
            Self::ManualApproval => &["prompt"],
        }
    }

    fn of(name: &Located<String>, file: &SourceFile) -> Result<Self, Diagnostic> {
        let fault = |message: String| Diagnostic::new(file, name.span.clone(), message);
        if let Some(found) = Self::ALL.into_iter().find(|it| it.as_str() == name.value) {
            return Ok(found);
        }
        if let unsupported @ ("workflow" | "assert") = name.value.as_str() {
            return Err(fault(format!(
                "a task of type `{unsupported}` is not supported by this version of Sedge"
            )));
        }
        let types = Self::ALL.map(Self::as_str);
        let fault = fault(format!("there is no task of type `{}`", name.value));
        Err(match nearest(&name.value, types) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint(format!("the types are `{}`", types.join("`, `"))),
        })
    }
}

impl TaskPart {
    fn check(self, file: &SourceFile) -> Result<Task, Diagnostic> {
        let task_type = TaskType::of(&self.r#type, file)?;
        let name = task_type.as_str();
        if let Some((key, span)) = self.given_except(task_type.keys()) {
            let message = format!("`{key}` has no meaning for a task of type `{name}`");
            return Err(Diagnostic::new(file, span, message));
        }
        let at = self.r#type.span;
        let missing = |key: &str| {
            let message = format!("a task of this type needs `{key}`");
            Diagnostic::new(file, at.clone(), message)
        };
        match task_type {
            TaskType::ModelMethod => {
                let inputs = self.inputs.unwrap_or(Located {
                    value: Map::new(),
                    span: at.clone(),
                });
                yaml::refuse_expressions(file, &inputs.value)?;
                Ok(Task::ModelMethod {
                    model: self
                        .model_id_or_name
                        .ok_or_else(|| missing("modelIdOrName"))?,
                    method: self.method_name.ok_or_else(|| missing("methodName"))?,
                    inputs,
                })
            }
            TaskType::ManualApproval => Ok(Task::ManualApproval {
                prompt: self.prompt,
            }),
        }
    }

    /// Returns the first key besides `type` that is given and not one of `keys`, with its place.
    fn given_except(&self, keys: &[&str]) -> Option<(&'static str, Range<usize>)> {
        let Self {
            r#type: _,
            model_id_or_name,
            method_name,
            inputs,
            prompt,
        } = self;
        let spans = [
            (
                "modelIdOrName",
                model_id_or_name.as_ref().map(|it| &it.span),
            ),
            ("methodName", method_name.as_ref().map(|it| &it.span)),
            ("inputs", inputs.as_ref().map(|it| &it.span)),
            ("prompt", prompt.as_ref().map(|it| &it.span)),
        ];
        let mut given = spans.into_iter().filter(|(key, _)| !keys.contains(key));
        given.find_map(|(key, span)| Some((key, span?.clone())))
    }
}

#[cfg(test)]
mod tests;
