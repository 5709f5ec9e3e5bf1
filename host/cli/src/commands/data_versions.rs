//! `sedge data versions`

use clap::Args;
use sedge_app::data_versions::data_versions;

use crate::commands::data_list::record_json;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List the versions of one piece of data
#[derive(Debug, Args)]
pub(crate) struct DataVersionsArgs {
    /// The model
    model: String,
    /// The name of the data
    name: String,
    #[command(flatten)]
    list: ListOptions,
}

pub(crate) fn run(cx: &Context, args: &DataVersionsArgs) -> Result<Output, CliError> {
    let heading = ["version", "kind", "size", "written", "by call"];
    let mut rows = Rows::new(cx, &args.list, &heading);
    let repository = cx.repository()?;
    let mut renamed = None;
    cx.look(|_| {
        data_versions(&repository, &args.model, &args.name, |record| {
            if record.name.as_str() != args.name {
                renamed.get_or_insert_with(|| record.name.clone());
            }
            let row = || {
                vec![
                    record.version.to_string(),
                    record.kind.as_str().to_owned(),
                    show::bytes(record.size),
                    show::timestamp(record.created_at),
                    record.by.to_string(),
                ]
            };
            rows.push(&record_json(record), row)
        })
    })?;
    let output = rows.output("")?;
    Ok(match renamed {
        Some(name) => output.note(format!("`{}` was renamed to `{name}`.", args.name)),
        None => output,
    })
}
