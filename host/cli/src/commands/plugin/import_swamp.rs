//! `sedge plugin import-swamp`

use std::path::PathBuf;

use clap::Args;
use sedge_api::problem::ErrorClass;
use sedge_api::view::swamp::{SwampExtensionBuilt, SwampModelView};
use sedge_app::Settings;
use sedge_app::plugin::import_swamp::{PluginImportSwampRequest, plugin_import_swamp};

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::sdk_folder::installed_sdks;
use crate::show;

/// Build the models of a swamp extension as plugins
///
/// Builds each model in TypeScript that the manifest names, without a change, and writes the
/// permissions that it seems to need to a file beside the component. Review that file; a later build
/// uses it as it is. Shows for each model what the sandbox does not support. Prints the paths of the
/// components. Exits with 2 if a model cannot be built.
#[derive(Debug, Args)]
pub(crate) struct PluginImportSwampArgs {
    /// The folder of the extension, which has a manifest.yaml
    folder: PathBuf,
    /// Write the components to this folder [default: sedge in that of the extension]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Run for PluginImportSwampArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let request = PluginImportSwampRequest {
            folder: self.folder,
            out: self.out,
            sdks: installed_sdks(),
        };
        let settings = cx.settings(Settings::default());
        let built = cx.wait(plugin_import_swamp(&settings, &request))?;
        let is_refused = built.models.iter().any(|it| it.built.is_none());
        let exit = match is_refused {
            true => ErrorClass::Usage.exit_code(),
            false => 0,
        };
        let notes = notes(&built);
        let components = built.models.iter().filter_map(|it| it.built.as_ref());
        let files: Vec<String> = components.map(|it| it.file.clone()).collect();
        let output = Output::default().text(files.join("\n")).document(built);
        Ok(notes.into_iter().fold(output, Output::note).exit(exit))
    }

    fn changes(&self) -> bool {
        true
    }
}

fn notes(built: &SwampExtensionBuilt) -> Vec<String> {
    let mut notes: Vec<String> = built.models.iter().flat_map(model_lines).collect();
    for part in &built.not_taken {
        notes.push(format!("Not taken: {}: {}", part.what, part.why));
    }
    let components = built.models.iter().filter_map(|it| it.built.as_ref());
    if let Some(first) = components.map(|it| &it.file).next() {
        notes.push(format!(
            "hint: `sedge plugin add {first}` adds it to a repository"
        ));
    }
    notes
}

/// Returns what became of a model, one line each.
pub(crate) fn model_lines(model: &SwampModelView) -> Vec<String> {
    let source = &model.source;
    let mut lines = Vec::new();
    match &model.built {
        Some(built) => lines.push(format!(
            "Built {} {} of {source} in {}",
            built.name,
            built.version,
            show::bytes(built.size)
        )),
        None => {
            lines.push(format!(
                "{source} cannot be built: {}",
                model.faults.join("; ")
            ));
            lines.extend(model.help.iter().map(|it| format!("hint: {it}")));
        }
    }
    if let Some(permissions) = &model.permissions_file {
        let state = match permissions.is_kept {
            true => "as they are in",
            false => "to review in",
        };
        lines.push(format!(
            "  its permissions are {state} {}",
            permissions.file
        ));
    }
    for found in &model.not_supported {
        lines.push(format!(
            "  not supported: {} at {}: {}",
            found.what, found.at, found.why
        ));
    }
    lines.extend(model.unknown.iter().map(|it| format!("  unknown: {it}")));
    lines.extend(model.warnings.iter().map(|it| format!("  warning: {it}")));
    lines
}
