//! `sedge model validate`

use clap::Args;
use sedge_app::validate::model_validate;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::findings::FindingsOptions;
use crate::output::Output;

/// Check the definition of a model, or of all models
///
/// Shows all faults. Exits with 2 if there is an error; warnings and notes do not count.
#[derive(Debug, Args)]
pub(crate) struct ModelValidateArgs {
    /// The model [default: all]
    name: Option<String>,
    #[command(flatten)]
    findings: FindingsOptions,
}

impl Run for ModelValidateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let validated = cx.wait(model_validate(&app, self.name.as_deref()))?;
        Ok(self.findings.output(cx, &app.repository, &validated))
    }
}
