//! `sedge import swamp`

use std::path::PathBuf;

use clap::Args;
use sedge_api::problem::ErrorClass;
use sedge_api::view::swamp::{ImportedFileView, NotTakenView, SwampImported};
use sedge_app::import::swamp::{ImportSwampRequest, import_swamp};

use crate::commands::Run;
use crate::commands::plugin::import_swamp::model_lines;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::sdk_folder::installed_sdks;

/// Take over a repository of swamp
///
/// Copies its definitions and workflows, builds the models in TypeScript that the definitions use and
/// adds them without grants, imports the latest version of all data with its tags, and lists the names of
/// the secrets. Their values are not taken. What is there already stays as it is, so the command can be
/// repeated. Exits with 2 if a model cannot be built.
#[derive(Debug, Args)]
pub(crate) struct ImportSwampArgs {
    /// The folder of the repository of swamp, which is only read
    folder: PathBuf,
}

impl Run for ImportSwampArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let request = ImportSwampRequest {
            folder: self.folder,
            sdks: installed_sdks(),
        };
        let imported = cx.wait(import_swamp(&app, &request))?;
        let is_refused = imported.plugins.iter().any(|it| it.built.is_none());
        let exit = match is_refused {
            true => ErrorClass::Usage.exit_code(),
            false => 0,
        };
        let notes = notes(&imported);
        let output = Output::default().text(text(&imported)).document(imported);
        Ok(notes.into_iter().fold(output, Output::note).exit(exit))
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Returns what was taken over, one line each.
fn text(imported: &SwampImported) -> String {
    let mut lines = Vec::new();
    for model in &imported.plugins {
        lines.extend(model_lines(model));
    }
    let file_line = |kind: &str, file: &ImportedFileView| {
        let state = if file.is_kept { ", there already" } else { "" };
        format!("{kind} {}: {}{state}", file.name, file.file)
    };
    let models = imported.models.iter();
    lines.extend(models.map(|it| file_line("model", it)));
    let workflows = imported.workflows.iter();
    lines.extend(workflows.map(|it| file_line("workflow", it)));
    for data in &imported.data {
        let names = data.written.join(", ");
        let line = match (data.written.is_empty(), data.kept) {
            (true, kept) => format!("data of {}: {kept} there already", data.model),
            (false, 0) => format!("data of {}: {names}", data.model),
            (false, kept) => format!("data of {}: {names}; {kept} there already", data.model),
        };
        lines.push(line);
    }
    lines.join("\n")
}

fn notes(imported: &SwampImported) -> Vec<String> {
    let not_taken = |it: &NotTakenView| format!("Not taken: {}: {}", it.what, it.why);
    let mut notes: Vec<String> = imported.not_taken.iter().map(not_taken).collect();
    let missing = imported.secrets.iter().filter(|it| !it.is_there);
    for secret in missing {
        notes.push(format!(
            "The value of the secret {0} was not taken: `sedge secret put {0}`",
            secret.name
        ));
    }
    let needs_grants = (imported.plugins.iter().filter_map(|it| it.built.as_ref()))
        .any(|built| !built.permissions.is_empty());
    if needs_grants {
        notes.push(
            "hint: `sedge model grant MODEL` grants what the type of a model requests".to_owned(),
        );
    }
    notes.push("hint: `sedge validate` checks what was taken over".to_owned());
    notes
}
