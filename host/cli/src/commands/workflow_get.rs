//! `sedge workflow get`

use clap::Args;
use sedge_app::workflow_get::workflow_get;

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
    let report = workflow_get(&*cx.repository()?, &args.name)?;
    Ok(Output::new(report.workflow).text_data(report.text))
}
