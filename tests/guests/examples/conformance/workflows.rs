//! Workflows that a plugin runs and starts.

use schemars::JsonSchema;
use sedge_sdk::{Context, Failure, MethodKind, Model, RunOutcome, Value, WorkflowError, json};
use serde::Deserialize;

use crate::outcome;

#[derive(Deserialize, JsonSchema)]
struct WorkflowArguments {
    workflow: String,
    inputs: Value,
}

pub(crate) fn methods(model: Model) -> Model {
    let action = MethodKind::Action;
    model
        .method("workflow-run", action, "Run a workflow", run)
        .method("workflow-start", action, "Start a workflow", start)
}

fn run(cx: &Context, arguments: WorkflowArguments) -> Result<Value, Failure> {
    let ran = cx.run_workflow(&arguments.workflow, &arguments.inputs);
    Ok(outcome(ran.map(ended)))
}

fn ended(outcome: RunOutcome) -> Value {
    match outcome {
        RunOutcome::Succeeded(success) => json!({"succeeded": success.outputs}),
        RunOutcome::Failed(failure) => {
            let steps: Vec<Value> = failure
                .steps
                .iter()
                .map(|it| json!({"step": it.step, "code": it.code, "is_allowed": it.is_allowed}))
                .collect();
            json!({"failed": steps})
        }
        RunOutcome::Cancelled { reason, .. } => json!({"cancelled": reason}),
        RunOutcome::Suspended { gates, .. } => json!({"suspended": gates}),
    }
}

fn start(cx: &Context, arguments: WorkflowArguments) -> Result<Value, Failure> {
    let started: Result<String, WorkflowError> =
        cx.start_workflow(&arguments.workflow, &arguments.inputs);
    Ok(outcome(
        started.map(|run| json!({"has_id": run.len() == 12})),
    ))
}
