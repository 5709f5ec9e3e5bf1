//! `sedge secret delete`

use clap::Args;
use sedge_app::secret_delete::secret_delete;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Delete a secret permanently
#[derive(Debug, Args)]
pub(crate) struct SecretDeleteArgs {
    /// The name of the secret
    name: String,
}

pub(crate) fn run(cx: &Context, args: &SecretDeleteArgs) -> Result<Output, CliError> {
    let deleted = secret_delete(&*cx.repository()?, &args.name)?;
    let note = format!("Deleted `{}`.", deleted.name);
    Ok(Output::new(deleted).note(note))
}
