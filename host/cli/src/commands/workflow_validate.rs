//! `sedge workflow validate`

use clap::Args;
use sedge_app::workflow_validate::workflow_validate;

use crate::commands::workflow_get::workflow_json;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Check a workflow without running it
#[derive(Debug, Args)]
pub(crate) struct WorkflowValidateArgs {
    /// The workflow
    name: String,
}

pub(crate) fn run(cx: &Context, args: &WorkflowValidateArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let workflow = cx.wait(workflow_validate(&repository, &args.name))?;
    let n_steps = workflow.steps().count();
    Ok(Output::new(workflow_json(&workflow)).note(format!(
        "The workflow `{}` is sound: {} in {}.",
        workflow.name,
        show::count(n_steps, "step"),
        show::count(workflow.jobs.len(), "job")
    )))
}
