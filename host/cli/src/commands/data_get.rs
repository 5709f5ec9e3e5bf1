//! `sedge data get`

use clap::Args;
use sedge_app::data_get::data_get;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Print the content of one version
#[derive(Debug, Args)]
pub(crate) struct DataGetArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    /// The version [default: the latest]
    #[arg(long, short = 'V', value_name = "N")]
    version: Option<u64>,
}

pub(crate) fn run(cx: &Context, args: &DataGetArgs) -> Result<Output, CliError> {
    let record = data_get(&*cx.repository()?, &args.model, &args.name, args.version)?;
    let content: Value = serde_json::from_str(&record.content).map_err(anyhow::Error::from)?;
    let data = json!({
        "model": args.model,
        "name": args.name,
        "spec": record.spec,
        "version": record.info.version,
        "createdAt": show::time(record.info.created_at),
        "size": record.info.size,
        "writtenBy": record.info.by,
        "content": &content,
    });
    Ok(Output::new(data).text_json(&content))
}
