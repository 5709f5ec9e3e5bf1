//! `sedge workflow evaluate`

use clap::Args;
use sedge_app::workflow::evaluate::workflow_evaluate;

use crate::commands::Run;
use crate::commands::shared::evaluated_output;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::TrialInputOptions;
use crate::output::Output;

/// Show a workflow with its expressions evaluated
///
/// What needs the result of a step, a secret, or an input that is not given stands as it is
/// written.
#[derive(Debug, Args)]
pub(crate) struct WorkflowEvaluateArgs {
    /// The workflow
    name: String,
    #[command(flatten)]
    inputs: TrialInputOptions,
}

impl Run for WorkflowEvaluateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let given = self.inputs.given()?;
        let app = cx.app()?;
        let evaluated = cx.wait(workflow_evaluate(&app, &self.name, &given))?;
        Ok(evaluated_output(evaluated))
    }
}
