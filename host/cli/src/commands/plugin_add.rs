//! `sedge plugin add`

use std::path::PathBuf;

use clap::Args;
use sedge_app::plugin_add::{Before, plugin_add};
use serde_json::json;

use crate::commands::plugin_describe::{description_json, permission_text};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Add a plugin, or replace it by another version
///
/// The component is checked, compiled and pinned by its digest in sedge.lock. Calls never
/// compile.
#[derive(Debug, Args)]
pub(crate) struct PluginAddArgs {
    /// The component, a file built with an SDK of Sedge
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

pub(crate) fn run(cx: &Context, args: &PluginAddArgs) -> Result<Output, CliError> {
    let repository = cx.repository()?;
    let report = cx.wait(plugin_add(&repository, &args.file, cx.events()))?;
    let info = &report.description.type_info;
    let (before, sentence) = match &report.before {
        Before::Nothing => (json!(null), format!("Added {} {}", info.name, info.version)),
        Before::Same => (
            json!(info.version),
            format!("Already there: {} {}", info.name, info.version),
        ),
        Before::Other(version) => (
            json!(version),
            format!("Replaced {} {version} by {}", info.name, info.version),
        ),
    };
    let mut data = description_json(&report.description);
    data["before"] = before;
    let mut output = Output::new(data).note(sentence);
    for request in &info.permissions {
        output = output.note(format!(
            "It asks to {}: {}",
            permission_text(&request.permission),
            request.reason
        ));
    }
    Ok(output.note(format!(
        "hint: `sedge model create {} NAME` makes a model of it",
        info.name
    )))
}
