//! `sedge init`

use std::path::PathBuf;

use clap::Args;
use sedge_app::Settings;
use sedge_app::init::init_with;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Create a repository
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder to turn into a repository [default: the current folder, or `--repo`]
    folder: Option<PathBuf>,
}

impl Run for InitArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let folder = self.folder.clone().map_or_else(|| cx.folder(), Ok)?;
        let made = init_with(&folder, cx.settings(Settings::default()))?;
        let note = format!("Created a repository in {}", made.path);
        Ok(Output::new(made).note(note).note(
            "hint: `sedge plugin add @sedge/sink` adds a plugin, which provides a model type",
        ))
    }

    fn changes(&self) -> bool {
        true
    }
}
