//! `sedge data versions`

use clap::Args;
use sedge_app::data_versions::data_versions;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// List the versions of one piece of data
#[derive(Debug, Args)]
pub(crate) struct DataVersionsArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
}

pub(crate) fn run(cx: &Context, args: &DataVersionsArgs) -> Result<Output, CliError> {
    let versions = data_versions(&*cx.repository()?, &args.model, &args.name)?;
    let data: Vec<Value> = versions
        .iter()
        .map(|version| {
            json!({
                "version": version.version,
                "createdAt": show::time(version.created_at),
                "size": version.size,
                "writtenBy": version.by,
            })
        })
        .collect();
    let rows = versions.iter().map(|version| {
        vec![
            version.version.to_string(),
            show::bytes(version.size),
            show::time(version.created_at),
            version.by.to_string(),
        ]
    });
    Ok(Output::new(json!(data)).text(table(&["version", "size", "written", "by call"], rows)))
}
