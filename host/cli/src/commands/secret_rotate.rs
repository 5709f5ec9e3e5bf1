//! `sedge secret rotate`

use clap::Args;
use sedge_app::secret_rotate::secret_rotate;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Seal all secrets anew, by a fresh key
///
/// The former key opens nothing any more. The values stay as they are: one that somebody may have
/// seen is replaced where it is used, and by `sedge secret put`.
#[derive(Debug, Args)]
pub(crate) struct SecretRotateArgs {}

pub(crate) fn run(cx: &Context, _args: &SecretRotateArgs) -> Result<Output, CliError> {
    let n_secrets = secret_rotate(&*cx.repository()?)?;
    let output = Output::new(json!({"secrets": n_secrets}));
    if n_secrets == 0 {
        return Ok(output.note("There are no secrets."));
    }
    let sealed = show::count(n_secrets, "secret");
    Ok(output.note(format!("Sealed {sealed} anew, by a fresh key.")))
}
