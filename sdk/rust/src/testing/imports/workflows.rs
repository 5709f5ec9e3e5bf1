//! The interface `workflows`.

pub(crate) use crate::bindings::sedge::model::workflows::*;

use serde_json::Value;

use super::super::permissions::Attempt;
use super::super::script::WorkflowHandler;
use super::super::world::{World, current};
use crate::bindings::sedge::model::types;

/// Lets the handler of the test answer a run.
pub(crate) fn run(workflow: &str, inputs: &str) -> Result<RunOutcome, WorkflowError> {
    let inputs: Value = serde_json::from_str(inputs).map_err(|error| not_json(&error))?;
    let handler = current(|world| begin(world, workflow, &inputs))?;
    let outcome = handler(&inputs);
    outcome.map(RunOutcome::from).map_err(WorkflowError::from)
}

/// Lets the handler of the test answer a run, and returns its id alone.
pub(crate) fn start(workflow: &str, inputs: &str) -> Result<RunId, WorkflowError> {
    Ok(match run(workflow, inputs)? {
        RunOutcome::Succeeded(success) => success.run,
        RunOutcome::Failed(failure) => failure.run,
        RunOutcome::Cancelled(cancelled) => cancelled.run,
        RunOutcome::Suspended(suspended) => suspended.run,
    })
}

fn begin(
    world: &mut World,
    workflow: &str,
    inputs: &Value,
) -> Result<WorkflowHandler, WorkflowError> {
    let permitted = world.permitted(&Attempt::Workflow(workflow));
    permitted.map_err(WorkflowError::Denied)?;
    if !world.call().may_change() {
        return Err(WorkflowError::Denied(format!(
            "`{}` may not run the workflow `{}` in `{}`: a method of kind `{}` runs no workflows",
            world.model,
            workflow.escape_debug(),
            world.call().method,
            world.call().kind_word()
        )));
    }
    let handler = world.scripts.workflow(workflow);
    let handler = handler.ok_or_else(|| WorkflowError::NotFound(workflow.to_owned()))?;
    let started = (workflow.to_owned(), inputs.clone());
    world.scripts.started.push(started);
    Ok(handler)
}

fn not_json(error: &serde_json::Error) -> WorkflowError {
    WorkflowError::InvalidInput(vec![types::Violation {
        path: String::new(),
        message: error.to_string(),
    }])
}

impl From<crate::RunOutcome> for RunOutcome {
    fn from(outcome: crate::RunOutcome) -> Self {
        match outcome {
            crate::RunOutcome::Succeeded(success) => Self::Succeeded(RunSuccess {
                run: success.run,
                outputs: success.outputs.map(|it| Value::Object(it).to_string()),
            }),
            crate::RunOutcome::Failed(failure) => Self::Failed(RunFailure {
                run: failure.run,
                message: failure.message,
                steps: failure.steps.into_iter().map(FailedStep::from).collect(),
            }),
            crate::RunOutcome::Cancelled { run, reason } => {
                Self::Cancelled(RunCancellation { run, reason })
            }
            crate::RunOutcome::Suspended { run, gates } => {
                Self::Suspended(RunSuspension { run, gates })
            }
        }
    }
}

impl From<crate::FailedStep> for FailedStep {
    fn from(step: crate::FailedStep) -> Self {
        Self {
            step: step.step,
            code: step.code,
            message: step.message,
            allowed: step.is_allowed,
        }
    }
}

impl From<crate::WorkflowError> for WorkflowError {
    fn from(error: crate::WorkflowError) -> Self {
        match error {
            crate::WorkflowError::NotFound { name } => Self::NotFound(name),
            crate::WorkflowError::InvalidInput { violations } => {
                let violations = violations.into_iter().map(types::Violation::from);
                Self::InvalidInput(violations.collect())
            }
            crate::WorkflowError::Denied { reason } => Self::Denied(reason),
            crate::WorkflowError::Refused { reason } => Self::Refused(reason),
            crate::WorkflowError::Limit { name, value } => {
                Self::Limit(types::LimitReached { name, value })
            }
        }
    }
}
