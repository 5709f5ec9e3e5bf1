//! `sedge data delete`

use clap::{ArgGroup, Args};
use sedge_app::data_delete::data_delete;
use serde_json::{Value, json};

use crate::commands::shared::LockOptions;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::show;

/// Delete data of a model, with all its versions
///
/// Waits until no call of the model is under way. The model itself may be gone.
#[derive(Debug, Args)]
#[command(override_usage = "sedge data delete [OPTIONS] <MODEL> <NAME|--all>")]
#[command(group(ArgGroup::new("what").required(true).args(["name", "all"])))]
pub(crate) struct DataDeleteArgs {
    /// The model
    model: String,
    /// The name of the data
    name: Option<String>,
    /// Delete all data of the model
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataDeleteArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings())?;
    let name = args.name.as_deref();
    let report = cx.wait(data_delete(&repository, &args.model, name, cx.events()))?;
    let deleted = report.deleted.iter();
    let data: Vec<Value> = deleted
        .clone()
        .map(|(name, n_versions)| json!({"name": name, "versions": n_versions}))
        .collect();
    let output = Output::new(json!({"model": report.model, "deleted": data}));
    if report.deleted.is_empty() {
        return Ok(output.note(format!("The model {} has no data.", report.model)));
    }
    let rows = deleted
        .clone()
        .map(|(name, n_versions)| vec![name.to_string(), n_versions.to_string()]);
    let n_versions: u64 = deleted.map(|(_, n_versions)| n_versions).sum();
    let n_versions = usize::try_from(n_versions).unwrap_or(usize::MAX);
    Ok(output
        .text(table(&["name", "versions deleted"], rows))
        .note(format!(
            "Deleted {} of {}.",
            show::count(n_versions, "version"),
            report.model
        )))
}
