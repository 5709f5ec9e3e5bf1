//! `sedge workflow list`

use clap::Args;
use sedge_app::workflow_list::workflow_list;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};

/// List workflows
#[derive(Debug, Args)]
pub(crate) struct WorkflowListArgs {}

pub(crate) fn run(cx: &Context, _args: &WorkflowListArgs) -> Result<Output, CliError> {
    let workflows = workflow_list(&*cx.repository()?)?;
    let data: Vec<Value> = workflows
        .iter()
        .map(|(name, workflow)| match workflow {
            Ok(workflow) => json!({
                "name": name,
                "description": workflow.description,
                "jobs": workflow.jobs.len(),
                "steps": workflow.steps().count(),
            }),
            Err(fault) => json!({"name": name, "error": fault.to_string()}),
        })
        .collect();
    let output = Output::new(json!(data));
    if workflows.is_empty() {
        return Ok(output.note("No workflows yet; write one: workflows/NAME.yaml"));
    }
    let rows = workflows.iter().map(|(name, workflow)| match workflow {
        Ok(workflow) => vec![
            name.to_string(),
            workflow.steps().count().to_string(),
            workflow.description.clone().unwrap_or_default(),
        ],
        Err(fault) => vec![name.to_string(), "?".to_owned(), format!("error: {fault}")],
    });
    Ok(output.text(table(&["name", "steps", "description"], rows)))
}
