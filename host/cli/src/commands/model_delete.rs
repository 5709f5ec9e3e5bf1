//! `sedge model delete`

use clap::Args;
use sedge_app::model_delete::model_delete;
use serde_json::json;

use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;
use crate::show;

/// Delete a model, and keep its data
///
/// Waits until no call of the model is under way.
#[derive(Debug, Args)]
pub(crate) struct ModelDeleteArgs {
    /// The model
    name: String,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &ModelDeleteArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let report = cx.wait(model_delete(&repository, &args.name, cx.events()))?;
    let data = json!({"name": report.name, "file": report.file, "dataKept": report.n_data});
    let output = Output::new(data).note(format!(
        "Deleted the model {}, which was {}",
        report.name, report.file
    ));
    Ok(match report.n_data {
        0 => output,
        n_data => output.note(format!(
            "hint: its data is kept; `sedge data delete {} --all` deletes {}",
            report.name,
            show::count(n_data, "name")
        )),
    })
}
