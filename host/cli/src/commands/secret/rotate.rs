//! `sedge secret rotate`

use clap::Args;
use sedge_app::secret::secret_rotate;

use crate::commands::Run;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Seal all secrets with a new key
///
/// The former key of the secrets opens nothing any more. Sensitive fields of data that is written
/// from now on are sealed with a new key, too; the data that exists stays as it is, and its keys
/// are kept. The values stay the same. To replace a value that may have leaked, change it where it
/// is used, and run `sedge secret put`.
#[derive(Debug, Args)]
pub(crate) struct SecretRotateArgs {}

impl Run for SecretRotateArgs {
    fn run(self, cx: &Context) -> Result<Output, CliError> {
        let rotated = secret_rotate(&cx.app()?)?;
        let note = match rotated.secrets {
            0 => "There are no secrets.".to_owned(),
            n => format!("Sealed {} with a new key.", show::count(n, "secret")),
        };
        let output = Output::new(rotated).note(note);
        Ok(match rotated.fields {
            true => output.note("Sensitive fields of data are sealed with a new key from now on."),
            false => output,
        })
    }

    fn changes(&self) -> bool {
        true
    }
}
