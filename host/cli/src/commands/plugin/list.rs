//! `sedge plugin list`

use clap::Args;
use sedge_api::view::plugin::PluginListed;
use sedge_app::plugin::list::plugin_list;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::rows::{ListOptions, Rows};

/// List plugins
#[derive(Debug, Args)]
pub(crate) struct PluginListArgs {
    #[command(flatten)]
    list: ListOptions,
}

impl Run for PluginListArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let heading = [
            "type",
            "version",
            "contract",
            "sha256",
            "component",
            "granted",
        ];
        let mut rows = Rows::new(cx, &self.list, &heading);
        plugin_list(&cx.app()?, |plugin| rows.push(&plugin, || row(&plugin)))?;
        rows.output("No plugins yet; `sedge plugin add FILE.wasm` adds one.")
    }
}

fn row(plugin: &PluginListed) -> Vec<String> {
    vec![
        plugin.type_name.clone(),
        plugin.version.clone(),
        plugin.contract.clone(),
        plugin.sha256.chars().take(12).collect(),
        if plugin.is_here { "present" } else { "missing" }.to_owned(),
        granted_text(plugin),
    ]
}

/// Returns how many requests are granted; a dash for a plugin that requests nothing.
fn granted_text(plugin: &PluginListed) -> String {
    match plugin.n_requested {
        0 => "-".to_owned(),
        n_requested => format!("{} of {n_requested}", plugin.n_granted),
    }
}
