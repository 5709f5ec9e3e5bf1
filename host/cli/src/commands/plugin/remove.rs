//! `sedge plugin remove`

use clap::Args;
use sedge_app::plugin::remove::{plugin_remove, plugin_remove_plan};

use crate::commands::Run;
use crate::commands::shared::{Confirmation, DeleteQuestion};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Remove a plugin, and what was granted to all models of its type
///
/// Models of the type keep their definitions and data, but cannot run any more.
#[derive(Debug, Args)]
pub(crate) struct PluginRemoveArgs {
    /// The type that it provides, for example @sedge/sink
    r#type: String,
    /// Remove it although models of its type exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Run for PluginRemoveArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        self.confirmation.ask_about(cx, || {
            let plan = plugin_remove_plan(&app, &self.r#type, self.force)?;
            let plugin = format!("{} {}", plan.type_name, plan.version);
            Ok(Some(DeleteQuestion {
                text: format!("Remove the plugin {plugin}, and what was granted to it?"),
                refused: format!("the plugin {plugin} was not removed"),
            }))
        })?;
        let removed = plugin_remove(&app, &self.r#type, self.force)?;
        let note = format!("Removed {} {}", removed.type_name, removed.version);
        let left = match &removed.models[..] {
            [] => None,
            [model] => Some(format!("The model {model} cannot run without it")),
            models => Some(format!(
                "The models {} cannot run without it",
                models.join(", ")
            )),
        };
        let file = removed.vendored_file.as_ref();
        let file = file.map(|file| format!("Removed {file}, too"));
        let output = Output::new(removed).note(note);
        Ok(file.into_iter().chain(left).fold(output, Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}
