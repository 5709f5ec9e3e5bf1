//! `sedge model get`

use clap::Args;
use sedge_app::model::get::model_get;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Show a model
#[derive(Debug, Args)]
pub(crate) struct ModelGetArgs {
    /// The model
    name: String,
}

impl Run for ModelGetArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let report = model_get(&*cx.repository()?, &self.name)?;
        Ok(Output::new(report.model).text_data(report.text))
    }
}
