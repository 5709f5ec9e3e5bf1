//! `sedge workflow validate`

use clap::Args;
use sedge_app::validate::workflow_validate;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::findings::FindingsOptions;
use crate::output::Output;

/// Check a workflow, or all, without running them
///
/// Shows all faults. Exits with 2 if there is an error; warnings and notes do not count.
#[derive(Debug, Args)]
pub(crate) struct WorkflowValidateArgs {
    /// The workflow [default: all]
    name: Option<String>,
    #[command(flatten)]
    findings: FindingsOptions,
}

impl Run for WorkflowValidateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let validated = cx.wait(workflow_validate(&app, self.name.as_deref()))?;
        Ok(self.findings.output(cx, &app.repository, &validated))
    }
}
