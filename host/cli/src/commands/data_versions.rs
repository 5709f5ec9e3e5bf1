//! `sedge data versions`

use clap::Args;
use sedge_app::data_versions::data_versions;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};
use crate::show;

/// List the versions of data, newest first
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
    cx.read(|_| {
        data_versions(&repository, &args.model, &args.name, |version| {
            if version.name != args.name {
                renamed.get_or_insert_with(|| version.name.clone());
            }
            let row = || {
                vec![
                    version.version.to_string(),
                    version.kind.as_str().to_owned(),
                    show::bytes(version.size),
                    show::time(version.created_at),
                    version.written_by.call.clone(),
                ]
            };
            rows.push(&version, row)
        })
    })?;
    let output = rows.output("")?;
    Ok(match renamed {
        Some(name) => output.note(format!("`{}` was renamed to `{name}`.", args.name)),
        None => output,
    })
}
