//! `sedge data diff`

use clap::Args;
use sedge_app::data::diff::data_diff;

use crate::commands::Run;
use crate::commands::shared::whole_number;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Show the difference between two versions
///
/// A resource is compared as formatted JSON, and a file line by line if it is text.
#[derive(Debug, Args)]
pub(crate) struct DataDiffArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    /// The older version [default: the version before --to]
    #[arg(long, value_name = "N", value_parser = whole_number)]
    from: Option<u64>,
    /// The newer version [default: the latest]
    #[arg(long, value_name = "N", value_parser = whole_number)]
    to: Option<u64>,
}

impl Run for DataDiffArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let difference = data_diff(&app, &self.model, &self.name, self.from, self.to)?;
        let (from, to) = (&difference.from, &difference.to);
        let output = match &difference.diff {
            Some(diff) => Output::default().text_data(diff.clone()),
            None if difference.is_equal => Output::default().note(format!(
                "Versions {} and {} of `{}` are equal.",
                from.version, to.version, to.name
            )),
            None => Output::default().note(format!(
                "Versions {} ({}) and {} ({}) of `{}` differ, and are too large or no text.",
                from.version,
                show::bytes(from.size),
                to.version,
                show::bytes(to.size),
                to.name
            )),
        };
        Ok(output.document(difference))
    }
}
