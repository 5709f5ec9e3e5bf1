//! `sedge secret list`

use clap::Args;
use sedge_app::secret_list::secret_list;
use serde_json::{Value, json};

use crate::commands::secret_put::info_json;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// List secrets: their names, and who put and used them
#[derive(Debug, Args)]
pub(crate) struct SecretListArgs {}

pub(crate) fn run(cx: &Context, _args: &SecretListArgs) -> Result<Output, CliError> {
    let secrets = secret_list(&*cx.repository()?)?;
    let data: Vec<Value> = secrets.iter().map(info_json).collect();
    let output = Output::new(json!(data));
    if secrets.is_empty() {
        return Ok(output.note("No secrets yet; `sedge secret put NAME` asks for one."));
    }
    let rows = secrets.iter().map(|info| {
        let used = info.last_use.as_ref();
        vec![
            info.name.to_string(),
            info.version.to_string(),
            show::time(info.created_at),
            show::time(info.updated_at),
            used.map_or(String::new(), |(at, _)| show::time(*at)),
            used.map_or(String::new(), |(_, by)| show::cell(by)),
            show::cell(&info.by),
        ]
    });
    let heading = [
        "name",
        "version",
        "created",
        "updated",
        "last used",
        "by call",
        "put by",
    ];
    Ok(output.text(table(&heading, rows)))
}
