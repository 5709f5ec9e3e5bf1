//! `sedge workflow resume`

use clap::Args;
use sedge_app::types::Workload;
use sedge_app::workflow::resume::workflow_resume;

use crate::commands::Run;
use crate::commands::shared::{CheckOptions, RunOptions};
use crate::commands::workflow::run::end_output;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Resume a run whose gates are decided, or that was interrupted
#[derive(Debug, Args)]
pub(crate) struct WorkflowResumeArgs {
    /// The workflow
    name: String,
    /// The run, or a prefix of its id [default: the waiting run]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    checks: CheckOptions,
    #[command(flatten)]
    options: RunOptions,
}

impl Run for WorkflowResumeArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository_with(self.options.settings(Workload::ManyCalls)?)?;
        let run = self.run.as_deref();
        let skips = self.checks.skips();
        let resumed = workflow_resume(&repository, &self.name, run, &skips, cx.events());
        let end = cx
            .wait(resumed)
            .map_err(|error| error.of_workflow(&self.name))?;
        Ok(end_output(end))
    }
}
