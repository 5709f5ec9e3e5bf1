//! `sedge model get`

use clap::Args;
use sedge_app::model_get::model_get;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Show a model
#[derive(Debug, Args)]
pub(crate) struct ModelGetArgs {
    /// The model
    name: String,
}

pub(crate) fn run(cx: &Context, args: &ModelGetArgs) -> Result<Output, CliError> {
    let report = model_get(&*cx.repository()?, &args.name)?;
    Ok(Output::new(report.model).text_data(report.text))
}
