//! `sedge workflow get`

use clap::Args;
use sedge_app::types::{Condition, Step, Task, Workflow};
use sedge_app::workflow_get::workflow_get;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Show a workflow
#[derive(Debug, Args)]
pub(crate) struct WorkflowGetArgs {
    /// The workflow
    name: String,
}

pub(crate) fn run(cx: &Context, args: &WorkflowGetArgs) -> Result<Output, CliError> {
    let workflow = workflow_get(&*cx.repository()?, &args.name)?;
    Ok(Output::new(workflow_json(&workflow)).text_data(workflow.file.text.clone()))
}

/// Returns a workflow as `--json` shows it.
pub(crate) fn workflow_json(workflow: &Workflow) -> Value {
    let jobs: Vec<Value> = workflow
        .jobs
        .iter()
        .map(|job| {
            let on = |on: &str, condition: Condition| json!({"job": on, "condition": condition.as_str()});
            json!({
                "name": job.name,
                "description": job.description,
                "dependsOn": job.depends_on.iter().map(|d| on(d.on.as_str(), d.condition)).collect::<Vec<_>>(),
                "steps": job.steps.iter().map(step_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": workflow.name,
        "description": workflow.description,
        "exclusive": workflow.exclusive,
        "file": workflow.file.name,
        "jobs": jobs,
    })
}

fn step_json(step: &Step) -> Value {
    let task = match &step.task {
        Task::ModelMethod {
            model,
            method,
            inputs,
        } => json!({
            "type": "model_method",
            "modelIdOrName": model.value,
            "methodName": method.value,
            "inputs": inputs.value,
        }),
        Task::ManualApproval { prompt } => {
            let prompt = prompt.as_ref().map_or("", |prompt| &prompt.value);
            json!({"type": "manual_approval", "prompt": prompt})
        }
    };
    let on = |on: &str, condition: Condition| json!({"step": on, "condition": condition.as_str()});
    json!({
        "name": step.path.step,
        "description": step.description,
        "task": task,
        "dependsOn": step.depends_on.iter().map(|d| on(d.on.as_str(), d.condition)).collect::<Vec<_>>(),
        "allowFailure": step.allow_failure,
    })
}
