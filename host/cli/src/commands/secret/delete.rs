//! `sedge secret delete`

use clap::Args;
use sedge_app::secret::{secret_delete, secret_exists};

use crate::commands::Run;
use crate::commands::shared::{Confirmation, DeleteQuestion};
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Delete a secret permanently
#[derive(Debug, Args)]
pub(crate) struct SecretDeleteArgs {
    /// The name of the secret
    name: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Run for SecretDeleteArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let app = cx.app()?;
        self.confirmation.ask_about(cx, || {
            let exists = secret_exists(&app, &self.name)?;
            Ok(exists.then(|| DeleteQuestion {
                text: format!("Delete the secret `{}` permanently?", self.name),
                refused: format!("the secret `{}` was not deleted", self.name),
            }))
        })?;
        let deleted = secret_delete(&app, &self.name)?;
        let note = format!("Deleted `{}`.", deleted.name);
        Ok(Output::new(deleted).note(note))
    }

    fn changes(&self) -> bool {
        true
    }
}
