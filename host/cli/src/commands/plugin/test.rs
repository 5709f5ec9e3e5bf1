//! `sedge plugin test`

use std::path::PathBuf;

use clap::Args;
use sedge_app::plugin::test::{PluginTestRequest, plugin_test};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Run the tests of a plugin
///
/// Runs `cargo test`, pytest or unittest of Python, or the type checker and the test runner of
/// Node.js, in the folder of the project. The tests run on
/// this machine and not in the sandbox; they need no repository and no network. What they print goes to
/// stderr.
#[derive(Debug, Args)]
pub(crate) struct PluginTestArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Arguments for the test runner, after `--`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

impl Run for PluginTestArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let request = PluginTestRequest {
            folder: self.path,
            arguments: self.arguments,
        };
        let tested = cx.wait(plugin_test(&request))?;
        let note = format!("The tests have passed: `{}`", tested.command);
        Ok(Output::new(tested).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}
