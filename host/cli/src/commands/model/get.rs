//! `sedge model get`

use clap::Args;
use sedge_app::model::get::model_get;
use sedge_sys::shell;

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
        let report = model_get(&cx.app()?, &self.name)?;
        let unsaved = report.model.unsaved.then(|| {
            let name = shell::word(&report.model.name);
            format!(
                "hint: it is unsaved; `sedge model create {name} --from-direct` writes its file"
            )
        });
        let output = Output::new(report.model).text_data(report.text);
        Ok(unsaved.into_iter().fold(output, Output::note))
    }
}
