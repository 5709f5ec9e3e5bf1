//! `sedge model delete`

use clap::Args;
use sedge_app::model::delete::model_delete;
use sedge_app::model::get::model_get;

use crate::commands::Run;
use crate::commands::shared::{Confirmation, DeleteQuestion, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Delete a model, and keep its data
///
/// Waits until no call of the model is running.
#[derive(Debug, Args)]
pub(crate) struct ModelDeleteArgs {
    /// The model
    name: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    lock: LockOptions,
}

impl Run for ModelDeleteArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app_with(self.lock.settings()?)?;
        self.confirmation.ask_about(cx, || {
            let model = model_get(&app, &self.name)?.model;
            Ok(Some(DeleteQuestion {
                text: match model.file {
                    Some(file) => format!("Delete the model {} and its file {file}?", model.name),
                    None => format!("Delete the unsaved model {}?", model.name),
                },
                refused: format!("the model {} was not deleted", model.name),
            }))
        })?;
        let deleted = cx.wait(model_delete(&app, &self.name))?;
        let mut notes = vec![match &deleted.file {
            Some(file) => format!("Deleted the model {} and its file {file}", deleted.name),
            None => format!("Deleted the unsaved model {}", deleted.name),
        }];
        if deleted.data_kept > 0 {
            notes.push(format!(
                "hint: its data is kept; `sedge data delete {} --all` deletes {}",
                deleted.name,
                show::count(deleted.data_kept, "name")
            ));
        }
        Ok(notes.into_iter().fold(Output::new(deleted), Output::note))
    }

    fn changes(&self) -> bool {
        true
    }
}
