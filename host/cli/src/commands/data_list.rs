//! `sedge data list`

use clap::Args;
use sedge_app::data_list::data_list;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// List data
#[derive(Debug, Args)]
pub(crate) struct DataListArgs {
    /// Only the data of this model
    model: Option<String>,
}

pub(crate) fn run(cx: &Context, args: &DataListArgs) -> Result<Output, CliError> {
    let data = data_list(&*cx.repository()?, args.model.as_deref())?;
    let documents: Vec<Value> = data
        .iter()
        .map(|summary| {
            json!({
                "model": summary.model,
                "name": summary.name,
                "spec": summary.spec,
                "version": summary.latest.version,
                "createdAt": show::time(summary.latest.created_at),
                "size": summary.latest.size,
            })
        })
        .collect();
    let output = Output::new(json!(documents));
    if data.is_empty() {
        return Ok(
            output.note("No data yet; methods write some: `sedge model method run MODEL METHOD`.")
        );
    }
    let rows = data.iter().map(|summary| {
        vec![
            summary.model.to_string(),
            summary.name.to_string(),
            summary.latest.version.to_string(),
            show::bytes(summary.latest.size),
            show::time(summary.latest.created_at),
        ]
    });
    Ok(output.text(table(&["model", "name", "latest", "size", "written"], rows)))
}
