//! `sedge plugin build`

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use sedge_api::view::plugin_project::{PluginBuilt, SdkCopyState, SdkCopyView};
use sedge_app::Settings;
use sedge_app::plugin::build::{PluginBuildRequest, plugin_build};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::sdk_folder::installed_sdks;
use crate::show;

/// Build the component of a plugin
///
/// Runs the compiler of the project's language, checks the component, and writes it to the folder of
/// the project under the name of its type. Prints the path of the component.
#[derive(Debug, Args)]
pub(crate) struct PluginBuildArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Replace the copy of the SDK in the project by that of this program first
    #[arg(long)]
    update_sdk: bool,
}

impl Run for PluginBuildArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let request = PluginBuildRequest {
            folder: self.path,
            sdk_is_updated: self.update_sdk,
            is_quiet: is_compiler_quiet(cx),
            sdks: installed_sdks(),
        };
        let settings = cx.settings(Settings::default());
        let built = cx.wait(plugin_build(&settings, &request))?;
        let mut notes = Vec::new();
        notes.extend(built.sdk.as_ref().and_then(sdk_note));
        notes.extend(built.warnings.iter().map(|it| format!("warning: {it}")));
        notes.push(built_note(&built));
        notes.push(format!(
            "hint: `sedge plugin add {}` adds it to a repository",
            built.file
        ));
        let output = Output::default().text(&built.file).document(built);
        Ok(notes.into_iter().fold(output, Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Returns whether the compiler reports only faults: if the user does not look at its progress.
pub(crate) fn is_compiler_quiet(cx: &Context) -> bool {
    cx.json || cx.quiet || !io::stderr().is_terminal()
}

/// Returns what was built.
fn built_note(built: &PluginBuilt) -> String {
    let plugin = &built.plugin;
    let methods: Vec<&str> = plugin.methods.iter().map(|it| it.name.as_str()).collect();
    format!(
        "Built {} {} in {} of {}, with the {} {}",
        plugin.name,
        plugin.version,
        show::bytes(built.size),
        built.language.as_str(),
        if methods.len() == 1 {
            "method"
        } else {
            "methods"
        },
        methods.join(", ")
    )
}

/// Returns what the user should know about the copy of the SDK in the project.
fn sdk_note(sdk: &SdkCopyView) -> Option<String> {
    let SdkCopyView {
        version, contract, ..
    } = sdk;
    let renew = "`sedge plugin build --update-sdk` replaces it";
    match sdk.state {
        SdkCopyState::Current | SdkCopyState::Unknown => None,
        SdkCopyState::Outdated => Some(format!(
            "The copy of the SDK in the project is that of Sedge {version} (contract {contract}), and \
             not that of this program; {renew}"
        )),
        SdkCopyState::Changed => Some(format!(
            "The copy of the SDK in the project differs from what was copied from Sedge {version}; \
             {renew}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_of_another_sdk_is_named_with_how_to_replace_it() {
        let note = |state: SdkCopyState| {
            sdk_note(&SdkCopyView {
                version: "0.0.9".to_owned(),
                contract: "0.3.0".to_owned(),
                state,
            })
        };
        assert_eq!(
            note(SdkCopyState::Outdated).expect("there is a note"),
            "The copy of the SDK in the project is that of Sedge 0.0.9 (contract 0.3.0), and not that of this program; `sedge plugin build --update-sdk` replaces it"
        );
        assert_eq!(
            note(SdkCopyState::Changed).expect("there is a note"),
            "The copy of the SDK in the project differs from what was copied from Sedge 0.0.9; `sedge plugin build --update-sdk` replaces it"
        );
        assert_eq!(note(SdkCopyState::Current), None);
        assert_eq!(note(SdkCopyState::Unknown), None);
    }
}
