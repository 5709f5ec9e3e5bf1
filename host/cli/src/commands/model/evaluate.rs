//! `sedge model evaluate`

use clap::Args;
use sedge_app::model::evaluate::model_evaluate;

use crate::commands::Run;
use crate::commands::shared::evaluated_output;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::TrialInputOptions;
use crate::output::Output;

/// Show a definition with its expressions evaluated
///
/// Inputs that are not given have their defaults. Texts that use other inputs or secrets stand as
/// they are written.
#[derive(Debug, Args)]
pub(crate) struct ModelEvaluateArgs {
    /// The model
    name: String,
    #[command(flatten)]
    inputs: TrialInputOptions,
}

impl Run for ModelEvaluateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let given = self.inputs.given()?;
        let app = cx.app()?;
        let evaluated = cx.wait(model_evaluate(&app, &self.name, &given))?;
        Ok(evaluated_output(evaluated))
    }
}
