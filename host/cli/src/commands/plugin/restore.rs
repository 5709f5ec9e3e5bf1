//! `sedge plugin restore`

use std::path::PathBuf;

use clap::Args;
use sedge_api::view::plugin::PluginsRestored;
use sedge_app::plugin::restore::{PluginRestoreRequest, plugin_restore};

use crate::commands::Run;
use crate::commands::shared::DownloadOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Restore the components of pinned plugins, as after a clone
///
/// Only a component with a digest that sedge.lock pins is accepted. Without an argument, the command
/// searches for each missing component in the repository's folder `plugins`, among the plugins that
/// come with Sedge, and at the file or URL from which the plugin was added.
#[derive(Debug, Args)]
pub(crate) struct PluginRestoreArgs {
    /// A component, its URL (HTTPS only), or a folder with components
    #[arg(value_name = "FILE")]
    file: Vec<PathBuf>,
    #[command(flatten)]
    download: DownloadOptions,
}

impl Run for PluginRestoreArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let request = PluginRestoreRequest {
            from: self.file,
            private_addresses: self.download.allow_private_address,
        };
        let restored = cx.wait(plugin_restore(&app, &request))?;
        let notes = notes(&restored);
        let output = Output::new(restored);
        Ok(notes.into_iter().fold(output, Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}

fn notes(restored: &PluginsRestored) -> Vec<String> {
    let of_plugins = restored.plugins.iter().map(|plugin| {
        let (name, version) = (&plugin.type_name, &plugin.version);
        match plugin.was_missing {
            true => format!("Restored {name} {version} from {}", plugin.from),
            false => format!("Already present: {name} {version}"),
        }
    });
    let mut notes: Vec<String> = of_plugins.collect();
    if !restored.missing.is_empty() {
        notes.push(format!("Still missing: {}", restored.missing.join(", ")));
    } else if notes.is_empty() {
        notes.push("No component is missing.".to_owned());
    }
    notes
}
