//! `sedge data delete`

use clap::{ArgGroup, Args};
use sedge_app::data_delete::{Chosen, Request, data_delete};
use sedge_app::types::DataDeleted;
use serde_json::{Value, json};

use crate::commands::shared::{DryRun, LockOptions};
use crate::context::Context;
use crate::error::CliError;
use crate::guest_text;
use crate::output::{Output, table};
use crate::show;

/// Delete data of a model for good
///
/// Waits until no call of the model is under way. The model itself may be gone. The room that
/// large files take is given back by `sedge data gc`.
#[derive(Debug, Args)]
#[command(
    override_usage = "sedge data delete [OPTIONS] <MODEL> <NAME [--version N]|--prefix TEXT|--all>"
)]
#[command(group(ArgGroup::new("what").required(true).args(["name", "prefix", "all"])))]
pub(crate) struct DataDeleteArgs {
    /// The model
    model: String,
    /// The name of the data
    name: Option<String>,
    /// Delete this version only
    #[arg(long, short = 'V', value_name = "N", requires = "name")]
    version: Option<u64>,
    /// Delete all data whose name begins so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Delete all data of the model
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    lock: LockOptions,
}

pub(crate) fn run(cx: &Context, args: &DataDeleteArgs) -> Result<Output, CliError> {
    let repository = cx.repository_with(args.lock.settings()?)?;
    let chosen = match (&args.name, &args.prefix) {
        (Some(name), _) => Chosen::Name(name.clone(), args.version),
        (None, Some(prefix)) => Chosen::Prefix(prefix.clone()),
        (None, None) => Chosen::All,
    };
    let dry_run = args.dry_run.is_set();
    let request = Request {
        model: args.model.clone(),
        chosen,
        dry_run,
    };
    let report = cx.wait(data_delete(&repository, &request, cx.events()))?;
    let data = json!({
        "model": report.model,
        "dryRun": dry_run,
        "deleted": deleted_json(&report.deleted),
    });
    let output = Output::new(data);
    if report.deleted.is_empty() {
        return Ok(output.note(format!("The model {} has no such data.", report.model)));
    }
    let total = total(&report.deleted);
    Ok(output.text(deleted_table(&report.deleted)).note(
        args.dry_run
            .sentence(&format!("{total} of {}", report.model)),
    ))
}

/// Returns what was deleted, by name, as `--json` shows it.
pub(crate) fn deleted_json(deleted: &[DataDeleted]) -> Vec<Value> {
    let document = |it: &DataDeleted| {
        json!({
            "model": it.model,
            "name": it.name,
            "versions": it.n_versions,
            "bytes": it.n_bytes,
        })
    };
    deleted.iter().map(document).collect()
}

/// Returns what was deleted, by name, as a table.
pub(crate) fn deleted_table(deleted: &[DataDeleted]) -> String {
    let rows = deleted.iter().map(|it| {
        vec![
            it.model.to_string(),
            guest_text::cell(it.name.as_str()),
            it.n_versions.to_string(),
            show::bytes(it.n_bytes),
        ]
    });
    table(&["model", "name", "versions", "size"], rows)
}

/// Returns how much was deleted, in words.
pub(crate) fn total(deleted: &[DataDeleted]) -> String {
    let n_versions: u64 = deleted.iter().map(|it| it.n_versions).sum();
    let n_bytes: u64 = deleted.iter().map(|it| it.n_bytes).sum();
    let n_versions = show::count(n_versions, "version");
    format!("{n_versions} ({})", show::bytes(n_bytes))
}
