//! `sedge plugin restore`

use std::path::PathBuf;

use clap::Args;
use sedge_api::view::plugin::PluginsRestored;
use sedge_app::plugin::restore::plugin_restore;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Restore the components of pinned plugins, as after a clone
///
/// Only a component with a digest that sedge.lock pins is accepted. Without an argument, each
/// missing component is looked for in the repository's folder `plugins`, among the plugins that come
/// with Sedge, and where it was added from.
#[derive(Debug, Args)]
pub(crate) struct PluginRestoreArgs {
    /// A component, or a folder with components
    #[arg(value_name = "FILE")]
    file: Vec<PathBuf>,
}

impl Run for PluginRestoreArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let is_url = |path: &&PathBuf| {
            let text = path.to_string_lossy();
            text.starts_with("https://") || text.starts_with("http://")
        };
        if let Some(url) = self.file.iter().find(is_url) {
            return Err(CliError::Usage {
                message: format!("`{}` is not a file or folder", url.display()),
                hints: vec![
                    "download the component, then restore it from its file: only the pinned \
                       digest is accepted"
                        .to_owned(),
                ],
            });
        }
        let repository = cx.repository()?;
        let restored = cx.wait(plugin_restore(&repository, &self.file, cx.events()))?;
        let notes = notes(&restored);
        let output = Output::new(restored);
        Ok(notes.into_iter().fold(output, Output::note))
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
