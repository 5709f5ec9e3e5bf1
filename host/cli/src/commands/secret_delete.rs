//! `sedge secret delete`

use clap::Args;
use sedge_app::secret_delete::secret_delete;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// Delete a secret for good
#[derive(Debug, Args)]
pub(crate) struct SecretDeleteArgs {
    /// The name of the secret
    name: String,
}

pub(crate) fn run(cx: &Context, args: &SecretDeleteArgs) -> Result<Output, CliError> {
    let name = secret_delete(&*cx.repository()?, &args.name)?;
    Ok(Output::new(json!({"name": name})).note(format!("Deleted `{name}`.")))
}
