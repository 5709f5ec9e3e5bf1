//! `sedge workflow get`

use clap::Args;
use sedge_app::workflow::get::workflow_get;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Show a workflow
#[derive(Debug, Args)]
pub(crate) struct WorkflowGetArgs {
    /// The workflow
    name: String,
}

impl Run for WorkflowGetArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let report = workflow_get(&cx.app()?, &self.name)?;
        Ok(Output::new(report.workflow).text_data(report.text))
    }
}
