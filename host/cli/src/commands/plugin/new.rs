//! `sedge plugin new`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sedge_api::view::plugin_project::PluginLanguage;
use sedge_app::Settings;
use sedge_app::plugin::new::{PluginNewRequest, plugin_new};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::sdk_folder::installed_sdks;

/// Write the project of a new plugin
///
/// The project has a type with one method and a test of it, and a copy of the SDK. It needs no
/// repository and no package of Sedge in a registry.
#[derive(Debug, Args)]
pub(crate) struct PluginNewArgs {
    /// The name of the plugin: NAME, or @SCOPE/NAME with the name of your organisation
    name: String,
    /// The folder of the project [default: NAME in the current folder]
    folder: Option<PathBuf>,
    /// The language
    #[arg(long, value_name = "LANGUAGE")]
    lang: LanguageArg,
}

/// A language, as the user types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LanguageArg {
    /// Rust
    Rust,
    /// Python
    #[value(name = "py", alias = "python")]
    Python,
    /// TypeScript
    #[value(name = "ts", alias = "typescript")]
    TypeScript,
}

impl Run for PluginNewArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let made = plugin_new(&PluginNewRequest {
            name: self.name,
            language: match self.lang {
                LanguageArg::Rust => PluginLanguage::Rust,
                LanguageArg::Python => PluginLanguage::Python,
                LanguageArg::TypeScript => PluginLanguage::TypeScript,
            },
            folder: self.folder,
            sdks: installed_sdks(),
            clock: cx.settings(Settings::default()).clock,
        })?;
        let path = made.path.clone();
        let note = format!(
            "Wrote {}, a plugin in {}, to {path}: {}",
            made.name,
            made.language.as_str(),
            made.files.join(", ")
        );
        let mut output = Output::new(made).note(note);
        if self.lang == LanguageArg::TypeScript {
            let install =
                format!("hint: `npm install` in `{path}` gets the packages that it needs");
            output = output.note(install);
        }
        Ok(output
            .note(format!("hint: `sedge plugin test {path}` runs its test"))
            .note(format!("hint: `sedge plugin build {path}` builds it")))
    }

    fn changes(&self) -> bool {
        true
    }
}
