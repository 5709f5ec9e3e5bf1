//! `sedge model edit`

use clap::Args;
use sedge_app::Cx;
use sedge_app::model::edit::{ModelEditRequest, model_edit, model_edit_begin, model_edit_text};
use sedge_app::types::variable;
use sedge_sys::editor;
use sedge_sys::fault::MachineError;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::inputs::text_of;
use crate::output::Output;

/// The variables that name the user's editor, the first one first.
const EDITOR_VARIABLES: [&str; 2] = ["VISUAL", "EDITOR"];

/// The editor of a user who has named none.
const EDITOR: &str = "vi";

/// Edit the definition of a model
///
/// Opens the definition in the editor of VISUAL or EDITOR. Without a terminal, the new text is read
/// from stdin. The text is checked, and a text with faults does not replace the definition.
#[derive(Debug, Args)]
pub(crate) struct ModelEditArgs {
    /// The model
    name: String,
}

impl Run for ModelEditArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        let request = match cx.is_interactive() {
            true => in_editor(&app, self.name)?,
            false => ModelEditRequest {
                name: self.name,
                former: None,
                text: text_of("-")?,
            },
        };
        let edited = cx.wait(model_edit(&app, &request))?;
        let note = match edited.changed {
            true => format!("Changed the model {} in {}", edited.name, edited.file),
            false => format!("Nothing was changed in {}", edited.file),
        };
        Ok(Output::new(edited).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}

/// Lets the user edit a copy of the definition.
fn in_editor(app: &Cx, name: String) -> Result<ModelEditRequest, CliError> {
    let editing = model_edit_begin(app, &name)?;
    let named = EDITOR_VARIABLES.iter().find_map(|it| variable(it));
    let editor = named.filter(|it| !it.trim().is_empty());
    let editor = editor.unwrap_or_else(|| EDITOR.to_owned());
    let is_saved =
        editor::edit(&editor, &editing.path).map_err(MachineError::of("start the editor"))?;
    if !is_saved {
        return Err(CliError::Usage {
            message: format!("the editor `{editor}` failed, and nothing was changed"),
            hints: vec![format!(
                "set EDITOR to another editor; its text is in {}",
                editing.path.display()
            )],
        });
    }
    Ok(ModelEditRequest {
        text: model_edit_text(app, &name)?,
        former: Some(editing.text),
        name,
    })
}
