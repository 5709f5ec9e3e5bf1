//! `sedge validate`

use clap::Args;
use sedge_app::validate::validate;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::findings::FindingsOptions;
use crate::output::Output;

/// Check all files of the repository without running anything
///
/// Checks the definitions, the workflows and sedge.lock, what they refer to, and expressions as far
/// as they are known, and shows all faults. Exits with 2 if there is an error; warnings and notes
/// do not count.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    findings: FindingsOptions,
}

impl Run for ValidateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let validated = cx.wait(validate(&app))?;
        Ok(self.findings.output(cx, &app.repository, &validated))
    }
}
