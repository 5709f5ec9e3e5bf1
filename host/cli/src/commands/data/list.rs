//! `sedge data list`

use clap::Args;
use sedge_api::view::data::DataVersionView;
use sedge_app::data::list::data_list;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List data
#[derive(Debug, Args)]
pub(crate) struct DataListArgs {
    /// List only the data of this model
    model: Option<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// The note for an empty list.
const NONE: &str = "No data yet; methods write it: `sedge model method run MODEL METHOD`.";

impl Run for DataListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let heading = ["model", "name", "kind", "latest", "size", "written"];
        let mut rows = Rows::new(cx, &self.list, &heading);
        let app = cx.app()?;
        cx.read(|_| {
            data_list(&app, self.model.as_deref(), |version| {
                rows.push(&version, || row(&version))
            })
        })?;
        rows.output(NONE)
    }
}

fn row(record: &DataVersionView) -> Vec<String> {
    vec![
        record.model.clone(),
        guest_text::cell(&record.name),
        record.kind.as_str().to_owned(),
        record.version.to_string(),
        show::bytes(record.size),
        show::time_in_table(record.created_at),
    ]
}
