//! `sedge plugin list`

use clap::Args;
use sedge_app::plugin_list::{Listed, plugin_list};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};

/// List plugins
#[derive(Debug, Args)]
pub(crate) struct PluginListArgs {}

pub(crate) fn run(cx: &Context, _args: &PluginListArgs) -> Result<Output, CliError> {
    let plugins = plugin_list(&*cx.repository()?)?;
    let data: Vec<Value> = plugins.iter().map(to_json).collect();
    let output = Output::new(json!(data));
    if plugins.is_empty() {
        return Ok(output.note("No plugins yet; `sedge plugin add FILE.wasm` adds one."));
    }
    let rows = plugins.iter().map(|plugin| {
        let is_here = if plugin.is_here { "yes" } else { "no" };
        let short = plugin.pinned.sha256.chars().take(12).collect();
        vec![
            plugin.type_name.to_string(),
            plugin.pinned.version.to_string(),
            plugin.pinned.contract.clone(),
            short,
            is_here.to_owned(),
        ]
    });
    Ok(output.text(table(
        &["type", "version", "contract", "sha256", "here"],
        rows,
    )))
}

fn to_json(plugin: &Listed) -> Value {
    let mut value = json!(plugin.pinned);
    value["type"] = json!(plugin.type_name);
    value["isHere"] = json!(plugin.is_here);
    value
}
