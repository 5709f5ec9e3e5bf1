//! `sedge workflow evaluate`

use clap::Args;
use sedge_app::types::GivenInput;
use sedge_app::workflow::evaluate::workflow_evaluate;

use crate::commands::Run;
use crate::commands::shared::evaluated_output;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::contents_read;
use crate::output::Output;

/// Show a workflow with its expressions evaluated
///
/// What needs the result of a step, a secret, or an input that is not given stands as it is
/// written.
#[derive(Debug, Args)]
pub(crate) struct WorkflowEvaluateArgs {
    /// The workflow
    name: String,
    /// Set an input; may be repeated
    #[arg(long = "input", short, value_name = "KEY=VALUE")]
    inputs: Vec<GivenInput>,
}

impl Run for WorkflowEvaluateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let inputs = contents_read(self.inputs)?;
        let repository = cx.repository()?;
        let evaluated = cx.wait(workflow_evaluate(&repository, &self.name, inputs))?;
        Ok(evaluated_output(evaluated))
    }
}
