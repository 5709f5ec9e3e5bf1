//! `sedge workflow validate`

use clap::Args;
use sedge_app::workflow::validate::workflow_validate;

use crate::commands::Run;
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

impl Run for WorkflowValidateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let repository = cx.repository()?;
        let workflow = cx.wait(workflow_validate(&repository, &self.name))?;
        let n_steps: usize = workflow.jobs.iter().map(|job| job.steps.len()).sum();
        let note = format!(
            "The workflow `{}` is valid: {} in {}.",
            workflow.name,
            show::count(n_steps, "step"),
            show::count(workflow.jobs.len(), "job")
        );
        Ok(Output::new(workflow).note(note))
    }
}
